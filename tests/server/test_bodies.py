"""What comes from outside: bodies that make no sense, paths that want out, bytes that want to run."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

import runward.server.doors
from runward.core.codec import JSON, MSGPACK
from runward.core.zstd import compress
from runward.errors import InvalidError, StoreError, UnauthenticatedError
from runward.testing.worlds import batch
from runward.tracking.model import NewArtifact, NewRun
from runward.workspace import open_url
from tests.server.conftest import Site

_RUNS = "/api/v1/runs"
_NESTED = b"[" * 5_000_000 + b"]" * 5_000_000


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"null", {}),
        (b"[]", {}),
        (b"\xff\xfe", {}),
        (b'{"project": "p", "surprise": 1}', {}),
        (b'{"project": 5}', {}),
        (b'{"project": "p", "seed": 1e400}', {}),
        (b'{"project": "p", "seed": 99999999999999999999}', {}),
        (b'{"project": "p", "name": "\\ud800"}', {}),
        (b'{"project": "p", "params": [{"key": "x", "value": NaN}]}', {}),
        (b'{"project": "p", "started_at": "yesterday"}', {}),
        (_NESTED, {}),
        (b'{"project": "p", "params": [{"key": "x", "value": ' + _NESTED + b"}]}", {}),
        (b"\xc1", {"Content-Type": MSGPACK}),
        (b"\x91" * 1_000_000, {"Content-Type": MSGPACK}),
        (b"\xdd\xff\xff\xff\xff", {"Content-Type": MSGPACK}),
        (b"not zstd", {"Content-Encoding": "zstd"}),
        (compress(b'{"project": "p"}')[:-2], {"Content-Encoding": "zstd"}),
        (compress(b" " * (70 << 20)), {"Content-Encoding": "zstd"}),
    ],
    ids=lambda value: str(value[:40]) if isinstance(value, bytes) else "",
)
def test_bodies_that_make_no_sense_are_refused(site: Site, body: bytes, headers: dict[str, str]) -> None:
    """Each with a problem that says what is wrong; the server goes on."""
    answer = site.client("owner").send("POST", _RUNS, body, {"Content-Type": JSON, **headers})
    assert 400 <= answer.status < 500, answer.body
    assert answer.json["code"] == "invalid"
    assert answer.json["detail"]
    assert site.client().get("/healthz").status == 200


def test_a_body_beyond_the_limit_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runward.server.app._MAX_BODY_BYTES", 1 << 20)
    answer = site.client("owner").post(_RUNS, b" " * (2 << 20))
    assert (answer.status, answer.json["code"]) == (422, "invalid")
    assert "1 MiB" in answer.json["detail"]


@pytest.mark.parametrize("query", ["limit=x", "limit=1.5", "limit=", "limit=99999999999999999999999", "cursor=%00"])
def test_queries_that_make_no_sense_name_their_parameter(site: Site, query: str) -> None:
    answer = site.client("owner").get(f"{_RUNS}?{query}")
    if query.startswith("limit=9"):
        assert answer.status == 200
    else:
        assert (answer.status, answer.json["code"]) == (422, "invalid")
        assert query.partition("=")[0] in answer.json["detail"]
    missing = site.client("owner").get("/api/v1/run-refs")
    assert (missing.status, "'ref'" in missing.json["detail"]) == (422, True)
    for number in (2**63, -(2**70)):
        assert site.client("owner").get(f"/api/v1/audit?before={number}").status == 422


def test_json_has_no_nan_and_the_answer_none_either(site: Site) -> None:
    """A NaN metric is None with a name in JSON, so that every parser of the world can read it."""
    run = site.owner.tracking.create_run(NewRun(project="p"))
    site.owner.tracking.append(run.id, batch(0, {"v": [(0, float("nan")), (1, float("inf"))]}))
    body = site.client("owner").get(f"{_RUNS}/{run.id}/series?keys=v").body.decode()
    found = json.loads(body, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))["series"][0]
    assert found["values"] == [None, None]
    assert found["special"] == {"0": "NaN", "1": "Infinity"}


@pytest.mark.parametrize(
    ("name", "media_type", "inline", "disposition", "shown"),
    [
        ("page.html", "text/html", "", "attachment", "application/octet-stream"),
        ("page.html", "text/html", "?inline", "inline", "text/plain"),
        ("evil.svg", "image/svg+xml", "", "attachment", "application/octet-stream"),
        ("evil.svg", "image/svg+xml", "?inline", "inline", "image/svg+xml"),
        ("evil.svg", "image/svg+xml", "?page", "attachment", "application/octet-stream"),
        ("a.wav", "audio/wav", "?inline", "inline", "audio/wav"),
        ("plot.png", "image/png", "?inline", "inline", "image/png"),
        ("plot.png", "image/png", "", "attachment", "application/octet-stream"),
        ("a.js", "text/javascript", "?inline", "inline", "text/plain"),
        ("d.json", "application/json", "?inline", "inline", "text/plain"),
        ('wëird; x="y".bin', "", "", "attachment", "application/octet-stream"),
    ],
)
def test_files_of_users_cannot_run_as_ours(
    site: Site, name: str, media_type: str, inline: str, disposition: str, shown: str
) -> None:
    """Attachments in a sandbox, whatever type they claim; pictures and text are shown on request, as text."""
    digest = site.owner.files.put_bytes("p", b"<script>alert(1)</script>")
    site.owner.tracking.add_artifact(site.run_id, NewArtifact(name, digest, media_type))
    answer = site.client("owner").get(f"{_RUNS}/{site.run_id}/files/{quote(name)}{inline}")
    assert answer.status == 200
    assert answer.body == b"<script>alert(1)</script>"
    assert answer.headers["content-disposition"].startswith(disposition)
    assert answer.headers["content-type"].startswith(shown)
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_of_a_run_has_no_origin_and_no_network(site: Site) -> None:
    """It may draw itself in a frame of ours: a sandbox without an origin, from which nothing can be asked."""
    digest = site.owner.files.put_bytes("p", b"<script>alert(1)</script>")
    site.owner.tracking.add_artifact(site.run_id, NewArtifact("plot.html", digest, "text/html"))
    answer = site.client("owner").get(f"{_RUNS}/{site.run_id}/files/plot.html?page=1")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"].split("; ")
    assert "sandbox allow-scripts" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert not any("http" in part or "allow-same-origin" in part or "*" in part for part in policy)


_TRICKS = [
    "../../../etc/passwd",
    "..%2f..%2fetc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "/etc/passwd",
    "..\\x",
    "%00",
    "x" * 5000,
]


@pytest.mark.parametrize("path", _TRICKS)
def test_no_path_leads_out_of_a_run_or_of_the_web_app(
    site: Site, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Artifacts are looked up by name, and the web app's folder is the whole world of its paths."""
    answer = site.client("owner").get(f"{_RUNS}/{site.run_id}/files/{path}")
    assert answer.status in (404, 422)
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.html").write_text("the app")
    (tmp_path / "secret").write_text("root:")
    monkeypatch.setattr(runward.server.doors, "STATIC", static)
    for tried in (path, "../secret", "%2e%2e/secret", "a/%2e%2e/%2e%2e/secret"):
        answer = site.client().get(f"/{tried}")
        assert b"root:" not in answer.body
        assert answer.status in (200, 400, 404, 422)
    assert site.client().get("/projects/any/page").body == b"the app"


