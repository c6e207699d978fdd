"""The routes that are written by hand, and headers that change what a route means: each with what nobody sends."""

from __future__ import annotations

import json
import os
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from starlette.routing import Route

from runward.core.codec import JSON
from runward.core.operation import Door, Operation
from runward.server.asgi import create_app
from tests.hostile.conftest import Told
from tests.hostile.values import CONDITIONS, TEXTS
from tests.permissions.site import Answer, Asking, Open

RANGES = (
    "bytes=0-", "bytes=-1", "bytes=-0", "bytes=5-2", "bytes=" + "9" * 5000 + "-", "bytes=-" + "9" * 5000, "bytes=0-" + "9" * 5000,
    "bytes=--1", "bytes=0-0,1-1,0-0", "bytes=" + ",".join(["0-"] * 5000), "bytes=" + ",".join(f"{n}-" for n in range(5000)),
    "bytes=\xb2-\xb3", "lines=0-1", "bytes=a-b", "bytes", "bytes=", "bytes=,", "=", "bytes=0-0" + " " * 5000 + ",1-1",
)  # fmt: skip
HEADERS: tuple[tuple[str, str], ...] = (
    *(("Range", text) for text in RANGES),
    *(("If-Match", text) for text in CONDITIONS),
    *(("If-None-Match", text) for text in CONDITIONS),
    ("If-Range", "x"), ("If-Modified-Since", "Mon, 99 Foo 99999 99:99:99 GMT"), ("If-Modified-Since", "\xff"),
    ("Content-Encoding", "zstd"), ("Content-Encoding", "gzip"), ("Content-Encoding", "zstd, zstd"), ("Content-Encoding", "\xff"),
    ("Content-Type", "application/msgpack"), ("Content-Type", "\xff"), ("Content-Type", "multipart/form-data; boundary=" + "x" * 5000),
    ("Content-Type", "application/json; charset=utf-7"), ("Content-Type", "text/plain"), ("Accept", "application/msgpack"),
    ("Accept", "\xff/*;q=" + "9" * 400), ("Accept-Encoding", "gzip;q=\xff"), ("Accept-Encoding", "," * 5000), ("Accept-Language", "x" * 5000),
    ("Cookie", "runward_session=" + "x" * 5000), ("Cookie", "=;=;\xff=\xff;;;"), ("Cookie", ";" * 5000),
    ("Authorization", "Bearer"), ("Authorization", "Bearer \xff\xff"), ("Authorization", "Basic ="), ("Authorization", "Bearer " + "x" * 30_000),
    ("X-Request-Id", "a" * 5000), ("X-Request-Id", "\xff"), ("X-Forwarded-For", "\xff, ::::"), ("X-Forwarded-Proto", "gopher"),
    ("X-Forwarded-Host", "evil.example"), ("Forwarded", 'for="[::', ), ("X-HTTP-Method-Override", "DELETE"), ("Origin", "\xff"),
    ("Origin", "http://[::"), ("Sec-Fetch-Site", "\xff"), ("X-Runward", "\xff"), ("Expect", "nothing"), ("Upgrade", "h2c"), ("TE", "\xff"),
)  # fmt: skip
BODIES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"\xc1" * 50,
    b"[" * 100_000,
    b"\x28\xb5\x2f\xfd" + b"\xff" * 40,
    b"a=b&c=d",
    b"\0" * 5000,
)
_TEXTS = (*TEXTS, "9" * 5000, "１２", "1_0", "a/../b", "%2e%2e%2f")
_EVERY = 1 if int(os.environ.get("RUNWARD_HOSTILE_INPUTS", "30")) >= 1000 else 6


def _real(opened: Open) -> dict[str, str]:
    own = opened.site.own
    return {
        "run_id": own.running, "project": own.project, "dataset": own.dataset.replace("/", ":"), "digest": own.digest,
        "path": "notes.txt", "kind": "code", "name": own.model, "project_id": own.project,
    }  # fmt: skip


def _doors(opened: Open) -> list[Route]:
    routes = [route for route in create_app(opened.dispatcher).routes if isinstance(route, Route)]
    return [route for route in routes if isinstance(getattr(route.endpoint, "operation", None), Door)]


