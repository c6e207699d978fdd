"""That nothing names the person any more: every row, every stored byte and the files of this node searched, and what to say of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from runward.errors import StoreError
from runward.governance.dispatch import Dispatcher
from runward.privacy.files import stored
from runward.privacy.inventory import TABLES
from runward.privacy.rows import Reader, pages
from runward.privacy.words import Words
from runward.store.database import SqliteDatabase, Tx
from runward.store.layout import columns_of, primary_key
from runward.tracking.files import read_chunks

_WORDS = frozenset({"words"})


class Searched(msgspec.Struct, frozen=True):
    """A place that was searched byte by byte."""

    place: str
    bytes: int
    hits: int


def search_rows(tx: Tx, words: Words) -> Searched:
    """Every column of every row, whatever it is said to hold; but the words themselves, which are forgotten next."""
    size = hits = 0
    for table in TABLES:
        key = primary_key(tx, table)
        if not key:
            continue
        columns = [name for name in columns_of(tx, table) if table != "erasures" or name not in _WORDS]
        for page in pages(tx, Reader(table, key, (), ()), (), columns):
            for row in page:
                for value in row[len(key) :]:
                    data = value.encode() if isinstance(value, str) else value
                    if isinstance(data, bytes | bytearray | memoryview):
                        size, hits = size + len(data), hits + words.found_in([bytes(data)])
    return Searched("rows", size, hits)


def search_blobs(dispatcher: Dispatcher, words: Words, kept: set[str]) -> Searched:
    """Every stored byte, but files that were kept for a reason."""
    blobs, size, hits = dispatcher.blobs, 0, 0
    with dispatcher.database.transaction(write=False) as tx:
        digests = stored(tx, blobs)
    for digest in digests - kept:
        size, hits = size + blobs.size(digest), hits + words.found_in(blobs.chunks(digest))
    return Searched("blobs", size, hits)


def search_files(dispatcher: Dispatcher, words: Words, kept: set[str]) -> list[Searched]:
    """The files of this node: the database with its log, the bytes as they lie on disk, the index, keys, journals."""
    found = list[Searched]()
    database, root = dispatcher.database, dispatcher.folder
    named = set[Path]()
    if isinstance(database, SqliteDatabase):
        for path in _of_database(database.path):
            found.append(_search(words, path, str(path.name)))
            named.add(path)
    for path in _below(root):
        if path not in named and not _is_kept(path, kept):
            found.append(_search(words, path, str(path.relative_to(root))))
    return _grouped(found)


def _of_database(path: Path) -> list[Path]:
    return [one for one in (path, Path(f"{path}-wal"), Path(f"{path}-journal")) if one.exists()]


def _below(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in sorted(names) if not name.endswith("-shm"))


def _is_kept(path: Path, kept: set[str]) -> bool:
    return path.parent.name + path.name in kept


def _search(words: Words, path: Path, place: str) -> Searched:
    size = 0

    def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks:
            size += len(chunk)
            yield chunk

    try:
        hits = words.found_in(counted(read_chunks(path)))
    except FileNotFoundError:
        return Searched(place, 0, 0)
    except OSError as error:
        hint = "look at the disk; the erasure goes on by itself"
        raise StoreError(f"{path} cannot be read to the end: {error.strerror}", hint=hint) from error
    return Searched(place, size, hits)


def _grouped(found: list[Searched]) -> list[Searched]:
    """By the first folder, so that a certificate names places and not files."""
    sums: dict[str, Searched] = {}
    for one in found:
        place = one.place.partition(os.sep)[0]
        before = sums.get(place, Searched(place, 0, 0))
        sums[place] = Searched(place, before.bytes + one.bytes, before.hits + one.hits)
    return list(sums.values())
