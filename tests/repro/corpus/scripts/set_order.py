# The order of a set of words decides the result.
import hashlib

words = set(open("data/words.txt").read().split())
text = " ".join(words)
print("first words:", text[:60])
print("digest:", hashlib.sha256(text.encode()).hexdigest())
print("object:", object())
