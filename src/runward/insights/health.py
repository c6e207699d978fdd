"""The health of a workspace: what an admin looks at first when something is not well."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from runward._version import __version__
from runward.core.call import Room
from runward.core.clock import to_us
from runward.core.ids import Digest
from runward.errors import RunwardError
from runward.governance.calling import Call
from runward.governance.checkpoints import last_checkpoint, places
from runward.governance.dispatch import Dispatcher
from runward.insights import health_repository as repository
from runward.insights.health_api import WorkspaceHealth
from runward.insights.health_checks import checks, worst
from runward.insights.health_model import BlobsHealth, DatabaseHealth, DiskHealth, Health, Seen, TrailHealth, TrailPlace
from runward.store.blobs import Blobs
from runward.store.database import Database, Tx
from runward.store.folder import FolderBlobs
from runward.store.migrations import LATEST, schema_version

_NO_BLOB = Digest("0" * 64)


class HealthService(WorkspaceHealth):
    """See :class:`WorkspaceHealth`."""

    room: ClassVar[str] = "health"

    def __init__(self, call: Call) -> None:
        self.call = call

    def health(self) -> Health:
        """See the contract."""
        call, tx = self.call, self.call.tx
        found = _seen(tx, call.dispatcher.folder, call.now)
        health = Health(
            state="well",
            at=call.now,
            version=__version__,
            checks=[],
            database=_database(tx, call.dispatcher.database),
            blobs=look_at_blobs(call.blobs),
            disk=_disk(call.dispatcher.folder),
            audit=found.audit,
            deliveries=found.deliveries,
            jobs=found.jobs,
            backup=repository.backup(tx),
            work=call.dispatcher.beats.all(),
        )
        return worst(health, checks(health))


def seen(dispatcher: Dispatcher, now: datetime) -> Seen:
    """What can be read quickly, for who measures. Raises: StoreError."""
    with dispatcher.database.transaction(write=False) as tx:
        return _seen(tx, dispatcher.folder, now)


def _seen(tx: Tx, folder: Path, now: datetime) -> Seen:
    now_us = to_us(now)
    return Seen(
        _trail(repository.trail_ends(tx), folder, now),
        repository.deliveries(tx, now_us),
        repository.jobs(tx, now_us),
    )


def _trail(ends: dict[str, int], folder: Path, now: datetime) -> TrailHealth:
    last = last_checkpoint(folder)
    covered = {lane: seq for lane, (seq, _) in last.lanes.items()} if last else {}
    return TrailHealth(
        checkpoint_at=last.at if last else None,
        age_s=max((now - last.at).total_seconds(), 0.0) if last else None,
        uncovered=sum(max(seq - covered.get(lane, 0), 0) for lane, seq in ends.items()),
        places=[TrailPlace(str(path), number == 0, _written_at(path)) for number, path in enumerate(places(folder))],
    )


def _written_at(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def _database(tx: Tx, database: Database) -> DatabaseHealth:
    return DatabaseHealth(
        kind=tx.dialect,
        size_bytes=repository.size_bytes(tx),
        connections=database.connections(),
        format=schema_version(tx),
        newest_format=LATEST,
        clock_ahead_s=repository.clock_ahead_s(tx),
    )


def look_at_blobs(blobs: Blobs) -> BlobsHealth:
    """Whether the store of files can be reached."""
    bare, error = blobs.bare, ""
    try:
        bare.has(_NO_BLOB)
        if isinstance(bare, FolderBlobs):
            bare.check_writable()
    except (RunwardError, OSError) as problem:
        error = problem.message if isinstance(problem, RunwardError) else str(problem.strerror)
    return BlobsHealth(
        kind="folder" if isinstance(bare, FolderBlobs) else "bucket",
        is_encrypted=blobs.is_sealed,
        is_reachable=not error,
        error=error,
    )


def _disk(folder: Path) -> DiskHealth | None:
    try:
        found = shutil.disk_usage(folder)
    except OSError:
        return None
    return DiskHealth(found.free, found.total)


ROOM = Room(WorkspaceHealth, HealthService, {}, {})
