# A classifier, a clustering and a regression of flowers, with all charts for each.
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

import wandb

iris = load_iris()
X_train, X_test, y_train, y_test = train_test_split(iris.data, iris.target, test_size=0.3, random_state=1)
labels, features = iris.target_names, iris.feature_names

wandb.init(project="visualize-sklearn", name="forest")
forest = RandomForestClassifier(n_estimators=10, random_state=1).fit(X_train, y_train)
y_pred, y_probas = forest.predict(X_test), forest.predict_proba(X_test)
wandb.sklearn.plot_classifier(
    forest, X_train, X_test, y_train, y_test, y_pred, y_probas, labels, False, "forest", features
)

wandb.init(project="visualize-sklearn", name="kmeans", reinit=True)
kmeans = KMeans(n_clusters=3, random_state=1, n_init=2)
wandb.sklearn.plot_clusterer(kmeans, X_train, kmeans.fit_predict(X_train), labels, "kmeans")

wandb.init(project="visualize-sklearn", name="ridge", reinit=True)
ridge = Ridge().fit(X_train, y_train)
wandb.sklearn.plot_regressor(ridge, X_train, X_test, y_train, y_test, "ridge")
