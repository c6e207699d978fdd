"""What deleted runs took comes back: at least 95 % of the bytes that were theirs alone, and `gc` says how many."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable

import pytest

from runward.store.database import Tx
from runward.testing.worlds import batch
from runward.tracking import garbage
from runward.tracking.compaction import compact_due
from runward.tracking.model import Batch, NewArtifact, NewProject, NewRun, RunEnd, RunStatus
from runward.tracking.organise_model import Collect
from runward.tracking.points import Columns, pack_columns
from runward.workspace import FolderWorkspace
from tests.privacy.conftest import Place

RUNS, POINTS, FILE_BYTES = 12, 20_000, 200_000
KEPT = 3


def _filled(space: FolderWorkspace) -> list[str]:
    """Runs with long series of noise, which no encoding makes small, and a file of their own beside one that all share."""
    space.tracking.create_project(NewProject(path="p"))
    shared, ids = space.files.put_bytes("p", os.urandom(FILE_BYTES)), []
    for number in range(RUNS):
        run = space.tracking.create_run(NewRun(project="p", name=f"r{number}"))
        noise = array("d", os.urandom(8 * POINTS))
        columns = Columns(array("q", range(POINTS)), array("d", [1.5e9] * POINTS), noise)
        space.tracking.append(run.id, Batch("c1", 0, 1, [pack_columns("noise", columns)]))
        space.tracking.append(run.id, batch(1, {"acc": [(0, 0.5)]}))
        own = space.files.put_bytes("p", os.urandom(FILE_BYTES))
        for path, digest in (("own.bin", own), ("shared.bin", shared)):
            space.tracking.add_artifact(run.id, NewArtifact(path, digest))
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        ids.append(str(run.id))
    while compact_due(space.dispatcher.database):
        pass
    return ids


def _points(tx: Tx, run_id: str) -> int:
    """Bytes of a run's points, in segments and blocks."""
    found = 0
    for sql in (
        "SELECT COALESCE(sum(length(data)), 0) FROM segments WHERE run_id = ?",
        "SELECT COALESCE(sum(length(head)), 0) FROM blocks WHERE run_id = ?",
        "SELECT COALESCE(sum(length(data)), 0) FROM block_pages WHERE block_id IN (SELECT id FROM blocks WHERE run_id = ?)",
    ):
        found += int(tx.scalar(sql, (run_id,)))
    return found


def _collect(space: FolderWorkspace, grace_days: float) -> tuple[int, int]:
    """(bytes of files, bytes of the database) that a collection says it gave back."""
    freed = 0
    while True:
        step = space.organise.collect_garbage(Collect(grace_days=grace_days))
        freed += step.bytes
        if not step.more:
            return freed, space.dispatcher.database.compact()[0]


def _returned(place: Place, monkeypatch: pytest.MonkeyPatch, bytes_of_database: Callable[[], int]) -> None:
    # Bytes uploaded within the hour are never taken: here they are as old as that at once.
    monkeypatch.setattr(garbage, "YOUNG_US", -1_000_000)
    space = place.owner
    ids = _filled(space)
    deleted = ids[KEPT:]
    with space.dispatcher.database.transaction(write=False) as tx:
        points = sum(_points(tx, run_id) for run_id in deleted)
    unique = len(deleted) * FILE_BYTES + points
    assert points > len(deleted) * POINTS * 7
    for run_id in deleted:
        space.tracking.delete_run(run_id)
    # Within the grace everything can be brought back.
    assert _collect(space, 1.0)[0] == 0
    assert space.organise.restore_run(deleted[0]).id == deleted[0]
    assert len(space.tracking.series(deleted[0], ["noise"]).series[0].values) == POINTS
    space.tracking.delete_run(deleted[0])
    stored = sum(size for _, size, _ in space.dispatcher.blobs.stored())
    on_disk = bytes_of_database()
    files, database = _collect(space, 0.0)
    assert files + database >= 0.95 * unique, (files, database, unique)
    # And what it says is so.
    assert stored - sum(size for _, size, _ in space.dispatcher.blobs.stored()) == files == len(deleted) * FILE_BYTES
    assert on_disk - bytes_of_database() >= 0.95 * points
    assert {item.path for item in space.tracking.get_run(ids[0]).artifacts} == {"own.bin", "shared.bin"}
    assert len(b"".join(space.files.artifact(ids[0], "shared.bin"))) == FILE_BYTES


def test_sqlite_and_a_folder(sqlite_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sqlite_place.owner.dispatcher.folder
    files = [folder / "runward.db", folder / "runward.db-wal"]
    _returned(sqlite_place, monkeypatch, lambda: sum(path.stat().st_size for path in files if path.exists()))


@pytest.mark.slow
def test_postgresql_and_object_storage(postgres_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def size() -> int:
        with postgres_place.owner.dispatcher.database.transaction(write=False) as tx:
            return int(tx.scalar("SELECT pg_database_size(current_database())"))

    _returned(postgres_place, monkeypatch, size)
