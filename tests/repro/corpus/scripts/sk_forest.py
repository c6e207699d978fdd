# Random forest on the breast cancer data, no seed anywhere.
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3)
model = RandomForestClassifier(n_estimators=30, n_jobs=2).fit(X_train, y_train)
print("accuracy:", model.score(X_test, y_test))
print("first probabilities:", model.predict_proba(X_test[:3])[:, 1])
