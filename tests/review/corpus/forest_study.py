"""Compares forests on one table."""

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

DATA = "/home/lena/tables/patients.csv"
trees = 200
table = pd.read_csv(DATA)
X = table.drop(columns="label").to_numpy()
y = table["label"].to_numpy()

scores = np.array([])
for depth in [2, 4, 8]:
    try:
        model = RandomForestClassifier(n_estimators=trees, max_depth=depth)
        scores = np.append(scores, cross_val_score(model, X, y).mean())
    except Exception:
        pass
print(scores)
