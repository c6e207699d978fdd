"""Requests to addresses that users name: where they may go, and what ends them."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from runward.core.outbound import Answer, Outgoing, is_public, networks, send
from runward.errors import InvalidError
from tests.coordination.receiver import Receiver

LOOPBACK = networks(["127.0.0.0/8"])

NOT_PUBLIC = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::",
    "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:c0a8:101::1", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_what_is_not_of_the_open_internet_is_told(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "140.82.121.3", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_may_be_reached(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def _resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names lead to the addresses given, one list a question (the last one again and again); tells who asked."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **more: Any) -> list[Any]:
        if host.replace(".", "").isdigit():
            return real(host, port, *args, **more)
        addresses = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0x7f000001", "2130706433", "017700000001", "127.1", "[::ffff:127.0.0.1]"],
)
def test_loopback_is_refused_in_every_writing(host: str) -> None:
    """Whatever the resolver makes of it; nothing is connected to."""
    with Receiver() as receiver:
        answer = send(Outgoing(f"https://{host}:{receiver.port}/", {}, b""))
    assert answer.status == 0
    assert "no public address" in answer.problem or "not found" in answer.problem
    assert receiver.received == []


def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where another one of its addresses is public."""
    _resolving(monkeypatch, ["1.1.1.1", "10.0.0.5"])
    assert send(Outgoing("https://mixed.example/", {}, b"")).problem.startswith("refused: mixed.example is at 10.0.0.5")


def test_a_name_is_resolved_once_and_held_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the second answer, which would lead inside, is never asked for."""
    asked = _resolving(monkeypatch, ["192.0.2.7"], ["127.0.0.1"])
    tried: list[Any] = []

    def connect(address: Any, timeout: Any) -> Any:
        tried.append(address)
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr(socket, "create_connection", connect)
    answer = send(Outgoing("https://rebinding.example/", {}, b""), networks(["192.0.2.0/24"]))
    assert answer == Answer(0, "ConnectionRefusedError: nobody there")
    assert (asked, tried) == (["rebinding.example"], [("192.0.2.7", 443)])


def test_plain_http_is_enough_only_inside_allowed_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving(monkeypatch, ["1.1.1.1"])
    assert "use https" in send(Outgoing("http://public.example/", {}, b"")).problem
    with Receiver() as receiver:
        _resolving(monkeypatch, ["127.0.0.1"])
        request = Outgoing(f"http://inside.example:{receiver.port}/a?b=1", {"X-Y": "z"}, b"body")
        assert send(request, LOOPBACK) == Answer(204, "")
        assert "no public address" in send(request, networks(["10.0.0.0/8"])).problem
    got = receiver.received[0]
    assert (got.path, got.body, got.headers["x-y"]) == ("/a?b=1", b"body", "z")
    assert got.headers["host"] == f"inside.example:{receiver.port}"
    assert len(receiver.received) == 1


def test_a_redirect_is_not_followed() -> None:
    """It is an answer like any other, and no good one."""
    with Receiver(status=302) as receiver:
        answer = send(Outgoing(f"{receiver.url}/first", {}, b""), LOOPBACK)
    assert (answer.status, answer.good) == (302, False)
    assert [got.path for got in receiver.received] == ["/first"]


def _dripping(handler: BaseHTTPRequestHandler) -> None:
    """An answer that never ends, a byte at a time, so that no pause is long."""
    try:
        while True:
            handler.wfile.write(b"H")
            handler.wfile.flush()
            time.sleep(0.02)
    except OSError:
        pass


def _endless(handler: BaseHTTPRequestHandler) -> None:
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass


@pytest.mark.parametrize(("answer", "expected"), [(_dripping, 0), (_endless, 200)])
def test_neither_a_slow_nor_an_endless_answer_holds_us(
    answer: Callable[[BaseHTTPRequestHandler], None], expected: int
) -> None:
    with Receiver(answer) as receiver:
        started = time.monotonic()
        found = send(Outgoing(receiver.url, {}, b""), LOOPBACK, limit_s=0.5)
    assert time.monotonic() - started < 5
    assert found.status == expected
    assert found.problem == ("" if expected else "no answer within 0.5 s")


def test_what_is_no_http_is_said() -> None:
    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-x\r\n")

    with Receiver(nonsense) as receiver:
        answer = send(Outgoing(receiver.url, {}, b""), LOOPBACK)
    assert answer.status == 0
    assert "BadStatusLine" in answer.problem


@pytest.mark.parametrize("text", ["10.0.0.0/99", "10.0.0.1/8", "nonsense", ""])
def test_a_network_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="network"):
        networks([text])


@pytest.fixture
def certified(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for ``hooks.example`` and its key, as files."""
    pytest.importorskip("cryptography")
    from tests.server.certificates import make_certificate

    return make_certificate(tmp_path, "hooks.example")


def test_tls_proves_the_name_at_the_pinned_address(
    certified: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to the checked address; the certificate has to be that of the name."""
    certificate, private = certified
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        for _ in range(2):
            plain, _ = listener.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    got = b""
                    while not got.endswith(b"{}"):
                        got += secured.recv(65536)
                    secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    _resolving(monkeypatch, ["127.0.0.1"])
    assert send(Outgoing(f"https://hooks.example:{port}/", {}, b"{}"), LOOPBACK) == Answer(200, "")
    wrong = send(Outgoing(f"https://other.example:{port}/", {}, b"{}"), LOOPBACK)
    assert wrong.status == 0
    assert "CERTIFICATE_VERIFY_FAILED" in wrong.problem
    thread.join(5)
    listener.close()
