"""A server in the process of somebody else."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from runward.server.run import LOOPBACK, RunningServer, listen, open_store
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


def test_its_folder_is_for_nobody_else(tmp_path: Path) -> None:
    """Where it is made; whoever made one has chosen who reads it."""
    own = tmp_path / "own"
    own.mkdir()
    own.chmod(0o750)
    for folder, mode in ((tmp_path / "made", 0o700), (own, 0o750)):
        dispatcher = open_store(folder)
        assert folder.stat().st_mode & 0o777 == mode
        dispatcher.database.close()
        dispatcher.blobs.close()
