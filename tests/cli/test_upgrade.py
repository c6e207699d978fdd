"""The way to another format and back, as docs/upgrade.md tells it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runward.registry.model import NewModel
from runward.store.migrations import LATEST
from runward.tracking.model import NewProject, NewRun
from runward.tracking.organise_model import NewComment
from runward.workspace import Workspace, open_folder
from tests.cli.conftest import Cli


def test_an_older_format_is_led_to_and_back(cli: Cli, folder: Path) -> None:
    """In between the workspace is refused, by its format, with the way out."""
    open_folder(folder).tracking.create_project(NewProject(path="p"))
    assert cli.json("migrate", "--to", str(LATEST - 1)) == {"before": LATEST, "after": LATEST - 1}
    refused = cli("projects", "list")
    assert f"has format {LATEST - 1}, this Runward needs {LATEST}" in refused.err
    assert "runward migrate" in refused.err
    assert cli.json("migrate") == {"before": LATEST - 1, "after": LATEST}
    assert cli("projects", "list").code == 0
    assert cli("migrate", "--to", str(LATEST + 1)).code == 2


def test_a_backup_is_noted_in_the_workspace(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """For who asks after its health."""
    space = open_folder(folder)
    assert space.health.health().backup is None
    made = cli.json("backup", str(tmp_path / "b"))["backup"]
    noted = space.health.health().backup
    assert noted is not None
    assert (noted.files, noted.bytes) == (made["files"], made["bytes"])
    assert {check.name: check.state for check in space.health.health().checks}["backup"] == "well"


def _comment(space: Workspace) -> None:
    run = space.tracking.create_run(NewRun(project="p"))
    space.organise.add_comment(run.id, NewComment("why?"))


@pytest.mark.parametrize(
    ("store", "lowest", "named"),
    [
        (_comment, 4, "comments on runs"),
        (lambda space: space.registry.create_model(NewModel("m")), 3, "models"),
        (lambda space: space.organise.archive_project("p"), 4, "archived projects"),
    ],
    ids=["comments", "models", "archives"],
)
def test_what_an_older_format_has_no_place_for_is_not_dropped(
    cli: Cli, folder: Path, store: Callable[[Workspace], object], lowest: int, named: str
) -> None:
    """The way down ends before it, and says what is in the way."""
    space = open_folder(folder)
    space.tracking.create_project(NewProject(path="p"))
    store(space)
    space.close()
    refused = cli("migrate", "--to", str(lowest - 1))
    assert (refused.code != 0, f"format {lowest - 1} cannot hold {named}" in refused.err) == (True, True)
    assert cli.json("migrate", "--to", str(lowest)) == {"before": LATEST, "after": lowest}
    assert cli.json("migrate") == {"before": lowest, "after": LATEST}
