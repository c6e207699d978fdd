"""A review at its commit: what a stand-in forge is told, and what its web hooks do."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runward.coordination.sending import deliver_one
from runward.core.outbound import networks
from runward.governance.model import NewMember
from runward.governance.signin import folder_actor
from runward.review.forges.model import ForgeKind, NewForge
from runward.review.model import NewReview, ReviewDetail, Standards
from runward.server.deliveries import PREPARE
from runward.server.run import LOOPBACK, RunningServer, listen, note_address
from runward.tracking.model import CapturePart, NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import FolderWorkspace, open_folder
from tests.coordination.receiver import Receiver
from tests.server.http import Answer, Client

SHA, NEXT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "1" * 40
LINK = "https://runward.example.org"


class Site:
    """A project with a stand-in forge, a reviewer, and a server that takes web hooks."""

    def __init__(self, owner: FolderWorkspace, forge: Receiver, url: str) -> None:
        self.owner, self.forge, self.url = owner, forge, url
        owner.tracking.create_project(NewProject(path="p"))
        owner.governance.create_member(NewMember(name="rita", role="reviewer"))
        self.rita = owner.as_member(folder_actor(owner.dispatcher.database, "rita"))
        note_address(owner.dispatcher, LINK)
        self.set("github", "octo/hello")

    def set(self, kind: ForgeKind, repository: str) -> None:
        made = self.owner.forges.set_forge("p", NewForge(kind, repository, "t0ken", self.forge.url))
        self.secret, self.path = made.secret, made.forge.hook_path

    def review(self, commit: str = SHA, branch: str = "main", **more: Any) -> ReviewDetail:
        run = self.owner.tracking.create_run(NewRun(project="p", name="the_run"))
        document = self.owner.files.put_bytes("p", b'{"files": []}')
        facts = {"commit": commit, "branch": branch, **more}
        self.owner.tracking.put_captures(run.id, [CapturePart("code", document, facts)])
        self.owner.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        return self.owner.review.request_review(NewReview(run.id, title="a *good* one, @all"))

    def told(self) -> list[tuple[str, Any]]:
        """What the forge was told since the last look: (path, body)."""
        while deliver_one(self.owner.dispatcher.database, networks(["127.0.0.0/8"]), PREPARE):
            pass
        found = [(got.path, json.loads(got.body)) for got in self.forge.received]
        self.forge.received.clear()
        return found

    def hook(self, event: str, body: Any, secret: str = "", path: str = "") -> Answer:
        data = json.dumps(body).encode()
        signature = hmac.new((secret or self.secret).encode(), data, hashlib.sha256).hexdigest()
        headers = {"X-GitHub-Event": event, "X-Hub-Signature-256": f"sha256={signature}"}
        return Client(self.url).send("POST", path or self.path, data, headers, bare=True)

    def notes(self, detail: ReviewDetail) -> list[tuple[str, str]]:
        return [(one.author, one.body) for one in self.owner.review.get_review(detail.review.id).comments]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    owner = open_folder(tmp_path / "ws", "owner")
    bound = listen("127.0.0.1", 0)
    with Receiver(status=201) as forge, RunningServer(owner.dispatcher, bound, LOOPBACK) as server:
        # That server may reach no private network, so what is sent is sent by the test.
        yield Site(owner, forge, server.url)
    owner.close()


def _push(forced: bool, before: str = SHA, after: str = NEXT, ref: str = "refs/heads/main") -> dict[str, Any]:
    return {"ref": ref, "before": before, "after": after, "forced": forced, "deleted": False}


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running server leaves deliveries to the test."""
    monkeypatch.setattr("runward.server.deliveries.INTERVAL_S", 3600.0)


pytestmark = pytest.mark.usefixtures("quiet")


def test_a_commit_shows_where_its_review_stands(site: Site) -> None:
    """Pending when it is asked for, then as it was decided, with a link back; the summary as a comment."""
    detail = site.review()
    (path, status), (commented, comment) = sorted(site.told(), key=lambda one: "state" not in one[1])
    assert path == f"/repos/octo/hello/statuses/{SHA}"
    assert status == {
        "state": "pending",
        "target_url": f"{LINK}/reviews/{detail.review.id}",
        "description": f"#{detail.review.number} review wanted",
        "context": "runward/review",
    }
    assert commented == f"/repos/octo/hello/commits/{SHA}/comments"
    assert f"]({LINK}/reviews/{detail.review.id})" in comment["body"]
    assert "a \\*good\\* one, @\u200ball" in comment["body"]
    assert "Score 100 of 100" in comment["body"]
    site.rita.review.approve(detail.review.id, comment="well done")
    bodies = [body for _, body in site.told()]
    assert {body["state"] for body in bodies if "state" in body} == {"success"}
    assert [body["description"] for body in bodies if "state" in body][-1].endswith("approved and applied")
    assert any("approved and applied by rita" in body.get("body", "") for body in bodies)
    assert {found.state for found in site.owner.forges.forge_deliveries("p")} == {"delivered"}


