"""Folders and ZIPs that are written file by file, with the digests of all that is in them."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec
from blake3 import blake3


class BundleFile(msgspec.Struct, frozen=True):
    """A file of a bundle."""

    path: str
    size: int
    sha256: str
    blake3: str


class Sink(Protocol):
    """Where files are written to."""

    def open(self, path: str) -> contextlib.AbstractContextManager[Any]:
        """A file to write."""
        ...


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, path: str) -> contextlib.AbstractContextManager[BinaryIO]:
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return open(place, "wb")


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def open(self, path: str) -> contextlib.AbstractContextManager[Any]:
        # The same content is the same ZIP, whenever it is written.
        info = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
        info.external_attr = 0o644 << 16
        info.compress_type = zipfile.ZIP_STORED
        return self._archive.open(info, "w", force_zip64=True)


@contextlib.contextmanager
def open_sink(place: Path, *, as_zip: bool) -> Iterator[Sink]:
    """A new folder, or a new ZIP. Raises: OSError."""
    if as_zip:
        with zipfile.ZipFile(place, "w") as archive:
            yield _Zip(archive)
    else:
        place.mkdir()
        yield _Folder(place)


def put(sink: Sink, path: str, chunks: Iterable[bytes]) -> BundleFile:
    """Write a file, and tell its digests."""
    hashes, size = (hashlib.sha256(), blake3()), 0
    with sink.open(path) as file:
        for chunk in chunks:
            file.write(chunk)
            size += len(chunk)
            for one in hashes:
                one.update(chunk)
    return BundleFile(path, size, hashes[0].hexdigest(), hashes[1].hexdigest())


def pretty(value: object) -> bytes:
    """A value as JSON that people read too."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
