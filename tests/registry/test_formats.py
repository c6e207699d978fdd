"""Formats of models' files, as the libraries themselves write them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runward.registry import formats
from runward.registry.formats import HEAD_BYTES, recognise
from runward.registry.unpickling import is_dangerous, scan
from runward.registry.version_model import Format
from runward.testing.modelversions import WEIGHTS, Wicked, zipped
from tests.extras import needs

SYSTEM = f"{os.system.__module__}.system"
EVIL = pickle.dumps(Wicked())


def of(data: bytes, name: str = "file") -> Format:
    return recognise(name, len(data), data[:HEAD_BYTES], lambda: io.BytesIO(data))


def test_formats_are_told_by_their_bytes() -> None:
    assert of(WEIGHTS).name == "safetensors"
    assert of(b"GGUF\x03\0\0\0" + bytes(16)).name == "GGUF"
    assert of(b"\x08\x0a\x12\x07pytorch", "m.onnx").name == "ONNX"
    assert of(b"\x1c\0\0\0TFL3" + bytes(8)).name == "TensorFlow Lite"
    assert of(b'{"a": 1}', "x.json").name == "JSON"
    assert of(zipped({"schema.json": b'{"__module__": "a.b", "__class__": "C", "content": []}'})) == Format(
        name="skops", safety="safe", imports=["a.b.C"], note="loading makes only types that its reader trusts"
    )
    plain = zipped({"config.json": b"{}", "metadata.json": b"{}", "model.weights.h5": b""})
    assert (of(plain).name, of(plain).safety) == ("Keras", "safe")
    code = zipped({"config.json": b'{"class_name": "Lambda"}', "metadata.json": b"{}"})
    assert of(code).safety == "unsafe"


def test_what_cannot_be_told_is_not_called_safe() -> None:
    for data, name in [(b"", "a"), (b"\xff" * 90, "a.bin"), (b"PK\x03\x04broken", "a.zip"), (b"plain", "a.onnx")]:
        assert of(data, name).safety == "unknown", name
    large = recognise("net.pt", 10**12, b"PK\x03\x04", lambda: None)
    assert (large.safety, large.complete) == ("unknown", False)
    assert of(b"import os", "loader.py").safety == "unsafe"
    assert of(b"\x08\x01", "saved_model.pb").safety == "unsafe"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_names_what_it_imports(protocol: int) -> None:
    found = of(pickle.dumps(Wicked(), protocol), "m.pkl")
    assert (found.name, found.safety, found.complete) == ("pickle", "unsafe", True)
    assert found.dangerous == [SYSTEM]


def test_names_that_are_built_in_roundabout_ways_are_not_missed() -> None:
    # Through the memo, and with the name below other values that are taken away again.
    memo = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93."
    assert of(memo).dangerous == ["os.system"]
    hidden = b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x05numpy\x8c\x05array00\x93."
    assert of(hidden).dangerous == ["?.?"]
    assert of(b"\x80\x02\x82\x07.").dangerous == ["copyreg.extension_7"]


def test_a_pickle_inside_of_something_is_found() -> None:
    for pack in (gzip.compress, bz2.compress, zlib.compress, lzma.compress):
        assert of(pack(EVIL), "m.joblib").dangerous == [SYSTEM], pack
    assert of(zipped({"arc/data.pkl": EVIL, "arc/data/0": b"x"})).name == "PyTorch"
    assert of(zipped({"any.bin": EVIL, "b.txt": b"x"})).dangerous == [SYSTEM]
    script = of(zipped({"a/data.pkl": b"\x80\x02}.", "a/constants.pkl": b"\x80\x02).", "a/code/x.py": b"pass"}))
    assert (script.name, script.safety) == ("TorchScript", "unsafe")
    # PyTorch's older format: several pickles, then raw bytes.
    assert of(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + EVIL + b"\xff" * 9).dangerous == [
        SYSTEM
    ]


def test_a_long_pickle_or_a_broken_one_is_not_called_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not of(EVIL[:-1]).complete
    monkeypatch.setattr("runward.registry.unpickling.MAX_OPCODES", 50)
    long = of(pickle.dumps([list(range(100)), Wicked()]))
    assert not long.complete
    assert long.dangerous == [SYSTEM]


def test_archives_are_looked_into_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_MAX_PICKLED", 2)
    found = of(zipped({f"{number}.pkl": pickle.dumps(Path()) for number in range(5)}))
    assert (found.safety, found.complete) == ("unsafe", False)


@given(st.binary(max_size=300), st.sampled_from(["m.pkl", "m.pt", "m.npy", "m.zip", "m.h5", "m.onnx", "m"]))
@example(b"\x08", "m.npy")
def test_any_bytes_have_a_format(data: bytes, name: str) -> None:
    for magic in (b"", b"PK\x03\x04", b"\x93NUMPY\x01\0", b"\x80\x04", b"\x1f\x8b", b"\x78\x9c"):
        assert of(magic + data, name).safety in ("safe", "unsafe", "unknown")


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_plain_values_import_nothing(value: object) -> None:
    assert scan(io.BytesIO(pickle.dumps(value))) == ([], True)


def test_dangerous_names() -> None:
    for name in (
        "os.system",
        "posix.popen",
        "subprocess.Popen",
        "builtins.eval",
        "__builtin__.eval",
        "urllib.request.x",
    ):
        assert is_dangerous(name), name
    for name in (
        "sklearn.linear_model._base.LinearRegression",
        "numpy.ndarray",
        "builtins.set",
        "osgeo.ogr",
        "collections.OrderedDict",
    ):
        assert not is_dangerous(name), name


def test_as_the_libraries_write_them(tmp_path: Path) -> None:
    numpy, linear, joblib, skops = (
        needs(name, "mlflow") for name in ("numpy", "sklearn.linear_model", "joblib", "skops.io")
    )
    model = linear.LogisticRegression().fit(numpy.eye(4), [0, 1, 0, 1])
    objects = numpy.array([{}], dtype=object)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    numpy.save(tmp_path / "a.npy", numpy.eye(3))
    numpy.save(tmp_path / "o.npy", objects)
    numpy.savez_compressed(tmp_path / "a.npz", a=numpy.eye(3))
    numpy.savez(tmp_path / "o.npz", a=numpy.eye(3), o=objects)
    joblib.dump(model, tmp_path / "m.joblib")
    joblib.dump(model, tmp_path / "m.z", compress=3)
    skops.dump(model, tmp_path / "m.skops")
    found = {path.name: recognise(path.name, *_parts(path)) for path in tmp_path.iterdir()}
    named = {name: (format.name, format.safety) for name, format in found.items()}
    assert named == {
        "x.zip": ("ZIP", "unknown"),
        "a.npy": ("NPY", "safe"),
        "o.npy": ("NPY of objects", "unsafe"),
        "a.npz": ("NPZ", "safe"),
        "o.npz": ("NPZ of objects", "unsafe"),
        "m.joblib": ("joblib", "unsafe"),
        "m.z": ("joblib", "unsafe"),
        "m.skops": ("skops", "safe"),
    }
    for name in ("m.joblib", "m.z", "m.skops"):
        assert "sklearn.linear_model._logistic.LogisticRegression" in found[name].imports
        assert found[name].dangerous == []


def _parts(path: Path) -> Any:
    return path.stat().st_size, path.read_bytes()[:HEAD_BYTES], lambda: path.open("rb")