def test_a_status_that_was_late_tells_the_present(site: Site) -> None:
    """What is sent is read when it is sent, so an old message never undoes a new one."""
    detail = site.review()
    site.rita.review.reject(detail.review.id, "it leaks")
    told = site.told()
    assert {body["state"] for _, body in told if "state" in body} == {"failure"}
    assert any("> it leaks" in body.get("body", "") for _, body in told)


def test_a_run_with_changes_that_nobody_committed_says_so(site: Site) -> None:
    """Its status stands at a commit that is not all that ran."""
    site.review(dirty=True)
    told = site.told()
    assert any("changes that were not committed" in body.get("description", "") for _, body in told)
    assert any("changes that were not committed" in body.get("body", "") for _, body in told)


def test_what_keeps_a_review_open_is_in_its_summary(site: Site) -> None:
    site.owner.review.set_standards("p", Standards(required_metrics=["acc"]))
    site.review()
    (comment,) = (body["body"] for _, body in site.told() if "body" in body)
    assert "metric acc: the team requires acc; the run did not log it" in comment


def test_a_comment_goes_to_the_pull_request_that_is_known(site: Site) -> None:
    """Its number was told by a web hook."""
    opened = {"action": "opened", "number": 7, "pull_request": {"head": {"sha": SHA}}}
    assert site.hook("pull_request", opened).json == {"noted": 0}
    site.review()
    assert "/repos/octo/hello/issues/7/comments" in [path for path, _ in site.told()]


def test_a_force_pushed_commit_is_noted_on_its_review(site: Site) -> None:
    """Once, visibly, with who said so; its author is told; the decision stays with the reviewers."""
    detail, on_branch, elsewhere = site.review(), site.review(commit="2" * 40), site.review("3" * 40, "other")
    for _ in range(2):
        assert site.hook("push", _push(forced=True)).status == 200
    replaced = f"A force-push moved `main` from {SHA[:12]} to {NEXT[:12]}: {SHA[:12]}, which this review is about, was replaced."
    assert site.notes(detail) == [("GitHub", replaced)]
    ((author, said),) = site.notes(on_branch)
    assert (author, said.endswith(f"{'2' * 12}, which this review is about, may be gone.")) == ("GitHub", True)
    assert site.notes(elsewhere) == []
    assert site.owner.review.get_review(detail.review.id).review.state == "open"
    assert [item.kind for item in site.owner.coordination.inbox().items].count("review.commented") == 2


def test_an_ordinary_push_is_no_news(site: Site) -> None:
    detail = site.review()
    assert site.hook("push", _push(forced=False)).json == {"noted": 0}
    assert site.hook("ping", {"zen": "x"}).json == {"noted": 0}
    assert site.notes(detail) == []


def test_a_forge_that_does_not_say_whether_by_force_is_quoted_so(site: Site) -> None:
    """GitLab: only the review of the very commit that the branch left is noted."""
    site.set("gitlab", "group/project")
    detail, on_branch = site.review(), site.review(commit="2" * 40)
    body = json.dumps({"ref": "refs/heads/main", "before": SHA, "after": NEXT}).encode()
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": site.secret}
    assert Client(site.url).send("POST", site.path, body, headers, bare=True).json == {"noted": 1}
    ((author, said),) = site.notes(detail)
    assert (author, "GitLab does not say whether by force" in said) == ("GitLab", True)
    assert site.notes(on_branch) == []


def test_who_does_not_know_the_secret_is_nobody(site: Site) -> None:
    """And cannot tell whether there is such a project; nothing is noted."""
    detail = site.review()
    answers = [
        site.hook("push", _push(forced=True), secret="wrong"),
        site.hook("push", _push(forced=True), path="/api/v1/forge-hooks/nothing"),
        Client(site.url).send("POST", site.path, b"{}", {"X-GitHub-Event": "push"}, bare=True),
    ]
    assert [answer.status for answer in answers] == [401, 401, 401]
    told = [{key: value for key, value in answer.json.items() if key != "request_id"} for answer in answers]
    assert told[0] == told[1] == told[2]
    assert site.notes(detail) == []


@pytest.mark.parametrize("body", [[], {}, {"ref": 3}, {"ref": "refs/heads/x", "after": None}, "text", None])
def test_what_is_signed_but_cannot_be_read_is_refused_politely(site: Site, body: Any) -> None:
    answer = site.hook("push", body)
    assert (answer.status, "no web hook of GitHub" in answer.json["detail"]) == (422, True), answer.json


def test_a_body_that_is_too_large_is_not_read(site: Site) -> None:
    assert site.hook("push", "x" * (5 << 20)).status == 422


def test_a_forge_that_was_removed_meanwhile_is_told_nothing(site: Site) -> None:
    site.review()
    site.owner.forges.remove_forge("p")
    assert site.told() == []