def _requests(route: Route, real: dict[str, str]) -> list[tuple[str, bytes | None, dict[str, str]]]:
    """(target, body, headers), each with one thing wrong."""

    def filled(wrong: str = "", value: str = "") -> str:
        def place(match: re.Match[str]) -> str:
            text = value if match[1] == wrong else real.get(match[1], "x")
            return quote(text.encode("utf-8", "surrogatepass"), safe="")[:20_000] or "x"

        return re.sub(r"{(\w+)(?::\w+)?}", place, route.path)

    plain = filled()
    found: list[tuple[str, bytes | None, dict[str, str]]] = [(plain, None, {name: text}) for name, text in HEADERS]
    found += [(plain, b"{}", {"Content-Type": JSON, name: text}) for name, text in HEADERS]
    found += [(filled(name, text), None, {}) for name in re.findall(r"{(\w+)", route.path) for text in _TEXTS]
    found += [(plain, body, {"Content-Type": kind}) for body in BODIES for kind in (JSON, "application/msgpack", "x")]
    values = [text[:5000].encode("utf-8", "surrogatepass") for text in _TEXTS]
    return found + [
        (f"{plain}?{urlencode([(name, value)])}", None, {}) for name in ("code", "q", "token") for value in values
    ]


def test_no_header_body_or_place_breaks_a_door(opened: Open, told: Told) -> None:
    """Streams of bytes, sign-in, health, the web app: answers or refusals, and never another's data."""
    asking, real = Asking(opened.url, opened.site.tokens["admin everywhere"]), _real(opened)
    wrong: dict[str, Any] = {}
    for number, route in enumerate(_doors(opened)):
        if route.path.endswith("/stream") or "mlflow" in route.path:
            # One never ends; the others have a test of their own.
            continue
        for method in sorted((route.methods or set()) - {"HEAD"}):
            counts = dict.fromkeys(["inputs", "taken", "refused", "broken"], 0)
            for target, body, headers in _requests(route, real)[number % _EVERY :: _EVERY]:
                found = asking.send(method, target, body, headers)
                counts["inputs"] += 1
                # A 503 says that this installation lacks a part: the web app, the search.
                counts["taken" if found.status < 400 else "refused" if found.status != 500 else "broken"] += 1
                if found.status == 500:
                    wrong.setdefault(
                        f"{method} {route.path} {found.text[:100]}", (target[:200], body and body[:50], headers)
                    )
            told("doors", f"{method} {route.path}", counts)
    asking.close()
    assert {key: f"{case!r:.400}" for key, case in wrong.items()} == {}


