"""GitHub by its own word: what we send fits its OpenAPI document, what it sends is read from its own examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from runward.core.outbound import Outgoing
from runward.review.forges.adapter import CommitState, CommitStatus, Place, Pull, Push
from runward.review.forges.github import GitHub
from runward.testing.plugin import missing

PUBLISHED = json.loads((Path(__file__).parent / "github.json").read_text())
SHA = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
PLACE = Place("octo/hello", "https://api.github.com", "t0ken")


def _check(request: Outgoing, template: str) -> Any:
    """The body of a request that fits what GitHub publishes for a path; no property is ours alone."""
    try:
        import jsonschema
    except ImportError:
        missing("jsonschema is not installed (the group `hooks`)")
    path = re.sub(r"{\w+}", "[^/]+", template)
    assert re.fullmatch(path, urlsplit(request.url).path)
    body = msgspec.json.decode(request.body)
    jsonschema.validate(body, {**PUBLISHED["bodies"][template], "additionalProperties": False})
    assert request.method == "POST"
    assert request.headers["Authorization"] == "Bearer t0ken"
    return body


@pytest.mark.parametrize(
    ("state", "shown"),
    [("pending", "pending"), ("success", "success"), ("failure", "failure"), ("withdrawn", "error")],
)
def test_a_status_fits_the_published_description(state: CommitState, shown: str) -> None:
    request = GitHub().status(PLACE, CommitStatus(SHA, state, "x" * 500, "https://runward.example.org/reviews/r1"))
    body = _check(request, "/repos/{owner}/{repo}/statuses/{sha}")
    assert (body["state"], body["context"], len(body["description"])) == (shown, "runward/review", 140)
    assert request.url == f"https://api.github.com/repos/octo/hello/statuses/{SHA}"
    assert "target_url" not in _check(
        GitHub().status(PLACE, CommitStatus(SHA, state, "x", "")), "/repos/{owner}/{repo}/statuses/{sha}"
    )


@pytest.mark.parametrize(
    ("pull", "template"),
    [
        (0, "/repos/{owner}/{repo}/commits/{commit_sha}/comments"),
        (7, "/repos/{owner}/{repo}/issues/{issue_number}/comments"),
    ],
)
def test_a_comment_fits_the_published_description(pull: int, template: str) -> None:
    assert _check(GitHub().comment(PLACE, SHA, pull, "hello"), template) == {"body": "hello"}


def _read(event: str, body: Any) -> list[Any]:
    return GitHub().read({"x-github-event": event}, body)


def test_its_own_examples_are_understood() -> None:
    """Branches and pull requests are read; tags, deletions and other events tell nothing."""
    pushes = {(one["ref"], one["deleted"]): _read("push", one) for one in PUBLISHED["hooks"]["push"]}
    assert pushes == {
        ("refs/tags/simple-tag", False): [],
        ("refs/tags/simple-tag", True): [],
        ("refs/heads/master", False): [Push("master", "0" * 40, SHA, False)],
    }
    for one in PUBLISHED["hooks"]["pull_request"]:
        assert _read("pull_request", one) == [Pull(2, one["pull_request"]["head"]["sha"])]
    assert {one["action"] for one in PUBLISHED["hooks"]["pull_request"]} >= {"opened", "synchronize"}
    for event in ("ping", "create"):
        for one in PUBLISHED["hooks"][event]:
            assert _read(event, one) == []


def test_a_forced_push_is_told() -> None:
    (example,) = (one for one in PUBLISHED["hooks"]["push"] if one["ref"] == "refs/heads/master")
    forced = {**example, "forced": True, "before": "1" * 40}
    assert _read("push", forced) == [Push("master", "1" * 40, SHA, True)]


def test_the_signature_is_that_of_its_documentation() -> None:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries names this example."""
    good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret, body = "It's a Secret to Everybody", b"Hello, World!"
    assert GitHub().proven({"x-hub-signature-256": good}, body, secret)
    for headers, told in (
        ({"x-hub-signature-256": good}, b"Hello, World?"),
        ({"x-hub-signature-256": good[:-1]}, body),
        ({}, body),
    ):
        assert not GitHub().proven(headers, told, secret)
    assert not GitHub().proven({"x-hub-signature-256": good}, body, "")
