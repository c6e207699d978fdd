"""Changing what somebody else changes too, by command: nothing is overwritten, texts are merged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runward.knowledge.model import NewPage
from runward.workspace import FolderWorkspace, find_folder, open_folder
from tests.cli.conftest import Cli

_BODY = "# Rates\n\nUse 0.01.\n\nMeasured on digits.\n"
_EDITOR = """
import sys
from pathlib import Path
folder, file = Path(__file__).parent, Path(sys.argv[-1])
calls = sorted(folder.glob("step-*.py"))
step = calls[0]
shown = file.read_text()
(folder / f"shown-{step.stem}").write_text(shown)
program = step.read_text()
step.unlink()
exec(program)
"""
_OTHER = """
from runward.knowledge.model import PagePatch
from runward.workspace import open_folder, find_folder
open_folder(find_folder()).knowledge.edit_page({page!r}, PagePatch(body={body!r}))
file.write_text(shown.replace({old!r}, {new!r}))
"""


@pytest.fixture
def space(cli: Cli) -> FolderWorkspace:
    return open_folder(find_folder())


@pytest.fixture
def page(space: FolderWorkspace) -> str:
    return space.knowledge.publish(NewPage(title="Rates", body=_BODY)).id


def _body(page: str) -> str:
    return open_folder(find_folder()).knowledge.get_page(page).body


def _editor(folder: Path, monkeypatch: pytest.MonkeyPatch, *steps: str) -> None:
    """Each opening of the editor carries out one step, which knows ``file`` and what is ``shown`` in it."""
    (folder / "editor.py").write_text(_EDITOR)
    for index, step in enumerate(steps):
        (folder / f"step-{index}.py").write_text(step)
    monkeypatch.setenv("EDITOR", f"{sys.executable} {folder / 'editor.py'}")
    monkeypatch.delenv("VISUAL", raising=False)


def test_the_editor_opens_again_with_both_changes(
    cli: Cli, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a page that somebody else changed meanwhile, at another place."""
    theirs = _BODY.replace("digits", "digits and letters")
    first = _OTHER.format(page=page, body=theirs, old="0.01", new="0.004")
    _editor(tmp_path, monkeypatch, first, "file.write_text(shown + 'Seen.\\n')")
    said = cli("kb", "edit", page)
    assert said.code == 0, said.err
    assert "was changed by" in said.err
    assert (tmp_path / "shown-step-1").read_text() == theirs.replace("0.01", "0.004")
    assert _body(page) == theirs.replace("0.01", "0.004") + "Seen.\n"


def test_a_conflict_is_marked_and_has_to_be_settled(
    cli: Cli, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The editor opens until the marks are gone."""
    first = _OTHER.format(page=page, body=_BODY.replace("0.01", "0.002"), old="0.01", new="0.004")
    settled = f"file.write_text({_BODY.replace('0.01', '0.003')!r})"
    _editor(tmp_path, monkeypatch, first, "file.write_text(shown + 'Later.\\n')", settled)
    said = cli("kb", "edit", page)
    assert said.code == 0, said.err
    marked = (tmp_path / "shown-step-1").read_text()
    assert "<<<<<<< yours\nUse 0.004.\n=======\nUse 0.002.\n>>>>>>> version 2 by" in marked
    assert "still marked" in said.err
    assert _body(page) == _BODY.replace("0.01", "0.003")


def test_an_editor_that_is_left_without_a_change_changes_nothing(
    cli: Cli, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _editor(tmp_path, monkeypatch, "file.write_text(shown)")
    assert "stays as it is, version 1" in cli("kb", "edit", page).out


def test_a_file_of_an_older_version_gets_a_merged_one_beside_it(cli: Cli, page: str, tmp_path: Path) -> None:
    """Exit code 1, and nothing is changed; the merged file is saved with the version that it says."""
    mine, other = tmp_path / "mine.md", tmp_path / "other.md"
    mine.write_text(_BODY.replace("0.01", "0.004"))
    other.write_text(_BODY.replace("digits", "letters"))
    assert cli.json("kb", "edit", page, "--file", str(other), "--version", "1")["version"] == 2
    refused = cli("kb", "edit", page, "--file", str(mine), "--version", "1", "--json")
    assert refused.code == 1
    assert refused.json == {"merged": f"{mine}.merged", "conflicts": 0, "version": 2}
    assert "nothing was changed" in refused.err
    assert _body(page) == other.read_text()
    assert cli.json("kb", "edit", page, "--file", f"{mine}.merged", "--version", "2")["version"] == 3
    assert _body(page) == _BODY.replace("0.01", "0.004").replace("digits", "letters")


def test_marks_of_a_conflict_are_not_saved(cli: Cli, page: str, tmp_path: Path) -> None:
    """Nor is a version taken that there never was."""
    mine = tmp_path / "mine.md"
    for text in ("0.002", "0.004"):
        mine.write_text(_BODY.replace("0.01", text))
        said = cli("kb", "edit", page, "--file", str(mine), "--version", "1")
    assert "1 conflicts are marked" in said.out
    refused = cli("kb", "edit", page, "--file", f"{mine}.merged", "--version", "2")
    assert (refused.code, "marks of a conflict" in refused.err) == (2, True)
    refused = cli("kb", "edit", page, "--file", str(mine), "--version", "7")
    assert (refused.code, "no version 7" in refused.err) == (2, True)
    assert cli("kb", "edit", page, "--file", str(tmp_path / "none.md")).code == 2
    assert cli.json("kb", "edit", page, "--file", str(mine))["version"] == 3


def test_a_reports_file_is_not_written_over_a_later_version(cli: Cli, tmp_path: Path) -> None:
    """It carries its version; without one it is written whatever is there."""
    cli.json("projects", "create", "p")
    file = tmp_path / "report.yaml"
    file.write_text("title: One\n")
    made = cli.json("reports", "create", str(file), "-p", "p")["id"]
    shown = cli("reports", "show", made).out
    assert "version: 1" in shown
    file.write_text(shown.replace("One", "Two"))
    assert cli.json("reports", "update", made, str(file))["version"] == 2
    refused = cli("reports", "update", made, str(file))
    assert refused.code == 2
    assert "was changed by" in refused.err
    file.write_text("title: Three\n")
    assert cli.json("reports", "update", made, str(file))["version"] == 3
