"""One run, several processes: who captures, who uploads, who ends it, and where steps go on."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from runward.tracking import journal as j
from runward.tracking.captor import Captor
from runward.tracking.client import ActiveRun, Hooks
from runward.tracking.journal import journals_in
from runward.tracking.uploader import Uploader, gather

_RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
_NODES = ("GROUP_RANK", "NODE_RANK", "SLURM_NODEID")


def _said(names: tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def is_first_process() -> bool:
    """Whether this is rank 0 of a distributed training, or no such training at all: the one that captures."""
    return _said(_RANKS) in ("", "0")


def is_rank_0() -> bool:
    """Whether this is rank 0 of a distributed training."""
    return _said(_RANKS) == "0"


def last_steps(folder: Path) -> dict[str, int] | None:
    """The greatest step of each metric in the journals that lie here; None where the run was not begun here."""
    paths = journals_in(folder)
    if not any(j.begins_a_run(path) for path in paths):
        return None
    return {key: max(found.steps) for key, found in gather(paths).columns.items()}


class ScriptHooks(Hooks):
    """Around a script's run: its capture, its end, its upload."""

    def __init__(self, uploader: Uploader | None, tidy: Callable[[], None], captor: Captor | None) -> None:
        self._uploader, self._tidy, self._captor = uploader, tidy, captor

    def before_end(self, run: ActiveRun) -> None:
        """Add to the capture what is known only now."""
        if self._captor is not None:
            self._captor.finish(run)

    @contextlib.contextmanager
    def leaving(self, run: ActiveRun, status: str) -> Iterator[bool]:
        """The last process on the first machine ends the run; a failure ends it at once.

        The lock is held until this process's journal is closed, so of two that leave together one sees the other gone.
        """
        with contextlib.ExitStack() as held:
            # Without a disk there is nobody to agree with either, and the end of a training is no time to fail.
            with contextlib.suppress(OSError):
                fcntl.flock(held.enter_context(open(run.folder / "leaving", "w")), fcntl.LOCK_EX)
            yield status != "finished" or (_said(_NODES) in ("", "0") and not self._others(run))

    def _others(self, run: ActiveRun) -> bool:
        return any(j.has_uploader(path) for path in journals_in(run.folder))

    def after_end(self, run: ActiveRun) -> None:
        """Upload what is left, unless the run is kept on disk."""
        if self._uploader is not None and self._uploader.drain(run.folder):
            self._tidy()
