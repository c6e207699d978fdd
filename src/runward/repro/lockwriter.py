"""``python -m runward.repro.lockwriter ORDER``: writes the lock of an environment, beside the run that it is of."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import msgspec

from runward.errors import EnvironmentNotRebuiltError, RunwardError
from runward.repro.pylock import WrittenLock, write_pylock
from runward.repro.uv import find_uv
from runward.store.folder import FolderBlobs
from runward.tracking.locks.model import Lock
from runward.tracking.locks.parsing import parse
from runward.tracking.pylocks import LockOrder


def carry_out(order: LockOrder) -> WrittenLock:
    """Write a lock: from the run's own locks, then from uv's cache, and from the package index what is missing."""
    uv = None
    with contextlib.suppress(EnvironmentNotRebuiltError):
        uv = find_uv()
    locks = list(_own(order))
    written = write_pylock(order.environment, locks, uv=uv, offline=True)
    if written.left_out and order.index:
        written = write_pylock(order.environment, locks, uv=uv)
    _put(Path(order.target), msgspec.json.encode(written))
    return written


def _own(order: LockOrder) -> list[Lock]:
    blobs, found = FolderBlobs(Path(order.blobs)), list[Lock]()
    for path, digest in order.locks:
        with contextlib.suppress(RunwardError, OSError):
            found.append(parse(path, blobs.read(digest)))
    return found


def _put(target: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(name, target)


def main(place: str) -> None:
    """Carry out the order in a file, at a low priority, and take the file away."""
    os.nice(10)
    path = Path(place)
    try:
        carry_out(msgspec.json.decode(path.read_bytes(), type=LockOrder))
    finally:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1])
