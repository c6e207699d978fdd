"""The format of a model's file, by its first bytes and then by its name, and whether loading it runs code.

Nothing is loaded: of archives the list of members is read, of pickles the opcodes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from runward.registry.unpickling import MAX_BYTES, Names, is_dangerous, scan
from runward.registry.version_model import Format

Opener = Callable[[], BinaryIO | None]
"""Opens a whole file; None where it is too large to be looked into from here."""
HEAD_BYTES = 64
_MAX_HEADER = 100 << 20
_MAX_MEMBERS = 5000
_MAX_PICKLED = 20
_MAX_MEMBER = 16 << 20
_READ_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, RuntimeError, KeyError)
_PICKLED = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt", ".sav", ".dill", ".cloudpickle", ".p")
_PLAIN = (
    (b"GGUF", "GGUF"),
    (b"binf", "XGBoost binary"),
    (b"CBM1", "CatBoost"),
    (b"tree\n", "LightGBM text"),
    (b"PAR1", "Parquet"),
    (b"\x89PNG", "PNG"),
)
"""What data begin with whose readers run nothing of it."""
_OBJECTS = re.compile(rb"'[|<>=]?O\d*'")
"""How the header of an array says that its values are Python objects."""
_TEXTS = {
    ".json": "JSON",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".toml": "TOML",
    ".txt": "text",
    ".md": "Markdown",
    ".csv": "CSV",
    ".jinja": "template",
}
_PACKED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x5d\x00\x00": lzma.open,
}
"""How joblib compresses a pickle, by the first bytes."""


def recognise(path: str, size: int, head: bytes, opener: Opener) -> Format:
    """What a file is.

    Args:
        path: Its name; it counts where the first bytes do not tell.
        size: In bytes.
        head: Its first bytes, :data:`HEAD_BYTES` if it has so many.
        opener: Called for formats that the first bytes do not settle.
    """
    name = path.lower()
    if size == 0:
        return Format(name="empty", safety="unknown", note="it has no bytes")
    try:
        return _by_bytes(name, size, head, opener) or _by_name(name, head)
    except _READ_ERRORS as error:
        return Format(name="damaged", safety="unknown", complete=False, note=f"it could not be read: {error}"[:200])


def _by_bytes(name: str, size: int, head: bytes, opener: Opener) -> Format | None:
    if (plain := next((word for magic, word in _PLAIN if head.startswith(magic)), None)) is not None:
        return Format(name=plain, safety="safe")
    if head[4:8] == b"TFL3":
        return Format(name="TensorFlow Lite", safety="safe")
    if _is_safetensors(size, head):
        return Format(name="safetensors", safety="safe")
    if head.startswith(b"\x93NUMPY"):
        return _npy(opener())
    if head.startswith(b"PK\x03\x04"):
        return _zip(opener())
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5(opener())
    if _is_pickle(head):
        return _pickle("pickle", opener())
    if name.endswith((*_PICKLED, ".gz", ".z", ".bz2", ".xz", ".lzma")):
        return _packed(head, opener())
    return _onnx(name, head)


def _by_name(name: str, head: bytes) -> Format:
    suffix = PurePosixPath(name).suffix
    if suffix == ".py":
        return Format(name="Python source", safety="unsafe", note="it is code: it runs when it is imported")
    if name.endswith("saved_model.pb"):
        note = "its graph is a program that can read and write files"
        return Format(name="TensorFlow SavedModel", safety="unsafe", note=note)
    if name.endswith(_PICKLED):
        return Format(name="unknown", safety="unknown", complete=False, note="its name says pickle, its bytes do not")
    if PurePosixPath(name).name == "mlmodel":
        return Format(name="MLmodel", safety="safe")
    if suffix in _TEXTS and b"\0" not in head:
        return Format(name=_TEXTS[suffix], safety="safe")
    if suffix == ".ubj":
        return Format(name="XGBoost UBJSON", safety="safe")
    return Format(name="unknown", safety="unknown", note="neither its bytes nor its name tell what it is")


def _is_safetensors(size: int, head: bytes) -> bool:
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= min(_MAX_HEADER, size - 8) and head[8:9] == b"{" and b'"' in head[9:HEAD_BYTES]


def _onnx(name: str, head: bytes) -> Format | None:
    """A protobuf whose first field is the version of the intermediate representation, a small number."""
    looks = (
        head[:1] == b"\x08"
        and b"\x01" <= head[1:2] <= b"\x1e"
        and head[2:3] in (b"\x12", b"\x1a", b"\x3a", b"\x42", b"\x72")
    )
    if not looks and not name.endswith(".onnx"):
        return None
    if not looks:
        return Format(name="unknown", safety="unknown", note="its name says ONNX, its bytes do not")
    return Format(name="ONNX", safety="safe")


def _is_pickle(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5


def _of_names(kind: str, names: Names, note: str = "") -> Format:
    dangerous = [name for name in names.imports if is_dangerous(name)]
    if any(name.startswith("cloudpickle.") for name in names.imports):
        note = "; ".join(part for part in (note, "it carries Python code of its own") if part)
    if not names.complete:
        note = "; ".join(part for part in (note, "not all of it could be followed") if part)
    return Format(
        name=kind, safety="unsafe", imports=names.imports, dangerous=dangerous, complete=names.complete, note=note
    )


def _pickle(kind: str, opened: BinaryIO | None) -> Format:
    if opened is None:
        return _of_names(kind, Names([], False))
    names = scan(opened)
    if kind == "pickle" and any(name.startswith("joblib.numpy_pickle") for name in names.imports):
        kind = "joblib"
    return _of_names(kind, names)


def _packed(head: bytes, opened: BinaryIO | None) -> Format | None:
    """A compressed pickle, or one of the oldest protocols, which begin with nothing special."""
    if opened is None:
        return Format(name="unknown", safety="unknown", complete=False, note="too large to be looked into from here")
    inside = _unpacked(head, opened)
    if inside is None:
        names = scan(opened)
        return _of_names("pickle", names) if names.complete or names.imports else None
    if _is_pickle(inside[:2]):
        return _pickle("pickle", io.BytesIO(inside))
    return Format(name="compressed", safety="unknown", note="what is inside is no pickle of a known form")


def _unpacked(head: bytes, opened: BinaryIO) -> bytes | None:
    """What is inside a compressed file, as far as it is looked at; None where it is not compressed."""
    if head[:1] == b"\x78" and head[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"):
        return zlib.decompressobj().decompress(opened.read(MAX_BYTES), MAX_BYTES + 1)
    unpack = next((how for magic, how in _PACKED.items() if head.startswith(magic)), None)
    if unpack is None:
        return None
    with unpack(opened) as file:
        return bytes(file.read(MAX_BYTES + 1))


def _npy(opened: BinaryIO | None) -> Format:
    if opened is None:
        return Format(name="NPY", safety="unknown", complete=False, note="too large to be looked into from here")
    opened.seek(6)
    wide = opened.read(2)[:1] != b"\x01"
    header = opened.read(int.from_bytes(opened.read(4 if wide else 2), "little") & 0xFFFFFF)
    if not _OBJECTS.search(header):
        return Format(name="NPY", safety="safe")
    return _of_names("NPY of objects", scan(opened), "its values are a pickle")


def _hdf5(opened: BinaryIO | None) -> Format:
    data = opened.read(MAX_BYTES) if opened is not None else b""
    if b'"class_name": "Lambda"' in data or b'"class_name":"Lambda"' in data:
        return Format(name="HDF5", safety="unsafe", note="a Keras Lambda layer in it is Python code")
    if opened is None or opened.read(1):
        return Format(name="HDF5", safety="unknown", complete=False, note="too large to be looked into")
    return Format(name="HDF5", safety="safe")


def _zip(opened: BinaryIO | None) -> Format:
    if opened is None:
        return Format(name="ZIP", safety="unknown", complete=False, note="too large to be looked into from here")
    with zipfile.ZipFile(opened) as archive:
        members = archive.namelist()
        if len(members) > _MAX_MEMBERS * 20:
            return Format(name="ZIP", safety="unknown", complete=False, note=f"it has {len(members):,} members")
        ends = {member.rpartition("/")[2] for member in members}
        if "schema.json" in members and "data.pkl" not in ends:
            return _skops(archive)
        if {"config.json", "metadata.json"} <= set(members):
            return _keras(archive)
        return _members(archive, members, ends)


def _skops(archive: zipfile.ZipFile) -> Format:
    """Skops names the types that it makes, and makes only those that its reader trusts."""
    named: dict[str, None] = {}

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("__module__"), str) and isinstance(value.get("__class__"), str):
                named[f"{value['__module__']}.{value['__class__']}"] = None
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(json.loads(_limited(archive, "schema.json")))
    dangerous = [name for name in named if is_dangerous(name)]
    note = "loading makes only types that its reader trusts"
    return Format(name="skops", safety="safe", imports=list(named)[:200], dangerous=dangerous, note=note)


def _keras(archive: zipfile.ZipFile) -> Format:
    config = _limited(archive, "config.json")
    if b'"Lambda"' in config:
        return Format(name="Keras", safety="unsafe", note="a Lambda layer in it is Python code")
    return Format(name="Keras", safety="safe", note="custom layers are looked up by name in the loading program")


def _members(archive: zipfile.ZipFile, members: list[str], ends: set[str]) -> Format:
    kind = "ZIP"
    if "data.pkl" in ends:
        kind = "TorchScript" if "constants.pkl" in ends else "PyTorch"
    elif members and all(member.endswith(".npy") for member in members):
        kind = "NPZ"
    looked = list(_pickled(archive, members[:_MAX_MEMBERS], kind))
    complete = len(members) <= _MAX_MEMBERS and len(looked) < _MAX_PICKLED and all(inner.complete for inner in looked)
    unsafe = [inner for inner in looked if inner.safety == "unsafe"]
    if unsafe or kind == "TorchScript":
        imports = list(dict.fromkeys(name for inner in unsafe for name in inner.imports))
        note = "it carries a program of its own" if kind == "TorchScript" else "it holds a pickle"
        return _of_names("NPZ of objects" if kind == "NPZ" else kind, Names(imports, complete), note)
    if kind == "NPZ" and complete:
        return Format(name="NPZ", safety="safe")
    return Format(name=kind, safety="unknown", complete=complete, note="an archive of no known kind")


def _pickled(archive: zipfile.ZipFile, members: list[str], kind: str) -> Iterator[Format]:
    """The members that may be pickles; so many at most, because an archive of a few bytes can hold any number."""
    left = _MAX_PICKLED
    for member in members:
        with archive.open(member) as file:
            head = file.read(HEAD_BYTES)
            if head.startswith(b"\x93NUMPY"):
                found = _npy(io.BytesIO(head + file.read(_MAX_MEMBER)))
            elif _is_pickle(head) or (kind == "ZIP" and member.endswith(_PICKLED)):
                found = _pickle("pickle", io.BytesIO(head + file.read(_MAX_MEMBER)))
            else:
                continue
        if found.safety == "unsafe":
            yield found
            left -= 1
        if left == 0:
            return


def _limited(archive: zipfile.ZipFile, member: str) -> bytes:
    with archive.open(member) as file:
        return file.read(MAX_BYTES)
