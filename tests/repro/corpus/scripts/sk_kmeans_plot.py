# Clusters and a picture of them.
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris

X, _ = load_iris(return_X_y=True)
km = KMeans(n_clusters=3, n_init=4).fit(X)
print("inertia", km.inertia_)
plt.scatter(X[:, 0], X[:, 1], c=km.labels_)
plt.savefig("clusters.png", dpi=60)
plt.savefig("clusters.svg")
print("figure written to", __import__("os").path.abspath("clusters.png"))
