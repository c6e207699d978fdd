"""What was installed for a run, as a lock: read from a workspace, written by :mod:`runward.repro.pylock`."""

from __future__ import annotations

import contextlib

import msgspec

from runward.errors import EnvironmentNotRebuiltError
from runward.repro.pylock import WrittenLock, stored_lock, write_pylock
from runward.repro.uv import find_uv
from runward.tracking.capture.model import EnvironmentSnapshot
from runward.tracking.locks.model import Lock
from runward.tracking.locks.parsing import parse
from runward.tracking.pylocks import WITH_FILES
from runward.workspace import Workspace


def lock_of_run(space: Workspace, run_id: str, *, offline: bool = False, fresh: bool = False) -> WrittenLock:
    """A run's environment as ``pylock.toml``: what was stored with the run where that is whole, else written now.

    Args:
        space: Where the run is.
        run_id: The run.
        offline: Ask no package index for hashes, only uv's cache.
        fresh: Write it now, whatever was stored.

    Raises:
        NotFoundError: Nothing was captured of it.
    """
    stored = None if fresh else stored_lock(space.files, run_id)
    if stored is not None and (offline or not stored.left_out):
        return stored
    document = space.files.capture(run_id, "environment")
    snapshot = msgspec.json.decode(document, type=EnvironmentSnapshot)
    uv = None
    with contextlib.suppress(EnvironmentNotRebuiltError):
        uv = find_uv()
    written = write_pylock(snapshot, _locks(space, run_id), run_id=run_id, uv=uv, offline=offline)
    return stored if stored is not None and len(stored.left_out) <= len(written.left_out) else written


def _locks(space: Workspace, run_id: str) -> list[Lock]:
    listed = space.environments.environment(run_id).locks
    return [parse(one.path, space.files.read(run_id, one.digest)) for one in listed if one.kind in WITH_FILES]
