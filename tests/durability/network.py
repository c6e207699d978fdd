"""A network between clients and a server that loses connections, answers and time."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
from collections.abc import Iterator


class BadNetwork:
    """Passes bytes on, but cuts a connection after a random number of them, in either direction, or holds them back."""

    def __init__(self, port: int, seed: int = 1) -> None:
        self._target, self._noise = port, random.Random(seed)
        self._mutex, self._over = threading.Lock(), threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self.cuts = 0
        """Connections that were cut while something was under way."""

    @contextlib.contextmanager
    def running(self) -> Iterator[BadNetwork]:
        """Take connections until the end."""
        accepts = threading.Thread(target=self._accept, daemon=True)
        accepts.start()
        try:
            yield self
        finally:
            self._over.set()
            self._door.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                client, _ = self._door.accept()
                with self._mutex:
                    limit, pause = self._noise.randrange(200, 120_000), self._noise.choice((0.0, 0.0, 0.05))
                threading.Thread(target=self._pass_on, args=(client, limit, pause), daemon=True).start()

    def _pass_on(self, client: socket.socket, limit: int, pause: float) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as server:
            ways = {client: server, server: client}
            while limit > 0 and not self._over.is_set():
                for source in select.select(list(ways), [], [], 0.5)[0]:
                    data = source.recv(min(4096, limit))
                    if not data:
                        return
                    self._over.wait(pause)
                    ways[source].sendall(data)
                    limit -= len(data)
            with self._mutex:
                self.cuts += 1
            # A reset, not an orderly end: what is under way is lost.
            for end in ways:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
