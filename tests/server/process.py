"""A server in a process of its own, as people start it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Running:
    """A server's process; what it says on standard error is kept."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self._said.extend(self.process.stderr)

    def await_lines(self, holding: str, count: int) -> None:
        """Wait until so many lines of its log hold a text."""
        for _ in range(600):
            if sum(holding in line for line in list(self._said)) >= count:
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"{holding!r} was not logged {count} times")

    def stop(self) -> list[str]:
        """Tell it to stop, wait for it, and return all lines of its log."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._reader.join(10)
        return self._said


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Running]:
    """A server over a folder on a free port, ready to answer; it is stopped at the end."""
    command = [sys.executable, "-m", "runward", "server", "--dir", str(folder), "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = ""
    while not told.endswith("}\n"):
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate(timeout=30)[1])
        told += line
    running = Running(process, json.loads(told)["url"])
    try:
        yield running
    finally:
        print("".join(running.stop()))  # Shown where a test fails.
        process.stdout.close()
