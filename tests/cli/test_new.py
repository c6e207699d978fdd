"""`runward new`, `branch` and `commit-message` in a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runward.review.standards_model import StandardsEdit
from runward.tracking.model import NewProject
from runward.workspace import open_folder
from tests.cli.conftest import Cli


def test_an_experiment_is_made_from_a_template_and_upgraded(cli: Cli, tmp_path: Path) -> None:
    """Of the library or the built-in one; a conflict is told and is exit code 1."""
    made = cli.json("new", "First try", "--author", "Ann")["files"]
    assert [Path(path).name for path in made] == [
        "first_try.py",
        "first_try_config.py",
        "test_first_try.py",
        "first_try.md",
    ]
    assert cli("new", "First try").code == 2
    assert "up to date" in cli("new", "--upgrade").out
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "@IDENTIFIER@.txt").write_text("one\ntwo\n")
    cli("library", "publish", "team/t", str(folder), "--version", "1.0.0")
    assert cli.json("new", "Second", "--template", "team/t", "--version", "^1")["files"] == ["second.txt"]
    (tmp_path / "second.txt").write_text("one\nmine\n")
    (folder / "@IDENTIFIER@.txt").write_text("one\ntheirs\n")
    cli("library", "publish", "team/t", str(folder), "--version", "1.0.1")
    said = cli("new", "Second", "--upgrade")
    assert said.code == 1
    assert "conflict  second.txt" in said.out
    assert "mine" in (tmp_path / "second.txt").read_text()
    assert cli("new").code == 2
    assert cli("new", "Third", "--upgrade").code == 2


def test_branches_follow_the_projects_workflow(
    cli: Cli, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made, created and checked; a project without a rule lets every name pass."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=tmp_path, check=True)
    assert cli("branch", "--check", "anything", "--project", "lab").code == 0
    space = open_folder(folder)
    space.tracking.create_project(NewProject("lab"))
    space.standards.edit("lab", StandardsEdit(values={"workflow": "trunk"}))
    space.close()
    assert cli.json("branch", "Longer warmup", "--project", "lab")["branch"] == "tester/longer-warmup"
    assert cli("branch", "--check", "--project", "lab").code == 0
    assert cli("branch", "Longer warmup", "--project", "lab", "--create").code == 0
    checked = cli.json("branch", "--check", "--project", "lab")
    assert (checked["branch"], checked["passes"]) == ("tester/longer-warmup", True)
    said = cli("branch", "--check", "wip", "--project", "lab")
    assert said.code == 1
    assert "WHO/WHAT" in said.out
    assert cli("branch", "--check", "exp/1", "--pattern", "exp/[0-9]+").code == 0
    assert cli("branch", "--check", "x y", "--workflow", "github-flow").code == 1
    assert cli("branch").code == 2


def test_commit_messages_are_written_and_checked(cli: Cli, tmp_path: Path) -> None:
    assert cli("commit-message", "x", "One", "Two").out == "feat: x\n\n- One\n- Two\n"
    assert cli("commit-message", "x", "--type", "fix").out.startswith("fix: x")
    (tmp_path / "m").write_text("wip")
    said = cli("commit-message", "--check", "m")
    assert said.code == 1
    assert "TYPE" in said.out
    (tmp_path / "m").write_text("docs: say it")
    assert cli("commit-message", "--check", "m").code == 0
    for wrong in ((), ("--check", "nowhere")):
        assert cli("commit-message", *wrong).code == 2
