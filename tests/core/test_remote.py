"""A server that goes away in the middle of an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from runward.core.remote import HttpClient
from runward.errors import StoreError


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
