# A pipeline kept as a pickle, as most tutorials do.
import pickle

import numpy as np
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

X, y = load_wine(return_X_y=True)
order = np.random.permutation(len(y))
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
model.fit(X[order[:120]], y[order[:120]])
print("held out:", model.score(X[order[120:]], y[order[120:]]))
pickle.dump(model, open("model.pkl", "wb"))
print("saved", model)
