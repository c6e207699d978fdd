"""Order by command: projects, runs, views, comments, garbage."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from runward.core.ids import Digest
from runward.testing.worlds import batch
from runward.tracking.model import Batch, NewArtifact, NewProject, NewRun, OutputChunk, Run, RunEnd, RunStatus
from runward.workspace import FolderWorkspace, find_folder, open_folder
from tests.cli.conftest import Cli
from tests.conftest import own_blobs


def _space() -> FolderWorkspace:
    return open_folder(find_folder())


def _run(space: FolderWorkspace, project: str, **metrics: float) -> Run:
    space.tracking.create_project(NewProject(path=project, exist_ok=True))
    run = space.tracking.create_run(NewRun(project=project))
    if metrics:
        space.tracking.append(run.id, batch(0, {key: [(0, value)] for key, value in metrics.items()}))
    return space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))


def test_projects_move_rest_go_and_come_back(cli: Cli) -> None:
    """Each answer says what is so now."""
    run = _run(_space(), "a/b")
    assert cli.json("projects", "move", "a/b", "c", "--json")["path"] == "c"
    assert cli.json("runs", "list", "-p", "a/b", "--json")["runs"][0]["id"] == run.id
    assert cli.json("projects", "archive", "c", "--json")["archived"] is True
    assert [p["path"] for p in cli.json("projects", "list", "--json")] == ["a"]
    assert [p["path"] for p in cli.json("projects", "list", "--archived", "--json")] == ["c"]
    refused = cli("runs", "edit", run.id, "-p", "c", "--move", "nowhere")
    assert refused.code != 0
    cli.json("projects", "archive", "c", "--undo", "--json")
    assert cli.json("projects", "favourite", "c", "--json")["favourite"] is True
    assert "★ c" in cli("projects", "list", "--favourites").out
    gone = cli.json("projects", "delete", "c", "--json")["deleted"]
    assert cli.json("projects", "restore", gone, "--json")["path"] == "c"
    cli.json("projects", "delete", "c", "--json")
    assert cli.json("projects", "restore", "c", "--json")["id"] == gone
    assert "no deleted project 'nothing'" in cli("projects", "restore", "nothing").err
    for _ in range(2):
        assert cli("projects", "create", "twice").code == 0
        assert cli("projects", "delete", "twice").code == 0
    assert "2 deleted projects were 'twice'" in cli("projects", "restore", "twice").err


def test_what_lies_in_an_archived_project_is_opened_by_the_name_of_that(cli: Cli) -> None:
    for command in (("create", "above below/it"), ("archive", "above below")):
        assert cli("projects", *command).code == 0
    above = "projects archive --undo 'above below'"
    assert above in cli("projects", "create", "above below/it/new").err
    assert above in cli("projects", "archive", "--undo", "above below/it").err


@pytest.mark.parametrize("path", ["../x", "a/..", "./x", ".", "\udcff\udcfe", "a\0b"])
def test_a_project_is_not_called_what_leads_elsewhere(cli: Cli, path: str) -> None:
    """It is refused, and the refusal is on the trail, whatever the name was."""
    assert cli("projects", "create", path).code != 0
    assert cli.json("projects", "list", "--json") == []
    assert cli("audit", "verify").code == 0


def test_runs_are_edited_deleted_restored_and_measured(cli: Cli) -> None:
    """The baseline's difference is in `runs show`, with what one run can say about it."""
    space = _space()
    one, two = _run(space, "p", acc=0.5), _run(space, "p", acc=0.75)
    assert cli.json("runs", "edit", "-p", "p", "-w", "metrics.acc > 0", "--tag", "k=v", "--json")["changed"] == 2
    assert cli("runs", "edit", one.id, "-p", "p", "--tag", "novalue").code != 0
    assert cli.json("runs", "pin", one.id, "--json")["pinned"] is True
    assert cli.json("projects", "baseline", "p", one.id, "--json")["run_ids"] == [one.id]
    shown = cli("runs", "show", two.id).out
    assert "acc: +0.25" in shown
    assert "one run says nothing about spread" in shown
    saved = cli.json("runs", "save-view", "good", "-p", "p", "-w", "metrics.acc > 0.6", "-c", "tags.k", "--json")
    assert [r["id"] for r in cli.json("runs", "list", "--view", saved["id"], "--json")["runs"]] == [two.id]
    assert "good" in cli("runs", "views", "p").out
    cli.json("runs", "comment", one.id, "look", "--metric", "acc", "--step", "0", "--json")
    assert "[acc] look" in cli("runs", "comments", one.id).out
    (said,) = space.organise.list_comments(one.id)
    cli("runs", "resolve-comment", said.id)
    assert "(settled by" in cli("runs", "comments", one.id).out
    cli("runs", "resolve-comment", said.id, "--undo")
    assert "settled" not in cli("runs", "comments", one.id).out
    assert cli("runs", "delete", one.id).code == 0
    assert [r["id"] for r in cli.json("runs", "list", "--deleted", "--json")["runs"]] == [one.id]
    assert cli.json("runs", "restore", one.id, "--json")["id"] == one.id


def test_gc_says_what_it_gave_back(cli: Cli) -> None:
    """Bytes of files and of the database's own file; what is young stays."""
    space = _space()
    run = _run(space, "p")
    space.tracking.append(run.id, Batch("c", 0, 1, output=[OutputChunk("stdout", "x" * 1000, 1.0)] * 1000))
    digest = Digest(space.files.put_bytes("p", b"z" * 1000))
    space.tracking.delete_run(run.id)
    then = time.time() - 7200
    os.utime(own_blobs(space).path_of(digest), (then, then))
    with space.dispatcher.database.transaction(write=True) as tx:
        tx.execute("UPDATE blobs SET created_at = ?", (int(then * 1e6),))
    planned = cli.json("gc", "--grace", "0d", "--dry-run", "--json")
    assert (planned["runs"], planned["bytes"], planned["database_bytes"]) == (1, 1000, 0)
    stays = cli.json("gc", "--grace", "12h", "--json")
    assert (stays["runs"], stays["bytes"]) == (0, 1000)
    done = cli.json("gc", "--grace", "0d", "--json")
    assert (done["runs"], done["blobs"]) == (1, 0)
    assert done["database_bytes"] > 500_000
    young = _run(space, "p")
    space.tracking.add_artifact(young.id, NewArtifact("a", Digest(space.files.put_bytes("p", b"y" * 1000))))
    space.tracking.delete_run(young.id)
    assert "in the last hour stays" in cli("gc", "--grace", "0d").out
    assert "--grace 'soon'" in cli("gc", "--grace", "soon").err


def test_members_are_made_where_the_server_is_not_in_a_new_place(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a server's folder, a member would be made in a workspace that nobody serves; in it, it is found."""
    monkeypatch.delenv("RUNWARD_DIR")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    refused = cli("member", "create", "ann")
    assert (refused.code, "no workspace" in refused.err, "RUNWARD_DIR" in refused.err) == (2, True, True)
    assert not list(elsewhere.iterdir())
    open_folder(tmp_path / "served").close()
    monkeypatch.chdir(tmp_path / "served")
    assert cli("member", "create", "ann").code == 0
    assert not (tmp_path / "served" / ".runward").exists()
