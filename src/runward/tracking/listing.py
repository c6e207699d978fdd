"""The packages that lock files name, listed beside the requests: a long one takes tenths of a second to read."""

from __future__ import annotations

from runward.core.ids import Digest
from runward.errors import CorruptedError, NotFoundError
from runward.store.blobs import Blobs
from runward.store.database import Database
from runward.tracking.locks.parsing import parse
from runward.tracking.packages import fill


def list_locks(database: Database, blobs: Blobs, limit: int = 5) -> int:
    """List the packages of lock files that are due, at most ``limit``; returns how many were looked at.

    Several processes may do so at once: the same file gives the same rows.
    """
    with database.transaction(write=False) as tx:
        due = tx.all("SELECT id, lock, digest FROM package_sets WHERE listed = 0 LIMIT ?", (limit,))
    for set_id, name, digest in due:
        try:
            packages = parse(name, blobs.read(Digest(digest))).packages
        except (NotFoundError, CorruptedError):
            packages = []
        rows = sorted({(one.name, one.version) for one in packages})
        with database.transaction(write=True) as tx:
            if tx.touched("UPDATE package_sets SET listed = 1 WHERE id = ? AND listed = 0", (set_id,)):
                fill(tx, set_id, rows)
    return len(due)