def test_the_apps_files_are_packed_once_and_kept_by_browsers(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For who takes gzip; a rebuilt file is packed anew."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("the app")
    script = tmp_path / "assets" / "app-1.js"
    script.write_text("let a = 1;" * 500)
    monkeypatch.setattr(runward.server.doors, "STATIC", tmp_path)
    plain = site.client().get("/assets/app-1.js")
    assert (plain.body, plain.headers.get("content-encoding")) == (script.read_bytes(), None)
    for text in ("let a = 1;" * 500, "let b = 22;" * 500):
        script.write_text(text)
        packed = site.client().send("GET", "/assets/app-1.js", headers={"Accept-Encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert "immutable" in packed.headers["cache-control"]
        assert gzip.decompress(packed.body).decode() == text


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(site: Site) -> None:
    for path in ("/healthz", "/api/v1/me", "/api/v1/nowhere", "/api/v1/openapi.json"):
        headers = site.client().get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_what_is_no_route_is_a_problem_too(site: Site) -> None:
    answer = site.client("owner").get("/api/v1/nowhere")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert site.client("owner").send("POST", "/api/v1/nowhere", {}).status in (404, 405)
    assert site.client("owner").send("DELETE", "/api/v1/me").status == 405


def test_a_defect_is_one_500_that_tells_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The trace is in our log, not in the answer."""

    def defect(*args: object, **kwargs: object) -> object:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(site.dispatcher, "call", defect)
    answer = site.client("owner").get("/api/v1/me")
    assert (answer.status, answer.json["code"]) == (500, "error")
    assert b"secret" not in answer.body
    assert b"Zero" not in answer.body
    assert "secret detail" in caplog.text


def test_both_forms_say_the_same(site: Site) -> None:
    client = site.client("owner")
    as_json = client.get(f"{_RUNS}/{site.run_id}").json
    answer = client.get(f"{_RUNS}/{site.run_id}", Accept=MSGPACK)
    assert answer.headers["content-type"] == MSGPACK
    packed = msgspec.msgpack.decode(answer.body)
    assert packed["run"]["id"] == as_json["run"]["id"]
    assert set(packed) == set(as_json)
    body = msgspec.msgpack.encode({"project": "p", "name": "packed"})
    made = client.post(_RUNS, compress(body), **{"Content-Type": MSGPACK, "Content-Encoding": "zstd"})
    assert (made.status, made.json["name"]) == (200, "packed")


def test_an_upload_under_a_wrong_digest_leaves_nothing(site: Site) -> None:
    for digest, status in (("0" * 64, 422), ("zz", 422), ("..%2f..%2fx", 422)):
        answer = site.client("owner").send("PUT", f"/api/v1/projects/p/blobs/{digest}", b"bytes")
        assert answer.status in (status, 404, 405), answer.body
    assert not list((site.dispatcher.folder / "blobs").glob(".new-*"))


def test_a_client_with_a_wrong_address_or_token_is_told_so(site: Site) -> None:
    with pytest.raises(UnauthenticatedError) as caught:
        open_url(site.server.url, "rwd_wrong").governance.whoami()
    assert "runward token create" in caught.value.hint
    with pytest.raises(StoreError, match="does not answer") as away:
        open_url("http://127.0.0.1:9", "x").governance.whoami()
    assert "RUNWARD_URL" in away.value.hint
    with pytest.raises(InvalidError, match="ftp"):
        open_url("ftp://host")
