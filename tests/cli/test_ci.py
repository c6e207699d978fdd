"""``runward ci``: a job posts what it found out."""

from __future__ import annotations

import pytest

from runward.review.model import NewReview, Standards
from runward.tracking.model import CapturePart, NewProject, NewRun, RunEnd, RunParam, RunStatus
from runward.workspace import FolderWorkspace, find_folder, open_folder
from tests.cli.conftest import Cli

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
JOB = {
    "GITHUB_RUN_ID": "77",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "o/r",
    "GITHUB_SHA": COMMIT,
}


@pytest.fixture
def space(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> FolderWorkspace:
    for name in ("GITHUB_RUN_ID", "GITHUB_SHA", "CI_COMMIT_SHA", "CI_JOB_URL", "GIT_COMMIT", "BUILD_URL"):
        monkeypatch.delenv(name, raising=False)
    space = open_folder(find_folder())
    space.tracking.create_project(NewProject(path="p"))
    space.review.set_standards("p", Standards(required_ci=["tests"]))
    run = space.tracking.create_run(NewRun(project="p", name="the-run"))
    document = space.files.put_bytes("p", b'{"files": []}')
    space.tracking.put_captures(run.id, [CapturePart("code", document, {"commit": COMMIT})])
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    space.review.request_review(NewReview(run.id))
    return space


def test_a_job_posts_on_the_reviews_of_its_commit(
    cli: Cli, space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows its commit and its own page from the system that it runs in."""
    assert cli("ci", "result", "--project", "p", "--name", "tests", "--verdict", "pass").code == 2
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    (posted,) = cli.json("ci", "result", "--project", "p", "--name", "tests", "--verdict", "fail", "-m", "2 failed")
    assert (posted["verdict"], posted["url"]) == ("fail", "https://github.com/o/r/actions/runs/77")
    other = cli("ci", "result", "-p", "p", "--commit", "0" * 40, "--name", "tests", "--verdict", "pass")
    assert (other.code, "no run of 000000000000 is under review" in other.out) == (0, True)
    assert "ci tests: 2 failed" in cli("review", "show", "1").out


def test_a_result_on_a_run(cli: Cli, space: FolderWorkspace) -> None:
    """By name; listed with who posted it; one of run and project has to be given."""
    made = cli.json(
        "ci", "result", "the-run", "--name", "lint", "--verdict", "pass", "--url", "https://ci.example.org/1"
    )
    assert [one["name"] for one in made] == ["lint"]
    assert "https://ci.example.org/1" in cli("ci", "list", "the-run").out
    assert cli("ci", "result", "the-run", "-p", "p", "--name", "x", "--verdict", "pass").code == 2
    stale = cli("ci", "result", "the-run", "--name", "x", "--verdict", "pass", "--revision", "0" * 64)
    assert (stale.code, "present one" in stale.err) == (2, True)


def test_a_similar_rejected_change_is_told_on_the_command_line(cli: Cli, space: FolderWorkspace) -> None:
    """When the review is asked for, and when it is looked at."""
    for name in ("first", "second"):
        run = space.tracking.create_run(NewRun(project="p", name=name, params=[RunParam("lr", 1.0)]))
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    first = cli.json("review", "request", "first")["review"]
    space.review.reject(first["id"], "it diverges")
    said = f"A similar change was rejected in #{first['number']} because: it diverges (lr = 1.0)"
    assert said in cli("review", "request", "second").out
    assert said in cli("review", "show", str(first["number"] + 1)).out
