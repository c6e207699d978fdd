# A memory map and a linear solve.
import numpy as np

a = np.memmap("data/table.f8", dtype="f8", mode="r").reshape(-1, 5)
w, *_ = np.linalg.lstsq(a[:, :4], a[:, 4], rcond=None)
noise = np.random.default_rng().normal(size=4)
print("weights", w)
print("with noise", w + 1e-3 * noise)
np.save("weights.npy", w)
np.savez("both.npz", w=w, noise=noise)
