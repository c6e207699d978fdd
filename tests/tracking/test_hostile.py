"""Broken and hostile input: each case has an outcome that is defined, and nothing is lost or half-done by it."""

from __future__ import annotations

import contextlib
import os
import warnings
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

import runward
from runward.core.clock import from_us
from runward.core.codec import JSON, decode
from runward.errors import ConflictError, InvalidError, RunwardWarning
from runward.testing.worlds import batch
from runward.tracking import journal as j
from runward.tracking.adoption import adopt
from runward.tracking.client import ActiveRun
from runward.tracking.journal import Journal, journals_in
from runward.tracking.model import Batch, NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import FolderWorkspace


@pytest.fixture
def space(folder_workspace: FolderWorkspace) -> FolderWorkspace:
    folder_workspace.tracking.create_project(NewProject(path="p"))
    return folder_workspace


def _logged(space: FolderWorkspace, tmp_path: Path, source: Path) -> dict[str, bytes]:
    """What is stored of a file or folder that a run logs."""
    run = space.tracking.create_run(NewRun(project="p"))
    active = ActiveRun(run.id, tmp_path / "state" / run.id)
    active.log_artifact(source, "logged")
    active.finish()
    stored, problems = adopt(tmp_path / "state", space)
    assert (stored, problems) == (1, [])
    artifacts = space.tracking.get_run(run.id).artifacts
    return {artifact.path: b"".join(space.files.artifact(run.id, artifact.path)) for artifact in artifacts}


def test_a_folder_that_contains_itself(space: FolderWorkspace, tmp_path: Path) -> None:
    """Links are not followed, so a loop ends and nothing outside gets in."""
    source = tmp_path / "source"
    (source / "a").mkdir(parents=True)
    (source / "a" / "file").write_text("x")
    (source / "a" / "up").symlink_to(source, target_is_directory=True)
    (source / "self").symlink_to(source / "self")
    (source / "passwd").symlink_to("/etc/passwd")
    with pytest.warns(RunwardWarning, match="links are not followed") as caught:
        assert _logged(space, tmp_path, source) == {"logged/a/file": b"x"}
    assert len(caught) == 1


def test_a_file_that_cannot_be_logged_does_not_keep_the_others_out(space: FolderWorkspace, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "good").write_text("x")
    with open(os.fsencode(source) + b"/\xff\xfe", "w") as file:
        file.write("a name that is no text")
    (source / "z").write_text("z")
    with pytest.warns(RunwardWarning, match="cannot be logged"):
        found = _logged(space, tmp_path, source)
    assert found == {"logged/good": b"x", "logged/z": b"z"}


@pytest.mark.parametrize("size", [16_384, 16_385, 3_000_000])
def test_a_file_that_changes_after_it_was_logged(space: FolderWorkspace, tmp_path: Path, size: int) -> None:
    """What is stored is what it was, whether its bytes waited in the journal or beside it."""
    run = space.tracking.create_run(NewRun(project="p"))
    active = ActiveRun(run.id, tmp_path / "state" / run.id)
    (tmp_path / "model").write_bytes(b"f" * size)
    active.log_artifact(tmp_path / "model")
    (tmp_path / "model").write_bytes(b"second")
    active.finish()
    (tmp_path / "model").unlink()
    assert adopt(tmp_path / "state", space) == (1, [])
    assert b"".join(space.files.artifact(run.id, "model")) == b"f" * size


@pytest.mark.parametrize("damage", ["other bytes", "gone"])
def test_bytes_that_are_damaged_before_their_upload(space: FolderWorkspace, tmp_path: Path, damage: str) -> None:
    """They are not stored under the digest of what they were; the run says so and keeps all else."""
    run = space.tracking.create_run(NewRun(project="p"))
    active = ActiveRun(run.id, tmp_path / "state" / run.id)
    (tmp_path / "model").write_bytes(b"weights" * 10_000)
    active.log_artifact(tmp_path / "model")
    active.log_metric("loss", 1.0)
    active.finish()
    (spooled,) = (tmp_path / "state" / run.id / "blobs").iterdir()
    if damage == "gone":
        spooled.unlink()
    else:
        spooled.write_bytes(b"damaged")
    assert adopt(tmp_path / "state", space) == (1, [])
    found = space.tracking.get_run(run.id)
    assert found.artifacts == []
    assert ("are gone" if damage == "gone" else "announced") in found.run.tags["runward.refused"]
    assert found.run.metrics["loss"].last == 1.0


