"""Folders for verifications; those that a killed one left are removed by the next."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "runward-verify-"
_LOCK = "lock"
"""Held as long as the folder's process lives: the system gives it up however that ends."""


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of this process's own below the system's temporary folder; it is removed with all that is in it."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        fresh = os.path.join(name, f"{_LOCK}.new")
        held = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            # Others look for it under this name only, under which it is held from the first moment.
            os.rename(fresh, os.path.join(name, _LOCK))
            yield Path(name).resolve()
        finally:
            os.close(held)


def _sweep(place: Path) -> None:
    """Remove folders of this user whose processes are gone; what cannot be looked at stays."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            held = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for inside, _, _ in os.walk(folder):
                    os.chmod(inside, 0o700)  # a command may have closed what it made
                shutil.rmtree(folder)
            finally:
                os.close(held)
