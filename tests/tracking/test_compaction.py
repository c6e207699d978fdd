"""Compaction loses nothing, repeats nothing, and keeps the number of blocks small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from runward.errors import MigrationNeededError
from runward.store.migrations import migrate
from runward.testing.worlds import batch
from runward.tracking import blocks, compaction, storage
from runward.tracking.compaction import compact_due, compact_run
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from runward.tracking.points import Columns
from runward.workspace import FolderWorkspace, open_folder


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FolderWorkspace]:
    space = open_folder(tmp_path)
    space.tracking.create_project(NewProject(path="p"))
    yield space
    space.close()


def _log(space: FolderWorkspace, run_id: str, frames: range, points: int = 100) -> None:
    for frame in frames:
        steps = range(frame * points, (frame + 1) * points)
        space.tracking.append(run_id, batch(frame, {"a": [(s, s / 10) for s in steps], f"only{frame}": [(0, 1.0)]}))


def _counts(space: FolderWorkspace, run_id: str) -> tuple[int, int]:
    with space.dispatcher.database.transaction(write=False) as tx:
        return len(storage.segment_sizes(tx, run_id)), len(storage.block_sizes(tx, run_id))


def test_a_running_run_is_due_after_many_segments_and_a_finished_one_at_once(space: FolderWorkspace) -> None:
    run = space.tracking.create_run(NewRun(project="p"))
    _log(space, run.id, range(31))
    assert compact_due(space.dispatcher.database) == 0
    _log(space, run.id, range(31, 33))
    assert compact_due(space.dispatcher.database) == 1
    assert _counts(space, run.id) == (0, 1)
    _log(space, run.id, range(33, 34))
    assert compact_due(space.dispatcher.database) == 0
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    assert compact_due(space.dispatcher.database) == 1
    assert compact_due(space.dispatcher.database) == 0
    series = space.tracking.series(run.id, ["a", "only7"]).series
    assert series[0].steps == list(range(3400))
    assert series[0].values == [s / 10 for s in range(3400)]
    assert series[1].values == [1.0]


def test_a_small_finished_run_keeps_its_segment(space: FolderWorkspace) -> None:
    run = space.tracking.create_run(NewRun(project="p"))
    _log(space, run.id, range(1))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    compact_due(space.dispatcher.database)
    assert _counts(space, run.id) == (1, 0)
    assert compact_due(space.dispatcher.database) == 0


def test_blocks_grow_together_up_to_their_limit(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a long run is compacted, it has few blocks, and none beyond the limit."""
    monkeypatch.setattr(compaction, "MAX_POINTS", 2_000)
    run = space.tracking.create_run(NewRun(project="p"))
    for frame in range(60):
        _log(space, run.id, range(frame, frame + 1))
        compact_run(space.dispatcher.database, run.id)
    with space.dispatcher.database.transaction(write=False) as tx:
        sizes = [points for _, points in storage.block_sizes(tx, run.id)]
    assert sum(sizes) == 60 * 101
    assert max(sizes) <= 2_000
    assert len(sizes) <= 10
    assert space.tracking.series(run.id, ["a"]).series[0].steps == list(range(6000))


def test_two_that_compact_at_once_store_one_block(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one finds its segments gone and takes back all it did."""
    run = space.tracking.create_run(NewRun(project="p"))
    _log(space, run.id, range(5))
    database, build = space.dispatcher.database, blocks.build_block
    done: list[bool] = []

    def build_late(series: Mapping[str, Columns]) -> blocks.Block:
        monkeypatch.setattr(compaction, "build_block", build)
        other = open_folder(Path(space.place))
        done.append(compact_run(other.dispatcher.database, run.id))
        other.close()
        return build(series)

    monkeypatch.setattr(compaction, "build_block", build_late)
    assert compact_run(database, run.id) is False
    assert done == [True]
    assert _counts(space, run.id) == (0, 1)
    assert space.tracking.series(run.id, ["a"]).series[0].n == 500


def test_the_way_down_is_refused_while_series_are_compacted(space: FolderWorkspace) -> None:
    run = space.tracking.create_run(NewRun(project="p"))
    _log(space, run.id, range(5))
    compact_run(space.dispatcher.database, run.id)
    with pytest.raises(MigrationNeededError, match="compacted series"):
        migrate(space.dispatcher.database, 1)
    assert space.tracking.series(run.id, ["a"]).series[0].n == 500
