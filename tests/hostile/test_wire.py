"""What no HTTP library sends: raw bytes on the server's socket, and the headers of what comes back."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from tests.permissions.site import Asking, Open

_WRITE = b'{"name": "smuggled"}'


def _raw(url: str, *parts: bytes, wait_s: float = 5.0) -> bytes:
    """All that comes back until the server closes, or says nothing for a while."""
    place = urlsplit(url)
    with socket.create_connection((str(place.hostname), place.port or 80), timeout=wait_s) as connection:
        for part in parts:
            connection.sendall(part)
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
        except (TimeoutError, ConnectionResetError):
            pass
        return found


def _request(*lines: str, body: bytes = b"", end: str = "Connection: close") -> bytes:
    return "\r\n".join([*lines, end, "", ""]).encode("latin-1") + body


@pytest.mark.parametrize(
    "lines",
    [
        ("Transfer-Encoding: chunked", "Content-Length: 4"),
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 4", "Content-Length: 60"),
        ("Content-Length: 4, 60",),
        ("Content-Length: +4",),
        ("Content-Length: 0x4",),
        ("Content-Length: -1",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding:\x0bchunked",),
        (" Transfer-Encoding: chunked",),
        ("X: a\nTransfer-Encoding: chunked",),
    ],
    ids=str,
)
def test_no_second_request_hides_in_the_body_of_the_first(opened: Open, lines: tuple[str, ...]) -> None:
    """Where two lengths are told, a proxy and we could cut at different places: at most one request is answered with success."""
    token = opened.site.tokens["admin everywhere"]
    hidden = _request("GET /api/v1/members HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}")
    body = b"0\r\n\r\n" + hidden
    outer = _request("POST /api/v1/session HTTP/1.1", "Host: 127.0.0.1", *lines, body=body, end="X-Y: z")
    found = _raw(opened.url, outer, wait_s=1.0)
    assert b'"bystander"' not in found or found.count(b"HTTP/1.1 ") > 1
    if found.count(b"HTTP/1.1 ") > 1:
        # It was cut as its own words say, not hidden: the first answer must not have taken the chunks for a length.
        assert any("chunked" in line for line in lines)
        assert not any("Content-Length" in line for line in lines)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 4096,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 300_000 + b"\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        b"GET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=lambda data: repr(data[:40]),
)
def test_what_is_hardly_http_is_refused_and_the_server_goes_on(opened: Open, data: bytes) -> None:
    """Nothing of it reaches a page of ours as success with foreign data, nor ends the server."""
    found = _raw(opened.url, data, wait_s=1.0)
    assert b" 500 " not in found.partition(b"\r\n")[0]
    asking = Asking(opened.url, "")
    assert asking.send("GET", "/healthz").status == 200
    asking.close()


def test_a_body_in_many_small_chunks_is_one_body(opened: Open) -> None:
    """One byte a chunk, with extensions and trailers."""
    token, body = opened.site.tokens["admin everywhere"], json.dumps({"name": "in pieces"}).encode()
    chunks = b"".join(b"1;a=b\r\n" + bytes([byte]) + b"\r\n" for byte in body) + b"0\r\nX-Trailer: y\r\n\r\n"
    head = _request(
        "POST /api/v1/teams HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    )
    found = _raw(opened.url, head + chunks)
    assert found.startswith(b"HTTP/1.1 2"), found[:300]


def test_many_slow_and_idle_callers_keep_nobody_else_out(opened: Open) -> None:
    """Half a request each, never finished."""
    place = urlsplit(opened.url)
    held = [socket.create_connection((str(place.hostname), place.port or 80)) for _ in range(200)]
    for number, connection in enumerate(held):
        connection.sendall(
            b"POST /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{"[: 20 + number]
        )
    asking = Asking(opened.url, opened.site.tokens["admin everywhere"])
    assert asking.send("GET", "/api/v1/me").status == 200
    asking.close()
    for connection in held:
        connection.close()


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "", "evil.example:80"]
)
def test_a_name_that_was_led_here_by_dns_is_not_answered(opened: Open, host: str) -> None:
    """Neither by the short way of programs nor by all layers."""
    token = opened.site.tokens["admin everywhere"]
    for extra in ({}, {"Accept-Encoding": "gzip"}):
        asking = Asking(opened.url, token)
        found = asking.send("GET", "/api/v1/members", None, {"Host": host, **extra})
        assert found.status in (400, 421), found
        assert "bystander" not in found.text
        asking.close()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example", "file://"])
def test_no_other_site_may_read_or_write(opened: Open, origin: str) -> None:
    """No CORS header on any answer, also to the question that browsers ask before."""
    token = opened.site.tokens["admin everywhere"].encode()
    for method, path in (
        ("OPTIONS", "/api/v1/runs"),
        ("GET", "/api/v1/me"),
        ("OPTIONS", "/api/2.0/mlflow/runs/search"),
    ):
        lines = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Origin: {origin}")
        more = ("Access-Control-Request-Method: POST", f"Authorization: Bearer {token.decode()}")
        found = _raw(opened.url, _request(*lines, *more)).lower()
        assert b"access-control-allow" not in found


def test_private_answers_are_not_kept_on_the_way(opened: Open) -> None:
    """No cache that several people share may keep an answer to one of them."""
    token, estate = opened.site.tokens["admin everywhere"], opened.site.own
    paths = ["/api/v1/me", f"/api/v1/runs/{estate.run}", f"/api/v1/runs/{estate.run}/files/notes.txt", "/api/v1/audit"]
    for path in paths:
        found = _raw(opened.url, _request(f"GET {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"))
        head = found.partition(b"\r\n\r\n")[0].lower()
        assert b" 200 " in head
        control = next((line for line in head.split(b"\r\n") if line.startswith(b"cache-control")), b"")
        assert b"private" in control or b"no-store" in control, (path, control)
        assert b"public" not in control
