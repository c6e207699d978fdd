"""Small blobs in one SQLite file: on most disks, making a file costs more than writing what is in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from runward.core.ids import Digest
from runward.store.database import SqliteDatabase

SMALL_BYTES = 1 << 14
"""A blob of at most so many bytes is small."""
_FRESH_S = 60.0
"""What was wanted so recently needs no new note of it."""
_TABLE = "CREATE TABLE IF NOT EXISTS blobs (digest BLOB PRIMARY KEY, data BLOB NOT NULL, wanted REAL NOT NULL)"


class SmallBlobs:
    """Blobs in a file that is made with the first of them. Thread-safe; several processes may use it at once.

    What it is given has been checked against its digest. Every method raises StoreError (locked, read-only, disk full).
    """

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path)
        self._is_there = False

    def _exists(self) -> bool:
        if not self._is_there and os.path.exists(self._database.path):
            # The file is there a moment before its table.
            with self._database.transaction(write=False) as tx:
                self._is_there = tx.scalar("SELECT count(*) FROM sqlite_master WHERE name = 'blobs'") > 0
        return self._is_there

    def put(self, contents: Sequence[tuple[Digest, bytes]]) -> None:
        """Store contents, durable when this returns; all or none of them."""
        if not contents:
            return
        now = time.time()
        with self._database.transaction(write=True) as tx:
            if not self._is_there:
                tx.execute(_TABLE)
            tx.many(
                """INSERT INTO blobs (digest, data, wanted) VALUES (?, ?, ?)
                   ON CONFLICT (digest) DO UPDATE SET wanted = excluded.wanted""",
                [(bytes.fromhex(digest), data, now) for digest, data in contents],
            )
        self._is_there = True

    def _one(self, column: str, digest: Digest) -> bytes | float | None:
        if not self._exists():
            return None
        with self._database.transaction(write=False) as tx:
            found: bytes | float | None = tx.scalar(
                f"SELECT {column} FROM blobs WHERE digest = ?", (bytes.fromhex(digest),)
            )
        return found

    def read(self, digest: Digest) -> bytes | None:
        """A blob, or None."""
        found = self._one("data", digest)
        return bytes(found) if isinstance(found, bytes) else None

    def read_many(self, digests: Sequence[Digest]) -> dict[Digest, bytes]:
        """Those of some blobs that are stored."""
        if not self._exists():
            return {}
        wanted = [bytes.fromhex(digest) for digest in digests]
        with self._database.transaction(write=False) as tx:
            rows = tx.listed("SELECT digest, data FROM blobs WHERE digest IN ({})", wanted)
            return {Digest(row[0].hex()): bytes(row[1]) for row in rows}

    def size(self, digest: Digest) -> int | None:
        """A blob's length in bytes, or None."""
        found = self._one("length(data)", digest)
        return None if found is None else int(found)

    def have(self, digests: Sequence[Digest]) -> set[Digest]:
        """Those that are stored."""
        if not self._exists():
            return set()
        wanted = [bytes.fromhex(digest) for digest in digests]
        with self._database.transaction(write=False) as tx:
            rows = tx.listed("SELECT digest FROM blobs WHERE digest IN ({})", wanted)
            return {Digest(row[0].hex()) for row in rows}

    def touch(self, digest: Digest) -> bool:
        """Say that a blob is wanted now; False where it is not stored."""
        if not self._exists():
            return False
        now = time.time()
        wanted = self._one("wanted", digest)
        if wanted is None or now - float(wanted) < _FRESH_S:
            return wanted is not None
        with self._database.transaction(write=True) as tx:
            return tx.touched("UPDATE blobs SET wanted = ? WHERE digest = ?", (now, bytes.fromhex(digest))) > 0

    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """(digest, bytes, time in seconds since 1970 when it was last wanted) of every blob."""
        last = b""
        while self._exists():
            with self._database.transaction(write=False) as tx:
                sql = "SELECT digest, length(data), wanted FROM blobs WHERE digest > ? ORDER BY digest LIMIT 1000"
                rows = tx.all(sql, (last,))
            for digest, size, wanted in rows:
                yield Digest(digest.hex()), size, wanted
            if not rows:
                return
            last = rows[-1][0]

    def remove(self, digests: Sequence[Digest], before: float) -> set[Digest]:
        """Delete blobs, except those that were wanted after ``before``; returns what is gone."""
        if not self._exists():
            return set()
        with self._database.transaction(write=True) as tx:
            return {
                digest
                for digest in digests
                if tx.touched("DELETE FROM blobs WHERE digest = ? AND wanted <= ?", (bytes.fromhex(digest), before))
            }

    def compact(self, *, always: bool = False) -> None:
        """Give what removed blobs took back to the disk, where that is worth it, or always."""
        if self._exists():
            self._database.compact(always=always)

    def scrub(self) -> str:
        """Write the file anew, so that nothing of removed blobs is left in it. Raises: StoreError."""
        return "small files: written anew" if self._exists() and self._database.scrub(("blobs",)) else ""

    def close(self) -> None:
        """Close the file."""
        self._database.close()
