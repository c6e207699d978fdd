"""GitLab, Bitbucket and Azure DevOps by contract: requests and web hooks as their documentation writes them.

No server of theirs takes part: these forges are contract-tested against a stand-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import msgspec
import pytest

from runward.errors import InvalidError
from runward.review.forges.adapter import CommitStatus, Incoming, Place, Pull, Push
from runward.review.forges.kinds import FORGES
from runward.review.forges.model import ForgeKind

OLD, NEW = "95790bf891e76fee5e1747ab589903a6a1f80f22", "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"
LINK = "https://runward.example.org/reviews/r1"
STATUS = CommitStatus(NEW, "success", "#3 approved and applied", LINK)
PLACES: dict[ForgeKind, Place] = {
    "gitlab": Place("group/sub/project", "https://gitlab.example.org/api/v4", "t"),
    "bitbucket": Place("space/repo", "https://api.bitbucket.org/2.0", "t"),
    "azure": Place("org/my project/repo", "https://dev.azure.com", "t"),
}
AZURE = "https://dev.azure.com/org/my%20project/_apis/git/repositories/repo"
GITLAB = "https://gitlab.example.org/api/v4/projects/group%2Fsub%2Fproject"
BITBUCKET = "https://api.bitbucket.org/2.0/repositories/space/repo"

STATUSES: dict[ForgeKind, tuple[str, dict[str, Any]]] = {
    "gitlab": (
        f"{GITLAB}/statuses/{NEW}",
        {"state": "success", "name": "runward/review", "target_url": LINK, "description": STATUS.description},
    ),
    "bitbucket": (
        f"{BITBUCKET}/commit/{NEW}/statuses/build",
        {
            "key": "runward/review",
            "name": "Review",
            "state": "SUCCESSFUL",
            "url": LINK,
            "description": STATUS.description,
        },
    ),
    "azure": (
        f"{AZURE}/commits/{NEW}/statuses?api-version=7.1",
        {
            "state": "succeeded",
            "description": STATUS.description,
            "targetUrl": LINK,
            "context": {"name": "review", "genre": "runward"},
        },
    ),
}
COMMENTS: list[tuple[ForgeKind, int, str, dict[str, Any]]] = [
    ("gitlab", 0, f"{GITLAB}/repository/commits/{NEW}/comments", {"note": "hi"}),
    ("gitlab", 4, f"{GITLAB}/merge_requests/4/notes", {"body": "hi"}),
    ("bitbucket", 0, f"{BITBUCKET}/commit/{NEW}/comments", {"content": {"raw": "hi"}}),
    ("bitbucket", 4, f"{BITBUCKET}/pullrequests/4/comments", {"content": {"raw": "hi"}}),
    (
        "azure",
        4,
        f"{AZURE}/pullRequests/4/threads?api-version=7.1",
        {"comments": [{"parentCommentId": 0, "content": "hi", "commentType": "text"}], "status": "closed"},
    ),
]
AUTHORISED: dict[ForgeKind, tuple[str, str]] = {
    "gitlab": ("PRIVATE-TOKEN", "t"),
    "bitbucket": ("Authorization", "Bearer t"),
    "azure": ("Authorization", f"Basic {base64.b64encode(b':t').decode()}"),
}


@pytest.mark.parametrize("kind", STATUSES)
def test_a_status_is_set(kind: ForgeKind) -> None:
    request, (url, body) = FORGES[kind].status(PLACES[kind], STATUS), STATUSES[kind]
    assert (request.url, msgspec.json.decode(request.body)) == (url, body)
    name, value = AUTHORISED[kind]
    assert request.headers[name] == value


@pytest.mark.parametrize(("kind", "pull", "url", "body"), COMMENTS)
def test_a_comment_is_written(kind: ForgeKind, pull: int, url: str, body: dict[str, Any]) -> None:
    request = FORGES[kind].comment(PLACES[kind], NEW, pull, "hi")
    assert (request.url, msgspec.json.decode(request.body)) == (url, body)


def test_what_a_forge_does_not_take_is_said() -> None:
    with pytest.raises(InvalidError, match="link"):
        FORGES["bitbucket"].status(PLACES["bitbucket"], STATUS._replace(url=""))
    with pytest.raises(InvalidError, match="pull request"):
        FORGES["azure"].comment(PLACES["azure"], NEW, 0, "hi")


# https://docs.gitlab.com/user/project/integrations/webhook_events,
# https://support.atlassian.com/bitbucket-cloud/docs/event-payloads,
# https://learn.microsoft.com/azure/devops/service-hooks/events
def _change(new: dict[str, Any] | None, *, forced: bool) -> dict[str, Any]:
    old = {"type": "branch", "name": "main", "target": {"hash": OLD}}
    return {"forced": forced, "old": old, "new": new, "created": False, "closed": new is None}


MAIN = {"type": "branch", "name": "main", "target": {"hash": NEW}}
HOOKS: list[tuple[ForgeKind, dict[str, str], Any, list[Incoming]]] = [
    (
        "gitlab",
        {"x-gitlab-event": "Push Hook"},
        {"object_kind": "push", "before": OLD, "after": NEW, "ref": "refs/heads/main", "total_commits_count": 4},
        [Push("main", OLD, NEW, None)],
    ),
    ("gitlab", {"x-gitlab-event": "Push Hook"}, {"before": OLD, "after": "0" * 40, "ref": "refs/heads/main"}, []),
    ("gitlab", {"x-gitlab-event": "Tag Push Hook"}, {"before": OLD, "after": NEW, "ref": "refs/tags/v1"}, []),
    (
        "gitlab",
        {"x-gitlab-event": "Merge Request Hook"},
        {"object_kind": "merge_request", "object_attributes": {"iid": 1, "action": "open", "last_commit": {"id": NEW}}},
        [Pull(1, NEW)],
    ),
    (
        "bitbucket",
        {"x-event-key": "repo:push"},
        {"push": {"changes": [_change(MAIN, forced=True)]}},
        [Push("main", OLD, NEW, True)],
    ),
    ("bitbucket", {"x-event-key": "repo:push"}, {"push": {"changes": [_change(None, forced=False)]}}, []),
    (
        "bitbucket",
        {"x-event-key": "pullrequest:updated"},
        {"pullrequest": {"id": 9, "source": {"commit": {"hash": NEW[:12]}}}},
        [Pull(9, NEW[:12])],
    ),
    (
        "azure",
        {},
        {
            "eventType": "git.push",
            "resource": {
                "refUpdates": [
                    {"name": "refs/heads/main", "oldObjectId": OLD, "newObjectId": NEW},
                    {"name": "refs/heads/new", "oldObjectId": "0" * 40, "newObjectId": NEW},
                    {"name": "refs/tags/v1", "oldObjectId": OLD, "newObjectId": NEW},
                ]
            },
        },
        [Push("main", OLD, NEW, None)],
    ),
    (
        "azure",
        {},
        {
            "eventType": "git.pullrequest.created",
            "resource": {"pullRequestId": 1, "lastMergeSourceCommit": {"commitId": NEW}},
        },
        [Pull(1, NEW)],
    ),
    ("azure", {}, {"eventType": "build.complete", "resource": {}}, []),
]


@pytest.mark.parametrize(("kind", "headers", "body", "told"), HOOKS)
def test_a_web_hook_is_read(kind: ForgeKind, headers: dict[str, str], body: Any, told: list[Incoming]) -> None:
    assert FORGES[kind].read(headers, body) == told


def _proofs(secret: str, body: bytes) -> dict[ForgeKind, dict[str, str]]:
    signed = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
    basic = base64.b64encode(f"runward:{secret}".encode()).decode()
    return {
        "gitlab": {"x-gitlab-token": secret},
        "bitbucket": {"x-hub-signature": signed},
        "azure": {"authorization": f"Basic {basic}"},
    }


@pytest.mark.parametrize("kind", PLACES)
def test_only_who_knows_the_secret_is_believed(kind: ForgeKind) -> None:
    adapter, body = FORGES[kind], b'{"a": 1}'
    assert adapter.proven(_proofs("s3cret", body)[kind], body, "s3cret")
    assert not adapter.proven(_proofs("other", body)[kind], body, "s3cret")
    assert not adapter.proven({}, body, "s3cret")
    assert not adapter.proven(_proofs("", body)[kind], body, "")
    for junk in ("Basic ???", "Basic", "Bearer s3cret", "sha256=", "é"):
        junk_headers = dict.fromkeys(("authorization", "x-hub-signature", "x-gitlab-token"), junk)
        assert not adapter.proven(junk_headers, body, "s3cret")
