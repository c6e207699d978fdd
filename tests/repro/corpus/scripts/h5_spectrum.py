# h5py: read by the HDF5 library.
import h5py
import numpy as np

with h5py.File("data/table.h5", "r") as f:
    x = f["x"][:]
power = np.abs(np.fft.rfft(x[:, 0])) ** 2
print("peak", int(power[1:].argmax()), power[1:].max())
with h5py.File("spectrum.h5", "w") as f:
    f["power"] = power
