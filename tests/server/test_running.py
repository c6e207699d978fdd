"""A server in the process of somebody else."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from runward.server.run import LOOPBACK, RunningServer, listen
from runward.workspace import open_folder


class _Kept(logging.Handler):
    """Notes that somebody closed it."""

    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


def test_it_leaves_the_log_handlers_of_its_host_open(tmp_path: Path) -> None:
    """A handler that closes its stream would take the host's stderr away."""
    handler = _Kept()
    with (
        contextlib.closing(open_folder(tmp_path)) as space,
        RunningServer(space.dispatcher, listen("127.0.0.1", 0), LOOPBACK),
    ):
        assert not handler.closed
    assert not handler.closed
