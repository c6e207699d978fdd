"""Answers on the wire: a small one is one piece, and none is held back."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from runward.server.wire import WholeAnswers, _Whole
from tests.server.conftest import Site


class _Noted:
    """A transport that notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.is_closed = True


class _Answering:
    """The protocol, as far as its transport looks at it."""

    cycle: object = None


@pytest.fixture
def wire() -> tuple[_Noted, _Answering, Any]:
    noted, answering = _Noted(), _Answering()
    answering.cycle = object()
    return noted, answering, _Whole(noted, answering)  # type: ignore[arg-type]


def test_a_small_answer_is_one_piece(wire: tuple[_Noted, _Answering, Any]) -> None:
    """A large body is not copied for that, and its later pieces go as they come."""
    noted, answering, whole = wire
    for body in (b"", b"small", b"x" * (1 << 20)):
        noted.written.clear()
        answering.cycle = object()
        whole.write(b"head")
        assert noted.written == []
        whole.write(body)
        assert noted.written == ([b"head", body] if len(body) > 1 << 16 else [b"head" + body])
        whole.write(b"more")
        assert noted.written[-1] == b"more"


def test_what_is_all_of_an_answer_is_sent(wire: tuple[_Noted, _Answering, Any]) -> None:
    noted, answering, whole = wire
    whole.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert len(noted.written) == 1
    answering.cycle = object()
    whole.write(b"head")
    whole.flush()
    whole.flush()
    assert noted.written[1:] == [b"head"]
    answering.cycle = object()
    whole.write(b"last")
    whole.close()
    assert (noted.written[2:], noted.is_closed) == ([b"last"], True)


def test_no_request_waits_for_the_next_one(site: Site) -> None:
    """HEAD, a body that was announced first, two requests at once: on one connection."""
    parts = urlsplit(site.server.url)
    head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {site.tokens['ann']}\r\n"
    with socket.create_connection((str(parts.hostname), parts.port), timeout=10) as connection:

        def answered(status: bytes, count: int = 1) -> None:
            data = b""
            while data.count(b"HTTP/1.1 " + status) < count:
                piece = connection.recv(65536)
                assert piece, data
                data += piece

        connection.sendall(f"HEAD /healthz HTTP/1.1\r\n{head}\r\n".encode())
        answered(b"200")
        post = f"POST /api/v1/runs/{site.run_id}/comments HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
        connection.sendall(f"{post}Content-Length: 14\r\nExpect: 100-continue\r\n\r\n".encode())
        answered(b"100")
        connection.sendall(b'{"body": "hi"}')
        answered(b"200")
        connection.sendall(f"GET /readyz HTTP/1.1\r\n{head}\r\n".encode() * 2)
        answered(b"200", 2)


def test_the_server_speaks_so(site: Site) -> None:
    assert site.server._server.config.http_protocol_class is WholeAnswers
