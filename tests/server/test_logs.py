"""The log of a real server: a line of JSON each, found again by the request's id, without anybody's secrets."""

from __future__ import annotations

import http.client
import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from runward.errors import NotFoundError, RunwardError
from runward.governance.model import NewToken
from runward.server import app
from runward.server.logs import JsonLines, TextLines, configure
from runward.tracking.model import NewProject, NewRun
from runward.workspace import open_folder, open_url
from tests.server.conftest import Site
from tests.server.http import Client
from tests.server.process import serving

_TOKEN = "ghp_" + "a1B2c3D4e5" * 4


@pytest.fixture
def token(tmp_path: Path) -> str:
    with closing(open_folder(tmp_path / "ws", "owner")) as owner:
        owner.tracking.create_project(NewProject(path="p"))
        return owner.governance.create_token(NewToken(name="t")).secret


def test_every_line_is_json_and_holds_no_secret(tmp_path: Path, token: str) -> None:
    """A token, a cookie, a password, a query, a path with a secret, a name: nothing of it is in the log."""
    with serving(tmp_path / "ws", "--log-format", "json") as running:
        client = Client(running.url, token)
        member = client.get("/api/v1/me").json["member_id"]
        client.get("/api/v1/runs/nothing?secret=inthequery", **{"X-Request-Id": "from-the-proxy.1"})
        client.get("/shared/inthepath")
        client.get("/api/v1/projects/bythename")
        Client(running.url, cookie="runward_session=inthecookie").get("/api/v1/me")
        Client(running.url).post("/api/v1/session", {"name": "owner", "password": "inthepassword"})
        Client(running.url, "rwd_inthetoken").get("/api/v1/me", **{"X-Request-Id": 'forged"} {"level":"error'})
        space = open_url(running.url, token)
        run = space.tracking.create_run(NewRun(project="p"))
        lines = running.stop()
    text = "".join(lines)
    for secret in ("inthe", "bythename", token, run.id, "forged", "owner"):
        assert secret not in text, secret
    found = [json.loads(line) for line in lines]
    asked = [one for one in found if one["logger"] == "runward.access"]
    assert [(one["method"], one["route"], one["status"]) for one in asked] == [
        ("GET", "/api/v1/me", 200),
        ("GET", "/api/v1/runs/{run_id}", 404),
        ("GET", "/shared/{secret}", 404),
        ("GET", "/api/v1/projects/{project}", 404),
        ("GET", "/api/v1/me", 401),
        ("POST", "/api/v1/session", 401),
        ("GET", "/api/v1/me", 401),
        ("POST", "/api/v1/runs", 200),
    ]
    assert [one.get("member") for one in asked] == [member, member, None, member, None, None, None, member]
    assert asked[1]["request_id"] == "from-the-proxy.1"
    assert len({one["request_id"] for one in asked}) == len(asked)
    for one in asked:
        assert one["duration_ms"] > 0
        assert one["level"] == "info"
        assert one["time"].endswith("Z")
    assert {"serving at", "stopped"} <= {one["message"].partition(" http")[0] for one in found}


def test_an_answer_and_an_error_name_the_request(site: Site) -> None:
    """In the header always, in what went wrong, and in the client's error."""
    client = site.client("owner")
    good = client.get("/api/v1/me", **{"X-Request-Id": "mine-1"})
    assert good.headers["x-request-id"] == "mine-1"
    for path in ("/api/v1/runs/none", "/api/v1/nowhere"):
        for headers in ({}, {"Accept-Encoding": "gzip"}):
            bad = client.get(path, **headers)
            assert bad.json["request_id"] == bad.headers["x-request-id"]
    for wrong in ("", "two words", "x" * 129, "é", "-begin"):
        told = client.send("GET", "/healthz", headers={"X-Request-Id": wrong}).headers["x-request-id"]
        assert told != wrong
        assert len(told) == 12
    with pytest.raises(NotFoundError) as raised:
        open_url(site.server.url, site.tokens["owner"]).tracking.get_run("none")
    assert f"request: {raised.value.request_id}" in str(raised.value)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What this process logs, as JSON."""
    kept = io.StringIO()
    handler = logging.StreamHandler(kept)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("runward")
    logger.addHandler(handler)
    yield kept
    logger.removeHandler(handler)


def test_a_traceback_is_in_the_log_and_nowhere_else(
    site: Site, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the id that the caller was told; secrets in it are masked."""

    def broken(*given: Any) -> Any:
        raise ZeroDivisionError(f"with token={_TOKEN}")

    monkeypatch.setattr(app, "_arguments", broken)
    space = open_url(site.server.url, site.tokens["owner"])
    with pytest.raises(RunwardError) as raised:
        space.tracking.get_run("x")
    assert "ZeroDivision" not in str(raised.value)
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    defect = next(one for one in found if "trace" in one)
    assert defect["request_id"] == raised.value.request_id
    assert (defect["level"], defect["error"]) == ("error", "ZeroDivisionError")
    assert "in broken" in defect["trace"]
    assert _TOKEN not in log.getvalue()


def test_text_is_for_people() -> None:
    """One line, and the traceback below it."""
    try:
        raise KeyError("missing")
    except KeyError as error:
        record = logging.LogRecord("runward.x", logging.ERROR, "", 1, "went %s", ("wrong",), (KeyError, error, None))
    lines = TextLines().format(record).splitlines()
    assert lines[0].endswith("error runward.x went wrong error=KeyError")
    assert lines[1:] == ["KeyError: 'missing'"]


def test_a_log_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings of everything and what our own loggers tell go to standard error."""
    root, ours = logging.getLogger(), logging.getLogger("runward")
    before = root.handlers[:], root.level, ours.level
    try:
        configure("json")
        logging.getLogger("runward.any").info("told")
        logging.getLogger("other").info("not told")
        logging.getLogger("other").warning("told too")
        found = [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]
        assert found == ["told", "told too"]
    finally:
        logging.captureWarnings(False)
        root.handlers[:], level, own = before[0], before[1], before[2]
        root.setLevel(level)
        ours.setLevel(own)


def test_who_goes_away_in_the_middle_is_no_defect(tmp_path: Path, token: str) -> None:
    """An upload and a short write that stop half way are told as 499, without a traceback."""
    with serving(tmp_path / "ws", "--log-format", "json") as running:
        parts = urlsplit(running.url)
        for method, path in (("PUT", f"/api/v1/projects/p/blobs/{'0' * 64}"), ("POST", "/api/v1/runs")):
            connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
            connection.putrequest(method, path)
            for name, value in {"Authorization": f"Bearer {token}", "Content-Length": "1000"}.items():
                connection.putheader(name, value)
            connection.endheaders(b"half")
            connection.close()
        running.await_lines("runward.access", 2)
        lines = running.stop()
    found = [json.loads(line) for line in lines]
    asked = [one for one in found if one["logger"] == "runward.access"]
    assert sorted((one["method"], one["status"]) for one in asked) == [("POST", 499), ("PUT", 499)]
    assert not [one for one in found if "trace" in one]


@pytest.mark.slow
def test_lines_of_several_workers_stay_apart(tmp_path: Path, token: str) -> None:
    """Each is whole, whoever wrote it."""
    with serving(tmp_path / "ws", "--workers", "3", "--log-format", "json") as running:
        client = Client(running.url, token)
        with ThreadPoolExecutor(6) as pool:
            told = list(pool.map(lambda n: client.get("/api/v1/me").headers["x-request-id"], range(120)))
        lines = running.stop()
    found = [json.loads(line) for line in lines]
    assert {one["request_id"] for one in found if one["logger"] == "runward.access"} == set(told)
