"""Several server processes behind one socket: a worker that dies is replaced, all end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess

from runward.core.stopping import told_to_stop

_POLL_S = 0.2
_TOO_SOON_S = 2.0
_TOO_OFTEN = 3
"""So many that die one after the other in their first moments cannot run; a single one may have been killed."""
_END_S = 40.0
"""Longer than a worker takes: what was begun comes to its end, and a checkpoint is written."""


class Workers:
    """Keeps some processes running that all accept from one listening socket.

    Args:
        count: How many.
        bound: The socket; each worker gets a copy of it.
        work: What a worker does with the socket, until it is told to stop by a signal. It must be importable, and
            what it raises ends the worker.
        ended: Told the id of a worker's process that came to its end.
    """

    def __init__(
        self,
        count: int,
        bound: socket.socket,
        work: Callable[[socket.socket], None],
        ended: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self._bound, self._work, self._count, self._ended = bound, work, count, ended
        self._spawn = multiprocessing.get_context("spawn")
        self._stopping = threading.Event()
        self._running: dict[SpawnProcess, float] = {}

    def _start(self) -> None:
        process = self._spawn.Process(target=_worker, args=(self._work, self._bound, os.getpid()), daemon=True)
        process.start()
        self._running[process] = time.monotonic()

    def run(self) -> int:
        """Serve until a termination signal or Ctrl-C; 1 when workers cannot stay up, else 0."""
        with told_to_stop(self._stopping):
            for _ in range(self._count):
                self._start()
            try:
                return self._watch()
            finally:
                self._end()

    def _watch(self) -> int:
        early = 0
        while not self._stopping.wait(_POLL_S):
            for process, since in list(self._running.items()):
                if process.exitcode is None:
                    continue
                del self._running[process]
                self._ended(process.pid or 0)
                early = early + 1 if time.monotonic() - since < _TOO_SOON_S else 0
                if early == _TOO_OFTEN:
                    # The next would die as well: their own messages say why.
                    return 1
                self._start()
        return 0

    def _end(self) -> None:
        # Who comes now is turned away at once and asks another server, instead of waiting for somebody who accepts.
        self._bound.close()
        for process in self._running:
            process.terminate()
        deadline = time.monotonic() + _END_S
        for process in self._running:
            process.join(max(deadline - time.monotonic(), 0))
            if process.exitcode is None:
                process.kill()
                process.join()


def _worker(work: Callable[[socket.socket], None], bound: socket.socket, parent: int) -> None:
    # A worker must not outlive its parent, however that ended.
    threading.Thread(target=_follow, args=(parent,), name="runward-parent", daemon=True).start()
    work(bound)


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
