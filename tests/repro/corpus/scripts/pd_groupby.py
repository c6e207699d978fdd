# pandas only: read, group, write.
import pandas as pd

frame = pd.read_csv("data/table.csv")
frame["bin"] = pd.qcut(frame["x0"], 4, labels=False)
summary = frame.groupby("bin").agg(["mean", "std"])
print(summary.round(3).to_string())
frame.sample(20).to_csv("sample.csv", index=False)
