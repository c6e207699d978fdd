"""Standards and pages that come by review, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from runward.core.permissions import Role
from runward.governance.signin import ensure_member
from runward.tracking.model import NewProject
from runward.workspace import open_folder
from tests.cli.conftest import Cli


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project, and a second person who may decide."""
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ana")
    space = open_folder(folder)
    with space.dispatcher.database.transaction(write=True) as tx:
        ensure_member(tx, "ben", kind="local", role=Role.MAINTAINER)
    return space.tracking.create_project(NewProject(path="vision")).path


def test_standards_are_proposed_revised_and_set_by_the_approval(
    cli: Cli, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.json("standards", "set", project, "change_by_review=true")
    refused = cli("standards", "set", project, "approvals=2")
    assert (refused.code, "runward standards propose" in refused.err) == (1, True)
    said = cli("standards", "propose", project, "approvals=2", "-m", "two pairs of eyes").out
    assert "standards for vision" in said
    assert "+approvals: 2" in said
    cli.json("standards", "propose", project, "approvals=3", "--revise", "1")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ben")
    assert cli.json("review", "approve", "1")["review"]["state"] == "applied"
    found = cli.json("standards", "history", project)[0]
    assert (found["standards"]["approvals"], found["author"]) == (3, "ana")


def test_a_page_is_published_by_the_approval(cli: Cli, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("kb", "publish", "Warm up", "-m", "Five epochs.", "--review", project)
    assert cli.json(*words)["review"]["proposes"] == "page"
    assert cli(*words).code == 2
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ben")
    assert cli.json("review", "approve", "1")["review"]["state"] == "applied"
    assert [hit["kind"] for hit in cli.json("kb", "search", "epochs")["hits"]] == ["practice"]
