# Ridge regression with hyperparameters from a YAML file and data from a CSV file.
import csv
import json

import numpy as np
import yaml
from sklearn.linear_model import Ridge

with open("config.yaml") as f:
    config = yaml.safe_load(f)
with open("data/table.csv", newline="") as f:
    rows = [[float(cell) for cell in row] for row in list(csv.reader(f))[1:]]
table = np.array(rows)
X, y = table[:, :-1], table[:, -1]
model = Ridge(alpha=config["alpha"]).fit(X, y)
score = model.score(X, y)
print(f"R2 = {score:.3f}")
with open("result.json", "w") as f:
    json.dump({"r2": score, "coef": model.coef_.tolist(), "alpha": config["alpha"]}, f, indent=2)
