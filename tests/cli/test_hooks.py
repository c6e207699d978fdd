"""``runward hook`` and ``runward review report``: what leaves the house, by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runward.review.model import NewReview
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import FolderWorkspace, find_folder, open_folder
from tests.cli.conftest import Cli
from tests.coordination.receiver import Receiver


def _space() -> FolderWorkspace:
    space = open_folder(find_folder())
    space.tracking.create_project(NewProject(path="p"))
    return space


def test_a_web_hook_from_setting_up_to_sending_again(cli: Cli) -> None:
    """The secret is printed once; without a server nothing is sent, and that is said."""
    space = _space()
    with Receiver() as receiver:
        made = cli.json("hook", "add", receiver.url, "--project", "p", "--event", "run.*")
        hook = made["hook"]["id"]
        assert made["secret"].startswith("whsec_")
        waited = cli("hook", "test", hook, "--wait", "0s")
        assert waited.code == 3
        assert "runward server" in waited.err
        bound = listen("127.0.0.1", 0)
        with RunningServer(space.dispatcher, bound, LOOPBACK, hook_networks=("127.0.0.0/8",)):
            tested = cli("hook", "test", hook)
            assert (tested.code, "delivered after 1 attempt(s): answered 204" in tested.out) == (0, True)
            receiver.status = 500
            failed = cli("hook", "test", hook)
            assert (failed.code, "answered 500" in failed.out) == (1, True)
        listed = cli.json("hook", "deliveries", hook)
        assert sorted(found["state"] for found in listed) == ["delivered", "delivered", "waiting"]
        again = cli.json("hook", "deliveries", hook, "--again", listed[-1]["id"])
        assert (again["state"], again["attempts"]) == ("waiting", 0)
    shown = cli("hook", "list", "--project", "p").out
    assert receiver.url in shown
    assert made["secret"] not in shown
    assert "removed" in cli("hook", "remove", hook).out
    assert cli.json("hook", "list", "-p", "p") == []
    assert cli.json("hook", "add", "https://chat.example.org/", "--team", "team")["hook"]["project"] == ""
    neither = cli("hook", "list")
    assert (neither.code, "--project and --team" in neither.err) == (2, True)


def test_a_review_becomes_a_file(cli: Cli, tmp_path: Path) -> None:
    """In three forms, each with the same digest."""
    space = _space()
    run = space.tracking.create_run(NewRun(project="p", name="the run"))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    space.review.request_review(NewReview(run.id, title="good enough"))
    said = cli("review", "report", "1")
    assert said.code == 0
    assert said.out.startswith("# Review #1: good enough")
    digests = set()
    for form in ("md", "html", "json"):
        file = tmp_path / f"report.{form}"
        digests.add(cli.json("review", "report", "#1", "--format", form, "-o", str(file))["inputs"])
        assert max(digests) in file.read_text()
    assert len(digests) == 1
    assert json.loads((tmp_path / "report.json").read_text())["score"]["value"] == 100.0
    assert cli.json("review", "report", "1")["title"] == "good enough"


def test_a_forge_by_command(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token comes from the environment and is never printed; the secret is, once."""
    _space()
    monkeypatch.setenv("RUNWARD_FORGE_TOKEN", "t0ken")
    made = cli.json("forge", "set", "p", "--kind", "github", "--repository", "octo/hello")
    shown = cli("forge", "show", "p").out
    assert "GitHub octo/hello at https://api.github.com" in shown
    assert made["forge"]["hook_path"] in shown
    for secret in (made["secret"], "t0ken"):
        assert secret not in shown
    assert cli.json("forge", "deliveries", "p") == []
    assert cli("forge", "remove", "p").code == 0
    assert cli("forge", "show", "p").code == 2
