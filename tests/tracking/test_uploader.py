"""Journals on their way into the store, broken off at every step: stored once, ended as they ended."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runward.core.ids import new_id
from runward.errors import NotFoundError, StoreError
from runward.tracking import journal as j
from runward.tracking.adoption import adopt
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from runward.tracking.uploader import JournalUpload
from runward.workspace import FolderWorkspace


class _Breaking:
    """A room whose n-th call fails as if the store went away, before or after it was carried out."""

    def __init__(self, room: Any, fail_at: int, *, after: bool) -> None:
        self._room, self._left, self._after = room, fail_at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._room, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise StoreError("the store went away before")
            found = method(*args, **kwargs)
            if self._left == 0:
                raise StoreError("the store went away after")
            return found

        return call

    @property
    def is_broken(self) -> bool:
        return self._left <= 0


class _Destination:
    def __init__(self, space: FolderWorkspace, tracking: Any) -> None:
        self.tracking, self.files, self.local_blobs = tracking, space.files, space.local_blobs


@pytest.fixture
def space(folder_workspace: FolderWorkspace) -> FolderWorkspace:
    folder_workspace.tracking.create_project(NewProject(path="p"))
    return folder_workspace


def _journal(folder: Path, run_id: str, *frames: list[Any], create: bool = False) -> Path:
    journal = j.Journal(folder / run_id, run_id)
    if create:
        journal.append([j.CREATE, msgspec.to_builtins(NewRun(project="p", id=run_id, name="r"))])
    for frame in frames:
        journal.append(frame)
    journal.close()
    return journal.path


def _points(*steps: int) -> list[list[Any]]:
    return [[j.POINTS, step, 1.0, ["v"], [float(step)]] for step in steps]


def _end(status: str) -> list[Any]:
    return [j.END, status, 0 if status == "finished" else 1, "", 2.0]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fail_at", range(1, 6))
def test_an_upload_that_breaks_off_anywhere_is_made_whole(
    space: FolderWorkspace, tmp_path: Path, fail_at: int, after: bool
) -> None:
    """Creation, points, end, acknowledgement: after any of them the next try stores the rest, and the end is the end."""
    run_id = new_id()
    folder = tmp_path / "journals"
    _journal(folder, run_id, *_points(0, 1, 2), [j.PARAMS, {"lr": 0.1}], _end("finished"), create=True)
    breaking = _Breaking(space.tracking, fail_at, after=after)
    adopt(folder, _Destination(space, breaking))
    assert adopt(folder, space)[1] == []
    detail = space.tracking.get_run(run_id)
    assert (detail.run.status, detail.run.params) == (RunStatus.FINISHED, {"lr": 0.1})
    assert space.tracking.series(run_id, ["v"]).series[0].steps == [0, 1, 2]
    assert space.review.gates(run_id).outdated is False
    assert j.journals_in(folder) == []


def test_the_breaks_above_reach_every_step(space: FolderWorkspace, tmp_path: Path) -> None:
    """More calls than are broken off above are not made."""
    folder = tmp_path / "journals"
    _journal(folder, new_id(), *_points(0, 1, 2), [j.PARAMS, {"lr": 0.1}], _end("finished"), create=True)
    counting = _Breaking(space.tracking, 100, after=False)
    adopt(folder, _Destination(space, counting))
    assert 3 < 100 - counting._left <= 5


def test_the_first_end_of_a_run_stays_and_no_journal_is_stuck(
    space: FolderWorkspace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A process of the run said failed, another one finished: all points are stored, the contradiction is logged."""
    run_id = new_id()
    folder = tmp_path / "journals"
    _journal(folder, run_id, *_points(0), _end("finished"), create=True)
    _journal(folder, run_id, *_points(1), _end("failed"))
    with caplog.at_level(logging.WARNING, "runward.upload"):
        assert adopt(folder, space) == (2, [])
    assert space.tracking.get_run(run_id).run.status.is_terminal
    assert sorted(space.tracking.series(run_id, ["v"]).series[0].steps) == [0, 1]
    assert "is over" in caplog.text
    assert j.journals_in(folder) == []


def test_a_run_whose_process_lives_is_left_alone(space: FolderWorkspace, tmp_path: Path) -> None:
    """Neither ended nor taken away."""
    run = space.tracking.create_run(NewRun(project="p"))
    folder = tmp_path / "journals"
    alive = j.Journal(folder / run.id, run.id)
    alive.append(_points(0)[0])
    _journal(folder, run.id, *_points(1))
    assert adopt(folder, space) == (0, [])
    assert space.tracking.get_run(run.id).run.status is RunStatus.RUNNING
    alive.close()
    assert adopt(folder, space) == (2, [])
    assert space.tracking.get_run(run.id).run.status is RunStatus.FAILED


def test_a_journal_of_a_run_that_is_gone_stays_and_is_named(space: FolderWorkspace, tmp_path: Path) -> None:
    """Deleted, or of another workspace: its bytes are not thrown away."""
    folder = tmp_path / "journals"
    path = _journal(folder, "nosuchrun123", *_points(0))
    stored, problems = adopt(folder, space)
    assert stored == 0
    assert "nosuchrun123" in problems[0]
    assert path.exists()


def test_journals_that_are_uploaded_twice_at_once_are_stored_once(space: FolderWorkspace, tmp_path: Path) -> None:
    """The process's own uploader and the adoption at the next start may meet on one journal."""
    run = space.tracking.create_run(NewRun(project="p"))
    path = _journal(tmp_path / "journals", run.id, *_points(0, 1), _end("finished"))
    first, second = JournalUpload(path, space), JournalUpload(path, space)
    assert first._expected() == second._expected() == 0
    while first.push():
        pass
    while second.push():
        pass
    first.close(remove=True)
    assert second.reader.writer_is_gone()
    second.close(remove=True)
    assert space.tracking.series(run.id, ["v"]).series[0].steps == [0, 1]
    assert space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED)).status is RunStatus.FINISHED


def test_a_damaged_tail_costs_only_the_tail(space: FolderWorkspace, tmp_path: Path) -> None:
    """Every frame before the damage is stored, nothing after it, and the run counts as broken off."""
    run = space.tracking.create_run(NewRun(project="p"))
    path = _journal(tmp_path / "journals", run.id, *_points(0, 1, 2, 3), _end("finished"))
    reader = j.JournalReader(path)
    third = list(reader.frames())[2].end
    reader.close()
    data = bytearray(path.read_bytes())
    data[third - 3] ^= 0xFF
    path.write_bytes(bytes(data))
    adopt(tmp_path / "journals", space)
    assert space.tracking.series(run.id, ["v"]).series[0].steps == [0, 1]
    assert space.tracking.get_run(run.id).run.status is RunStatus.FAILED
    with pytest.raises(NotFoundError):
        space.tracking.get_run("nosuchrun123")
