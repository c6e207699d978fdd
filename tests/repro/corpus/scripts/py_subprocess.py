# Work done by child processes: `cat` reads, workers compute.
import multiprocessing
import random
import subprocess


def work(seed: int) -> float:
    random.seed(seed)
    return sum(random.random() for _ in range(100))


if __name__ == "__main__":
    text = subprocess.run(["cat", "data/words.txt"], capture_output=True, text=True, check=True).stdout
    print("words", len(text.split()))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print("sums", pool.map(work, range(4)))
