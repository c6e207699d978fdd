"""Restricted data in the hands of programs: what a process reads is for the run that it works for."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runward
from runward.data import files
from runward.errors import PurposeError
from runward.interop import dvc
from runward.interop.datasets import copy_version
from runward.interop.dvcremotes import FolderRemote
from runward.policy.model import Terms
from runward.tracking.client import ACTIVE_VARIABLE, JOURNAL_VARIABLE, RUN_VARIABLE
from runward.tracking.model import NewRun
from runward.tracking.underway import run_under_way
from runward.workspace import FolderWorkspace, open_folder


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderWorkspace]:
    """The personal dataset ``p/patients``, for care."""
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patients.csv").write_text("id\n1\n")
    with contextlib.closing(open_folder(tmp_path / "ws")) as found:
        found.datasets.add("patients.csv", "p", "patients")
        found.policy.set_label("dataset:p:patients", "personal")
        found.policy.set_terms("p:patients", Terms(purposes=["care"], legal_basis="consent"))
        yield found


def test_a_program_reads_for_its_run(space: FolderWorkspace, tmp_path: Path) -> None:
    """A run that gives the purpose gets the data, another one is told what is missing; outside of one a person says it."""
    with runward.start(project="p", purpose="Care", capture=False):
        placed = runward.connect().datasets.checkout("p/patients", target="a.csv")
    assert placed.target.read_text() == "id\n1\n"
    with runward.start(project="p", purpose="advertising", capture=False) as other:
        with pytest.raises(PurposeError, match=f"run {other.id}'s purpose is 'advertising'"):
            runward.connect().datasets.checkout("p/patients", target="b.csv")
        # Who reads for themselves says so; that the run reads the file is seen by its capture.
        assert runward.connect().datasets.read_for("care").checkout("p/patients", target="b.csv").written == 1
        assert other.id
    with pytest.raises(PurposeError, match="gives no purpose"):
        space.datasets.checkout("p/patients", target="c.csv")
    assert not (tmp_path / "c.csv").exists()


def test_a_process_knows_the_run_that_it_works_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own, its task's, that of the process that started it; nothing is taken up by asking."""
    assert run_under_way() == ""
    monkeypatch.setenv(ACTIVE_VARIABLE, "parents:/journal")
    assert run_under_way() == "parents"
    monkeypatch.setenv(RUN_VARIABLE, "tasks")
    assert run_under_way() == "parents"
    monkeypatch.setenv(JOURNAL_VARIABLE, "/journal")
    assert run_under_way() == "tasks"


def test_a_command_below_a_run_reads_for_it(space: FolderWorkspace, tmp_path: Path) -> None:
    """``runward run --purpose`` is enough for what the command fetches."""
    fetch = [sys.executable, "-m", "runward", "data", "checkout", "p/patients", "out.csv"]
    for purpose, code in (("advertising", 2), ("care", 0)):
        begun = [sys.executable, "-m", "runward", "run", "-p", "p", "--purpose", purpose, "--", *fetch]
        done = subprocess.run(begun, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        assert (tmp_path / "out.csv").exists() == (code == 0)


def test_a_run_that_is_made_known_beside_its_work_is_waited_for(
    space: FolderWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task may be quicker than the upload of its own beginning: it is refused when it stays unknown, not before."""
    found, tries = space.tracking.create_run(_new("care")), list[int]()

    def read() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise PurposeError("there is no run", run_unknown=1)

    files.once_known(read)
    assert len(tries) == 3
    monkeypatch.setenv(ACTIVE_VARIABLE, f"{found.id}:/journal")
    assert space.datasets.checkout("p/patients", target="d.csv").written == 1
    monkeypatch.setattr(files, "_KNOWN_S", 0.0)
    monkeypatch.setenv(ACTIVE_VARIABLE, "unknown:/journal")
    with pytest.raises(PurposeError, match="there is no run 'unknown' here"):
        space.datasets.checkout("p/patients", target="e.csv")


def _new(purpose: str) -> NewRun:
    """A run to create."""
    return NewRun(project="p", purpose=purpose)


def test_a_copy_elsewhere_is_as_restricted(space: FolderWorkspace, tmp_path: Path) -> None:
    """It is read for a purpose, and takes its label and its terms along; into DVC too, which knows neither."""
    version = space.data.get_version("p:patients", "latest")
    with contextlib.closing(open_folder(tmp_path / "other")) as other:
        with pytest.raises(PurposeError):
            copy_version(space, version, other)
        copy_version(space, version, other, purpose="care")
        there = other.policy.get_label("dataset:p:patients")
        assert (there.label, there.terms) == ("personal", Terms(purposes=["care"], legal_basis="consent"))
        assert there.reason == "as where it was copied from"
        # What was said there stays.
        other.policy.set_terms("p:patients", Terms(purposes=["teaching"]))
        copy_version(space, version, other, purpose="care")
        terms = other.policy.get_label("dataset:p:patients").terms
        assert terms == Terms(purposes=["teaching"])
    with pytest.raises(PurposeError):
        dvc.push(space, version, FolderRemote(tmp_path / "remote"))
    assert dvc.push(space, version, FolderRemote(tmp_path / "remote"), purpose="care").size == version.bytes


def test_the_purpose_of_an_experiment_is_that_of_its_tasks(space: FolderWorkspace) -> None:
    """``metadata["purpose"]``: what people write of it already."""
    experiment = runward.Experiment("e", project="p")
    experiment.metadata["purpose"] = "care"
    experiment.add(runward.Task("t", runward.Config(max, 1, 2)))
    results = experiment.run()
    (task,) = results.tasks.values()
    assert results.succeeded, task
    assert space.tracking.get_run(str(task.run_id)).run.purpose == "care"
