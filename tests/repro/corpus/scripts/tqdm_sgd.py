# A hand-written loop with a progress line and rates.
import sys
import time

import numpy as np

rng = np.random
X = np.load("data/table.npy")
y, X = X[:, -1], X[:, :-1]
w = rng.randn(X.shape[1])
begun = time.perf_counter()
for epoch in range(5):
    for i in rng.permutation(len(X)):
        w -= 0.01 * (X[i] @ w - y[i]) * X[i]
    loss = float(np.mean((X @ w - y) ** 2))
    spent = time.perf_counter() - begun
    print(f"epoch {epoch} loss {loss:.6f} [{spent:.2f}s, {len(X) * (epoch + 1) / spent:.1f} it/s]")
    print("\r" + "#" * epoch, end="", file=sys.stderr)
print("Training time:", time.perf_counter() - begun)
