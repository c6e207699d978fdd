"""A server that goes away before or in the middle of an answer: what changes something is never sent twice."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from runward.core.remote import HttpClient
from runward.errors import InvalidError, StoreError


@pytest.fixture
def half_answer() -> Iterator[str]:
    """A server that promises 89 bytes, sends 5 and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection = listening.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 89\r\n\r\nshort")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def test_half_an_answer_is_a_server_that_does_not_answer(half_answer: str) -> None:
    client = HttpClient(half_answer)
    with pytest.raises(StoreError, match="does not answer"):
        client.post_json("/x")
    with pytest.raises(StoreError, match="does not answer"):
        b"".join(client.download("/x"))
    with pytest.raises(StoreError, match="does not answer"):
        client.upload("/x", [b"data"])


class Played(NamedTuple):
    """A server that does what it is told to."""

    client: HttpClient
    asked: list[str]
    """Every request that reached it, in their order."""
    hung_up: threading.Semaphore


Play = Callable[..., Played]
_FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def play() -> Iterator[Play]:
    """A server that answers each request, or hangs up where the script says so: ``answer``, ``drop``, ``answer and close``."""
    doors = list[socket.socket]()

    def start(*script: str) -> Played:
        door = socket.create_server(("127.0.0.1", 0))
        doors.append(door)
        steps, asked, hung_up = iter(script), list[str](), threading.Semaphore(0)

        def talk(connection: socket.socket) -> None:
            with connection, connection.makefile("rb") as reader:
                while head := reader.readline():
                    size = sum(int(line.split()[1]) for line in iter(reader.readline, b"\r\n") if b"Length" in line)
                    reader.read(size)
                    asked.append(head.split()[0].decode())
                    step = next(steps)
                    if "answer" in step:
                        connection.sendall(_FINE)
                    if step != "answer":
                        break
            hung_up.release()

        def serve() -> None:
            while True:
                try:
                    connection = door.accept()[0]
                except OSError:
                    return
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        return Played(HttpClient(f"http://127.0.0.1:{door.getsockname()[1]}"), asked, hung_up)

    yield start
    for door in doors:
        door.shutdown(socket.SHUT_RDWR)
        door.close()


def _post(client: HttpClient) -> None:
    client.send("POST", "/x", b"{}", {}).read()


def _get(client: HttpClient) -> None:
    client.send("GET", "/x", None, {}).read()


def test_a_change_whose_answer_is_lost_is_not_made_again(play: Play) -> None:
    """Over a kept connection: the server may have made it."""
    found = play("answer", "drop", "answer")
    _post(found.client)
    with pytest.raises(StoreError, match="does not answer"):
        _post(found.client)
    _post(found.client)
    assert found.asked == ["POST"] * 3


def test_what_only_reads_is_asked_again_once(play: Play) -> None:
    found = play("answer", "drop", "answer", "drop", "drop")
    _get(found.client)
    _get(found.client)
    assert found.asked == ["GET"] * 3
    with pytest.raises(StoreError, match="does not answer"):
        _get(found.client)
    assert found.asked == ["GET"] * 5


def test_a_connection_that_was_closed_while_it_was_idle_costs_no_change(play: Play) -> None:
    found = play("answer and close", "answer")
    _post(found.client)
    assert found.hung_up.acquire(timeout=10)
    _post(found.client)
    assert found.asked == ["POST"] * 2


def test_a_connection_is_left_to_who_still_reads_from_it(play: Play) -> None:
    """What is asked meanwhile goes over another one, and each of both is sent once."""
    found = play("answer", "answer", "answer")
    reading = found.client.send("GET", "/x", None, {})
    _post(found.client)
    assert reading.read() == b"{}"
    _post(found.client)
    assert found.asked == ["GET", "POST", "POST"]


def test_a_small_request_is_sent_as_one_piece(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its head alone would wake the server for nothing; a large body is not copied for that."""
    pieces, send, own = list[int](), socket.socket.sendall, threading.get_ident()

    def noted(sock: socket.socket, data: bytes, *more: int) -> None:
        if threading.get_ident() == own:
            pieces.append(len(data))
        send(sock, data, *more)

    monkeypatch.setattr(socket.socket, "sendall", noted)
    played = play("answer", "answer", "answer")
    for body, count in ((b"", 1), (b"x" * 5000, 1), (b"x" * (1 << 20), 2)):
        pieces.clear()
        assert played.client.post_json("/x", body) == {}
        assert len(pieces) == count
        assert sum(pieces) > len(body)


@pytest.mark.parametrize(
    "url",
    ["http://exa mple", "http://host:99999", "http://host:x", "http://[::1", "http://a..b", "http://host/a b",
     "http://", "ftp://host", "http://host/ü", "http://" + "x" * 70, ""],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(InvalidError, match="server URL") as caught:
        HttpClient(url)
    assert "http://host:4747" in caught.value.hint


def test_a_token_goes_without_the_line_end_of_its_file() -> None:
    assert HttpClient("http://host", "rwd_a_b\r\n").token == "rwd_a_b"


@pytest.mark.parametrize("token", ["rwd_a\nb", "rwd_ü", "rwd_🙂", "rwd_\0"])
def test_a_token_that_no_header_holds_is_refused_and_not_told(token: str) -> None:
    with pytest.raises(InvalidError, match="position") as caught:
        HttpClient("http://host", token)
    assert token not in str(caught.value)
