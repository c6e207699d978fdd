"""Folders for verifications; those that a killed one left are removed by the next, with what it left running."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from runward.repro.stop import kill_marked

_PREFIX = "runward-verify-"
_LOCK = "lock"
"""Held as long as the folder's process lives: the system gives it up however that ends. It names the machine."""


@contextlib.contextmanager
def scratch_folder(place: Path | None = None, prefix: str = _PREFIX) -> Iterator[Path]:
    """A folder of this process's own, which is removed with all that is in it.

    Args:
        place: Where it lies; by default the system's temporary folder.
        prefix: What its name begins with. Folders there that begin so and are held by nobody are removed too.
    """
    _sweep(place or Path(tempfile.gettempdir()), prefix)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True) as name:
        fresh = os.path.join(name, f"{_LOCK}.new")
        held = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.write(held, _host())
            # A file system that knows no locks leaves the folder to its own end.
            with contextlib.suppress(OSError):
                fcntl.flock(held, fcntl.LOCK_EX)
                # Others look for it under this name only, under which it is held from the first moment.
                os.rename(fresh, os.path.join(name, _LOCK))
            yield Path(name).resolve()
        finally:
            os.close(held)


def _host() -> bytes:
    return platform.node().encode()


def _sweep(place: Path, prefix: str) -> None:
    """Remove folders of this user and machine whose processes are gone; what cannot be looked at stays."""
    for folder in place.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            held = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.read(held, 1024) != _host():
                    continue  # on a file system that machines share, and whose locks they may not
                kill_marked(f"{folder.resolve()}/")
                for inside, _, _ in os.walk(folder):
                    os.chmod(inside, 0o700)  # a command may have closed what it made
                shutil.rmtree(folder)
            finally:
                os.close(held)
