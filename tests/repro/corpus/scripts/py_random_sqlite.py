# Standard library only: sqlite, random, uuid4 for a run name in a scratch folder.
import os
import random
import sqlite3
import tempfile

db = sqlite3.connect("data/table.db")
rows = db.execute("select x0, y from t").fetchall()
sample = random.sample(rows, 25)
mean = sum(y for _, y in sample) / len(sample)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "scratch.txt")
    open(path, "w").write(str(mean))
    print("scratch file:", path)
print("mean of a sample:", mean)
print("pid", os.getpid())