def test_a_clock_that_jumps_back(space: FolderWorkspace) -> None:
    """Points keep the times they came with, in the order of their steps; no run ends before it began."""
    run = space.tracking.create_run(NewRun(project="p", started_at=from_us(2_000_000_000_000_000)))
    packed = batch(0, {"loss": [(0, 1.0), (1, 2.0), (2, 3.0)]}).points
    space.tracking.append(run.id, Batch("c", 0, 1, points=packed))
    ended = space.tracking.end_run(
        run.id, RunEnd(RunStatus.FINISHED, ended_at=from_us(2_000_000_000_000_000) - timedelta(days=1))
    )
    assert ended.ended_at == ended.started_at
    assert space.tracking.series(run.id, ["loss"]).series[0].steps == [0, 1, 2]
    assert space.tracking.search_runs("p", "duration_s >= 0").total == 1


@pytest.mark.parametrize("count", [50_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_many_tags(space: FolderWorkspace, count: int) -> None:
    """So many are no use to a person, but they are kept, found, and cost what they weigh."""
    run = space.tracking.create_run(NewRun(project="p"))
    for frame, start in enumerate(range(0, count, 50_000)):
        tags = {f"t{number}": str(number) for number in range(start, start + 50_000)}
        space.tracking.append(run.id, Batch("c", frame, 1, tags=tags))
    assert space.tracking.search_runs("p", f"tags.t{count - 1} = '{count - 1}'").total == 1
    assert len(space.tracking.known_keys("p").tags) == 10_000
    assert len(space.tracking.get_run(run.id).run.tags) == count
    (listed,) = space.tracking.search_runs("p", columns="tags.t7").runs
    assert listed.tags == {"t7": "7"}


def test_what_a_newer_client_sends_is_refused_by_name(space: FolderWorkspace) -> None:
    """A field that this server does not know is not dropped in silence."""
    newer = msgspec.json.encode({"client": "c", "first": 0, "count": 1, "hyperspace": [1]})
    with pytest.raises(InvalidError, match="hyperspace"):
        decode(newer, Batch, JSON)


def test_a_journal_of_a_newer_client_waits_for_a_newer_runward(space: FolderWorkspace, tmp_path: Path) -> None:
    """What cannot be read is kept, and sync says so."""
    run = space.tracking.create_run(NewRun(project="p"))
    journal = Journal(tmp_path / "state" / run.id, run.id)
    journal.append([j.POINTS, 0, 1.0, ["loss"], [1.0]])
    journal.append([250, "what nobody knows yet"])
    journal.close()
    stored, problems = adopt(tmp_path / "state", space)
    assert stored == 0
    assert "newer" in problems[0]
    assert journals_in(tmp_path / "state") == [journal.path]


def test_two_writers_of_one_client_id(space: FolderWorkspace) -> None:
    """The second to use a number is told what is expected, unless it repeats what is stored: then nothing happens."""
    run = space.tracking.create_run(NewRun(project="p"))
    space.tracking.append(run.id, batch(0, {"a": [(0, 1.0)]}, client="c"))
    assert space.tracking.append(run.id, batch(0, {"a": [(0, 5.0)]}, client="c")).next == 1
    with pytest.raises(ConflictError) as caught:
        space.tracking.append(run.id, batch(3, {"a": [(1, 1.0)]}, client="c"))
    assert caught.value.details["expected"] == 1
    assert space.tracking.series(run.id, ["a"]).series[0].values == [1.0]


def test_logging_under_hostile_names(space: FolderWorkspace, tmp_path: Path) -> None:
    """What cannot be a key is refused with a warning, all else arrives as it is."""
    run = space.tracking.create_run(NewRun(project="p"))
    active = ActiveRun(run.id, tmp_path / "state" / run.id)
    kept = ["'; DROP TABLE runs; --", "ключ/α β", "a" * 1000, "%s{0}", "🙂", "../../etc", "__proto__"]
    refused = ["", "nul\0", "line\nend", "a" * 1001, "half \ud800 a pair", "\u202eright to left"]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for key in [*kept, *refused]:
            active.log_metric(key, 1.0)
    assert len(said) == len(refused)
    active.finish()
    assert adopt(tmp_path / "state", space) == (1, [])
    assert sorted(space.tracking.get_run(run.id).run.metrics) == sorted(kept)
    with contextlib.closing(runward.workspace.open_folder(space.state_dir)) as again:
        assert again.tracking.search_runs("p").total == 1
