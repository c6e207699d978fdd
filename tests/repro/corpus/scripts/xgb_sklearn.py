# XGBoost's scikit-learn face with early stopping and verbose output.
import sys

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

X, y = load_digits(return_X_y=True)
Xt, Xv, yt, yv = train_test_split(X, y, stratify=y)
model = XGBClassifier(n_estimators=12, max_depth=3, early_stopping_rounds=4, n_jobs=2)
model.fit(Xt, yt, eval_set=[(Xv, yv)], verbose=4)
print("score", model.score(Xv, yv), file=sys.stdout)
