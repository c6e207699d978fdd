"""Encrypting what was stored before: every content for each team whose projects have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from runward.core.ids import Digest
from runward.errors import InvalidError
from runward.store.database import Database
from runward.store.sealed import SealedBlobs
from runward.tracking import repository as sql
from runward.tracking import storage

_AT_ONCE = 500


class Sealed(NamedTuple):
    """What was done."""

    files: int
    bytes: int
    """Of the contents that lay there unencrypted, and do not any more."""
    tables: int
    """Files of points that were removed: other programs read them without a key."""
    loose: int
    """Contents that no project has: they stay as they are until `runward gc` takes them."""
    failed: list[str]
    """Contents that are not as they were written any more."""


def seal_stored(database: Database, blobs: SealedBlobs, progress: Callable[[str, int], None]) -> Sealed:
    """Encrypt what lies there unencrypted, and remove that. An interrupted call is simply repeated. Raises: StoreError."""
    tables, files, size, loose, failed = _drop_tables(database, blobs), 0, 0, 0, list[str]()
    stored = blobs.plain.stored()
    while some := {digest: length for digest, length, _ in islice(stored, _AT_ONCE)}:
        with database.transaction(write=False) as tx:
            teams = sql.teams_with(tx, list(some))
        loose += len(some) - len(teams)
        wrong = set(_put(blobs, teams))
        failed += sorted(wrong)
        # What is encrypted is durable by now.
        gone = blobs.plain.remove([Digest(digest) for digest in teams if digest not in wrong], float("inf"))
        files, size = files + len(gone), size + sum(some[digest] for digest in gone)
        progress("files", files)
    blobs.plain.scrub()
    return Sealed(files, size, tables, loose, failed)


def _put(blobs: SealedBlobs, teams: dict[str, set[str]]) -> Iterator[str]:
    """Encrypt contents for their teams; those that are not as they were written."""
    for team in sorted({team for having in teams.values() for team in having}):
        own = blobs.of(team)
        wanted = [Digest(digest) for digest, having in teams.items() if team in having]
        missing = sorted(set(wanted) - own.have(wanted))
        try:
            own.put_many((digest, blobs.plain.chunks(digest)) for digest in missing)
        except InvalidError:
            for digest in missing:
                try:
                    own.put_many([(digest, blobs.plain.chunks(digest))])
                except InvalidError:
                    yield digest


def _drop_tables(database: Database, blobs: SealedBlobs) -> int:
    dropped = 0
    while True:
        with database.transaction(write=True) as tx:
            some = storage.tabled_runs(tx, _AT_ONCE)
            for run_id, table in some:
                blobs.drop_table(table)
                storage.set_tabled(tx, run_id, 0)
        if not some:
            return dropped
        dropped += len(some)
