"""A whole workspace into another database and another store of bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import BinaryIO

from blake3 import blake3

from runward.core.ids import Digest
from runward.errors import ConflictError
from runward.store.blobs import Shelf, check_announced
from runward.store.database import Database, Tx
from runward.store.layout import columns_of, tables_of
from runward.store.migrations import check_schema
from runward.store.small import SMALL_BYTES

Progress = Callable[[str, int], None]
"""Told what was copied and how many of it."""
_BATCH, _BATCH_BYTES = 500, 256 << 20
"""So many encrypted files, or so many bytes of them, are made durable together."""


def copy_blobs(source: Shelf, target: Shelf, progress: Progress, sums: Mapping[str, str] | None = None) -> int:
    """Copy all bytes that are not in the target yet; returns how many blobs were written.

    Each one's digest is checked on the way, and an interrupted copy goes on where it was. What is encrypted is copied as it is,
    without any key.

    Args:
        source: Where they lie.
        target: Where they are to lie too.
        progress: Told how many were copied.
        sums: Digests of the encrypted ones as they lie, by name, where they are known.

    Raises: InvalidError (bytes of the source do not have their digest any more), StoreError.
    """
    written = 0
    for digest, _, _ in source.stored():
        if not target.has(digest):
            target.put_stream(source.chunks(digest), digest)
            written += 1
            progress("files", written)
    sealed, beside = source.beside(), target.beside()
    try:
        for some in _batches((name, size) for name, size, _ in sealed.stored() if not beside.has(name)):
            _copy_named(sealed, beside, some, {} if sums is None else sums)
            written += len(some)
            progress("files", written)
    finally:
        sealed.close()
        beside.close()
    return written


def _batches(found: Iterable[tuple[Digest, int]]) -> Iterator[list[tuple[Digest, int]]]:
    some, room = list[tuple[Digest, int]](), _BATCH_BYTES
    for name, size in found:
        some.append((name, size))
        room -= size
        if room <= 0 or len(some) == _BATCH:
            yield some
            some, room = [], _BATCH_BYTES
    if some:
        yield some


def _copy_named(source: Shelf, target: Shelf, some: list[tuple[Digest, int]], sums: Mapping[str, str]) -> None:
    small = dict[Digest, bytes]()

    def write(name: Digest, file: BinaryIO) -> None:
        hasher = blake3()
        for piece in source.pieces(name):
            hasher.update(piece)
            file.write(piece)
        check_announced(hasher.hexdigest(), Digest(sums.get(name, hasher.hexdigest())))

    def large() -> Iterator[tuple[Digest, Callable[[BinaryIO], None]]]:
        for name, size in some:
            if size > SMALL_BYTES:
                yield name, partial(write, name)
                continue
            file = io.BytesIO()
            write(name, file)
            small[name] = file.getvalue()

    target.put_named(small, large())


def copy_rows(source: Database, target: Database, progress: Progress) -> int:
    """Copy every table into an empty database, all or nothing; returns the number of rows.

    They are those of one moment, whoever writes to the source meanwhile.

    Args:
        source: A workspace of this version's format.
        target: An empty database; its tables are made.
        progress: Told each table when it is copied.

    Raises: ConflictError (the target is not empty), StoreError, MigrationNeededError.
    """
    check_schema(source)
    check_schema(target)
    copied = 0
    with source.snapshot() as read, target.transaction(write=True) as write:
        tables = tables_of(read)
        for table in tables:
            # What a new database begins with is replaced by what is copied.
            if table in _BEGUN:
                write.execute(f"DELETE FROM {table} WHERE {_BEGUN[table]}")
            if write.scalar(f"SELECT 1 FROM {table} LIMIT 1"):
                raise ConflictError(
                    f"the database is not empty: its table {table} has rows", hint="give an empty database"
                )
        if write.dialect == "sqlite":
            write.execute("PRAGMA defer_foreign_keys = ON")
        for table in tables:
            columns = columns_of(read, table)
            names = ", ".join(columns)
            count = write.bulk(table, names, read.each(f"SELECT {names} FROM {table} ORDER BY 1"))
            if write.dialect == "postgresql":
                _set_counter(write, table, columns[0])
            copied += count
            progress(table, count)
        # Tables of points stay where they are; the new place writes its own.
        write.execute("UPDATE runs SET tabled = 0 WHERE tabled <> 0")
    return copied


_BEGUN = {"audit_heads": "seq = 0", "workspace": "key = 'grants_known_since'"}
"""Rows of a database that nobody has used: the ends of its audit trail's chains, and since when its roles are noted."""


def _set_counter(tx: Tx, table: str, column: str) -> None:
    """Let new rows be numbered after the copied ones, if the database numbers a table's first column."""
    sequence = tx.scalar("SELECT pg_get_serial_sequence(?, ?)", (table, column))
    if sequence is not None:
        tx.execute(f"SELECT setval('{sequence}', (SELECT COALESCE(max({column}), 1) FROM {table}))")
