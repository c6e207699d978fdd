"""Verifications of whole runs, as `runward verify` carries them out at level basic."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runward.repro.verify import verify
from runward.workspace import FolderWorkspace, open_folder

SCRIPT = """
import runward as run
data = open("local.csv").read()
with run.start(project="p", name="early", seed=1):
    run.log_metric("n", float(len(data)))
"""
DRIVER = """
import runward as run
exp = run.Experiment("scripts", project="p")
exp.add(run.Script(inline="echo fixed"), name="script")
exp.run()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository whose data is ignored by git."""
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / ".gitignore").write_text("local.csv\n")
    (folder / "local.csv").write_text("1,2,3")
    (folder / "script.py").write_text(SCRIPT)
    (folder / "driver.py").write_text(DRIVER)
    (folder / "plain.py").write_text("print(len(open('local.csv').read()))\n")
    os.utime(folder / "local.csv", (1_000_000_000, 1_000_000_000))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


def _run(place: Path, *command: str) -> FolderWorkspace:
    env = {**os.environ, "RUNWARD_DIR": str(place.parent / "ws")}
    subprocess.run([sys.executable, *command], cwd=place, env=env, check=True, capture_output=True)
    return open_folder(place.parent / "ws")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["script.py"], "early"),
        (["-m", "runward", "run", "-n", "cmd", "--", sys.executable, "plain.py"], "cmd"),
        (["driver.py"], "script"),
    ],
    ids=["read-before-start", "command", "script-task"],
)
def test_what_a_run_read_comes_along(place: Path, command: list[str], name: str) -> None:
    """Ignored data that was read, before the run began too, is placed; a script task is rerun as that script."""
    report = verify(_run(place, *command), name, level="basic").report
    assert (report.verdict, report.level) == ("reproduced", "basic"), report.reason


def test_changed_data_is_named_and_missing_data_undecided(place: Path) -> None:
    space = _run(place, "script.py")
    (place / "local.csv").write_text("1,2,3,4,5")
    changed = verify(space, "early", level="basic").report
    assert (changed.verdict, changed.cause) == ("not_reproduced", ["data local.csv"])
    (place / "local.csv").unlink()
    missing = verify(space, "early", level="basic").report
    assert missing.verdict == "undecided"
    assert "local.csv" in missing.reason


def test_a_rerun_touches_no_workspace(place: Path) -> None:
    """The rerun's own records stay in its folder."""
    space = _run(place, "driver.py")
    before = space.tracking.search_runs().total
    verify(space, "script", level="basic", sandbox=False)
    assert space.tracking.search_runs().total == before
