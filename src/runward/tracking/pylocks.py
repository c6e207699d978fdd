"""The ``pylock.toml`` of a run's environment: written once per environment, by a process of its own beside the run."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from runward.core.ids import Digest
from runward.errors import RunwardError
from runward.store.blobs import LocalBlobs
from runward.store.folder import FolderBlobs
from runward.tracking.capture.background import Background
from runward.tracking.capture.model import EnvironmentSnapshot, FileEntry
from runward.tracking.capture.reads import unrecorded
from runward.tracking.locks.names import attached, kind_of

VARIABLE = "RUNWARD_PYLOCK"
"""``index`` (as by default), ``cache``: ask no package index, ``0``: keep no lock."""
WITH_FILES = frozenset({"pylock", "uv"})
"""The kinds of lock that say where a package's files are."""
_WRITER = "runward.repro.lockwriter"
_WAIT_S = 2.0
_LIMIT_S = 120.0
_AGAIN_S = 86_400.0


class LockOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What the process that writes a lock is told."""

    environment: EnvironmentSnapshot
    locks: list[tuple[str, Digest]] = []
    """The run's own locks that name files, with their contents in the blob store."""
    blobs: str
    target: str
    index: bool
    """Whether the package index may be asked."""


class _Written(msgspec.Struct):
    packages: int
    left_out: dict[str, str] = {}


class EnvironmentLock:
    """The lock of one environment on this machine: found, or being written."""

    def __init__(self, blobs: LocalBlobs, cache: Path) -> None:
        """Prepare. ``cache`` remembers the locks of environments that were seen before."""
        self._blobs, self._folder = blobs, cache / "pylocks"
        self._target = Path()
        self._job: Background[None] | None = None

    def begin(self, environment: EnvironmentSnapshot, files: Sequence[FileEntry] = ()) -> None:
        """Have the lock written, unless it is there; comes back at once.

        Args:
            environment: What was installed.
            files: The captured tree, whose locks name files and hashes.
        """
        how = os.environ.get(VARIABLE, "index")
        if how == "0" or not environment.digest or not sys.executable:
            return
        self._target = self._folder / f"{environment.digest[:32]}.json"
        mark = self._target.with_suffix(".writing")
        if self._is_settled() or _age_s(mark) < _LIMIT_S:
            return
        locks, root = list[tuple[str, Digest]](), ""
        # The writer is a process of its own, without keys: it can look into what is not encrypted.
        if isinstance(self._blobs, FolderBlobs):
            root = str(self._blobs.root)
            locks = [
                (entry.path, Digest(entry.digest)) for entry in attached(files) if kind_of(entry.path) in WITH_FILES
            ]
        order = LockOrder(
            environment=environment, locks=locks, blobs=root, target=str(self._target), index=how != "cache"
        )
        self._job = Background(lambda: _write(order, mark))

    def parts(self, wait_s: float = _WAIT_S) -> list[tuple[str, str, dict[str, Any]]]:
        """The lock as a captured document; nothing where there is none (yet).

        Args:
            wait_s: How long to wait for one that is being written, once for each environment.
        """
        if self._job is not None:
            with contextlib.suppress(TimeoutError, OSError, subprocess.SubprocessError):
                self._job.result(wait_s)
        with unrecorded(), contextlib.suppress(OSError, RunwardError, msgspec.MsgspecError):
            data = self._target.read_bytes()
            written = msgspec.json.decode(data, type=_Written)
            if written.packages:
                facts = {"packages": written.packages, "left_out": sorted(written.left_out)}
                return [("pylock", self._blobs.put_bytes(data), facts)]
        return []

    def _is_settled(self) -> bool:
        """Whether nothing is to be gained by writing it again: it is whole, or was tried today."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            written = msgspec.json.decode(self._target.read_bytes(), type=_Written)
            return not written.left_out or _age_s(self._target) < _AGAIN_S
        return False


def _write(order: LockOrder, mark: Path) -> None:
    """Run the writer to its end. It outlives this process: then the next run finds what it wrote."""
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.unlink(missing_ok=True)
    mark.write_bytes(msgspec.json.encode(order))
    command = [sys.executable, "-m", _WRITER, str(mark)]
    subprocess.run(
        command, cwd=mark.parent, check=False, start_new_session=True, timeout=_LIMIT_S,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
