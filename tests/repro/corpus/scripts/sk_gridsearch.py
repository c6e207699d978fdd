# Grid search; the results table keeps fit times beside scores.
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.tree import DecisionTreeRegressor

X, y = load_diabetes(return_X_y=True)
search = GridSearchCV(DecisionTreeRegressor(), {"max_depth": [2, 3, 4]}, cv=KFold(4, shuffle=True)).fit(X, y)
print(search.best_params_, search.best_score_)
pd.DataFrame(search.cv_results_).to_csv("cv_results.csv", index=False)
