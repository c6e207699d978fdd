"""The shim that sees what native readers open: built once by the system's compiler, never required."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from runward.core.hashing import digest_bytes

SOURCE = Path(__file__).with_name("opens.c")
SWITCH = "RUNWARD_PRELOAD"
"""``0`` in this environment variable leaves the shim out."""
_TIMEOUT_S = 30.0


class Shim(NamedTuple):
    """The built library, or why there is none."""

    path: Path | None
    reason: str = ""


def cache_folder() -> Path:
    """The user's cache folder of Runward (``XDG_CACHE_HOME`` or ``~/.cache``)."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "runward"


def shim(folder: Path | None = None) -> Shim:
    """The shim for this machine, built now if it never was: a fraction of a second, once for each user.

    Args:
        folder: Where built shims are kept; by default :func:`cache_folder`.
    """
    if sys.platform != "linux":
        return Shim(None, f"native readers are watched on Linux only, not on {sys.platform}")
    if os.environ.get(SWITCH) == "0":
        return Shim(None, f"native readers are not watched: {SWITCH}=0")
    name = f"opens-{digest_bytes(SOURCE.read_bytes())[:16]}-{platform.machine()}.so"
    place = (folder or cache_folder()) / name
    return Shim(place) if place.exists() else _build(place)


def _build(place: Path) -> Shim:
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
    if compiler is None:
        return Shim(None, "native readers are not watched: there is no C compiler (cc, gcc or clang)")
    draft = ""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=place.parent, suffix=".so")
        os.close(handle)
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", draft, str(SOURCE), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        if done.returncode or not _loads(draft):
            return Shim(None, f"native readers are not watched: {compiler} failed: {done.stderr.strip()[-300:]}")
        os.replace(draft, place)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Shim(None, f"native readers are not watched: the shim was not built: {error}")
    finally:
        with contextlib.suppress(OSError):
            os.unlink(draft)
    return Shim(place)


def _loads(path: str) -> bool:
    """Whether a program starts with it: a shim that does not load must never stand before anybody's command."""
    environ = {**os.environ, "LD_PRELOAD": path}
    done = subprocess.run(["true"], env=environ, capture_output=True, check=False, timeout=_TIMEOUT_S)
    return done.returncode == 0 and not done.stderr
