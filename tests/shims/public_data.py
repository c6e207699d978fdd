"""Data in place of what public scripts would download: made up, in the files where their libraries look for it."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.extras import needs


def houses(home: Path) -> None:
    """California's houses, for ``sklearn.datasets.fetch_california_housing``: random numbers of the same shape."""
    numpy = needs("numpy")
    folder = home / "scikit_learn_data"
    folder.mkdir(parents=True)
    rows = numpy.random.default_rng(0).uniform(1, 5, (2000, 9))
    needs("joblib").dump(rows, folder / "cal_housing_py3.pkz", compress=6)


def digits(folder: Path) -> None:
    """MNIST and Fashion-MNIST, for torchvision: scikit-learn's digits of 8 by 8, enlarged."""
    numpy = needs("numpy")
    small, labels = needs("sklearn.datasets").load_digits(return_X_y=True)
    images = numpy.zeros((len(small), 28, 28))
    images[:, 2:26, 2:26] = numpy.kron(small.reshape(-1, 8, 8), numpy.ones((3, 3))) * 15
    for name in ("MNIST", "FashionMNIST"):
        raw = folder / name / "raw"
        raw.mkdir(parents=True)
        for part, rows in (("train", slice(0, 1500)), ("t10k", slice(1500, None))):
            _idx(raw / f"{part}-images-idx3-ubyte", images[rows])
            _idx(raw / f"{part}-labels-idx1-ubyte", labels[rows])


def _idx(path: Path, array: object) -> None:
    numbers = needs("numpy").asarray(array, "uint8")
    content = bytes([0, 0, 8, numbers.ndim]) + b"".join(size.to_bytes(4, "big") for size in numbers.shape)
    path.write_bytes(content + numbers.tobytes())
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content + numbers.tobytes(), 1))


def words(folder: Path) -> None:
    """A text as numbers below 65, for nanoGPT's ``--dataset=tiny``."""
    numpy = needs("numpy")
    (folder / "tiny").mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 20000), ("val", 4000)):
        numpy.random.default_rng(0).integers(0, 65, count, "uint16").tofile(folder / "tiny" / f"{part}.bin")


def regression(folder: Path) -> None:
    """The tables of LightGBM's regression example, to be found instead of by ``requests``."""
    numpy = needs("numpy")
    for part in ("train", "test"):
        numpy.savetxt(folder / f"regression.{part}", numpy.random.default_rng(0).random((400, 6)), delimiter="\t")