@pytest.mark.parametrize("how", ["header", "query", "body"])
def test_no_header_makes_another_method_of_a_request(opened: Open, how: str) -> None:
    """What a proxy lets pass as a GET stays one."""
    run = opened.site.own.running
    asking = Asking(opened.url, opened.site.tokens["admin everywhere"])
    target, body, headers = f"/api/v1/runs/{run}", None, dict[str, str]()
    if how == "header":
        headers = dict.fromkeys(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"], "DELETE")
    elif how == "query":
        target += "?_method=DELETE"
    else:
        body, headers = b"_method=DELETE", {"Content-Type": "application/x-www-form-urlencoded"}
    assert asking.send("GET", target, body, headers).status == 200
    with opened.forgetful.remembering():
        assert asking.send("POST", target, body, headers).status == 405
    assert asking.send("GET", f"/api/v1/runs/{run}").status == 200
    asking.close()


@pytest.mark.parametrize(
    "seen", ["a tag of another model", "a tag of another team's", "a weak one", "several", "a star in quotes"]
)
def test_only_the_tag_of_what_is_there_lets_a_change_pass(opened: Open, seen: str) -> None:
    """A tag is of one object: another's, or a guess, is no way past who changed it meanwhile."""
    asking, own = Asking(opened.url, opened.site.tokens["admin everywhere"], condition=""), opened.site.own
    tag = asking.send("GET", f"/api/v1/models/{own.model}").etag
    other = asking.send("GET", f"/api/v1/runs/{own.run}").etag
    foreign = asking.send("GET", f"/api/v1/models/{opened.site.foreign.model}").etag
    sent, wanted = {
        "a tag of another model": (other, 412),
        "a tag of another team's": (foreign, 412),
        "a weak one": (f"W/{tag}", 200),
        "several": (f'"x", {tag}', 200),
        "a star in quotes": ('"*"', 412),
    }[seen]
    found = asking.send(
        "PATCH", f"/api/v1/models/{own.model}", b'{"description": "z"}', {"Content-Type": JSON, "If-Match": sent}
    )
    assert found.status == wanted, found
    asking.close()


def test_a_refused_precondition_tells_nothing_of_what_one_may_not_read(opened: Open) -> None:
    """Who may not see it hears that it is not there, whatever tag they send."""
    asking, foreign = Asking(opened.url, opened.site.author_token), opened.site.foreign
    for condition in ('"x"', "*", "nonsense"):
        for path in (f"/api/v1/models/{foreign.model}", f"/api/v1/runs/{foreign.run}"):
            found = asking.send("PATCH", path, b'{"description": "z"}', {"Content-Type": JSON, "If-Match": condition})
            assert found.status in (404, 422), found
            assert "changed" not in found.text
    asking.close()


@pytest.mark.parametrize("path", ["metadata", "params.0.value", "tags"])
def test_a_key_that_is_told_twice_deep_inside_is_read_once(opened: Open, path: str) -> None:
    """What is stored is one of the two, and it is the one that is answered."""
    asking, own = Asking(opened.url, opened.site.author_token), opened.site.own
    with opened.forgetful.remembering():
        if path == "metadata":
            target = f"/api/v1/experiments/{own.experiment}/metadata"
            found = asking.send("PUT", target, b'{"metadata": {"a": {"b": 1, "b": 2}}}', {"Content-Type": JSON})
            read = asking.send("GET", f"/api/v1/experiments/{own.experiment}")
        else:
            inner = (
                '"tags": {"a": "1", "a": "2"}' if path == "tags" else '"params": [{"key": "a", "value": 1, "value": 2}]'
            )
            text = f'{{"project": "{own.project}", "name": "twice", {inner}}}'
            found = asking.send("POST", "/api/v1/runs", text.encode(), {"Content-Type": JSON})
            read = asking.send("GET", f"/api/v1/runs/{json.loads(found.text)['id']}") if found.status == 200 else found
    assert found.status in (200, 422)
    if found.status == 200:
        assert _values(found) == _values(read)
    asking.close()


def _values(answer: Answer) -> list[Any]:
    """What was stored where the key was told twice."""
    told = json.loads(answer.text)
    run = told.get("run", told)
    return [run.get("metadata"), run.get("tags"), run.get("params")]


@pytest.mark.parametrize("name", ["аdmin", "ADMIN ", "admin\u200b", "ａｄｍｉｎ", "admin\u0301"])
def test_nobody_is_taken_for_somebody_with_a_name_that_looks_alike(opened: Open, name: str) -> None:
    """A name that looks like another is another member, without its roles."""
    asking = Asking(opened.url, opened.site.tokens["admin everywhere"])
    body = json.dumps({"name": name, "role": "viewer", "team": "elsewhere"}).encode()
    with opened.forgetful.remembering():
        made = asking.send("POST", "/api/v1/members", body, {"Content-Type": JSON})
        assert made.status in (200, 409, 422), made
        if made.status == 200:
            members = json.loads(asking.send("GET", "/api/v1/members").text)
            (found,) = [one for one in members if one["name"] == json.loads(made.text).get("name", name)]
            assert [grant["role"] for grant in found["grants"]] == ["viewer"]
    asking.close()


def test_places_in_a_path_are_one_place_each(opened: Open) -> None:
    """A slash that is written as %2F never makes two places of one, nor leads from one's own to another's."""
    asking, own, foreign = Asking(opened.url, opened.site.author_token), opened.site.own, opened.site.foreign
    for text in (
        f"runs/{own.run}%2F..%2F{foreign.run}", f"runs/{own.run}/..%2F{foreign.run}", f"runs%2F{foreign.run}",
        f"runs/{own.run};/../{foreign.run}", f"runs/./{foreign.run}", f"runs//{foreign.run}", f"runs/{own.run}%00{foreign.run}",
        f"projects/{own.project}%2F..%2F{foreign.project}", f"runs/{own.run}/files/..%2f..%2f{foreign.run}%2ffiles%2fnotes.txt",
    ):  # fmt: skip
        found = asking.send("GET", f"/api/v1/{text}")
        assert found.status in (400, 404, 405, 422), (text, found)
        assert opened.site.foreign.digest not in found.text
    asking.close()


def test_doors_and_operations_are_all_routes(opened: Open) -> None:
    """No route is added that neither the contract nor these tests know."""
    routes = [route for route in create_app(opened.dispatcher).routes if isinstance(route, Route)]
    assert [r.path for r in routes if not isinstance(getattr(r.endpoint, "operation", None), Door | Operation)] == []
