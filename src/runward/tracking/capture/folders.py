"""Folders that were there before a run and that it wrote to: version control keeps no empty or ignored one."""

from __future__ import annotations

import ctypes
import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path, PurePath

from runward.tracking.capture.model import encode_path

_MOST = 200
_STATX_BTIME, _BORN_AT, _AT_FDCWD = 0x800, 80, -100


def folders_before(written: Iterable[str], root: Path, started_ns: int, own: Path | None = None) -> list[str]:
    """The folders of a tree that were there before a run wrote to them, so that a rerun needs to be given them.

    A folder that the run made itself is none of them, for it makes it again.

    Args:
        written: Absolute paths that were opened for writing.
        root: The tree.
        started_ns: When the run's first process started, in ns since 1970.
        own: The workspace's folder.
    """
    found: dict[PurePath, bool] = {}
    for path in sorted(set(written)):
        place = PurePath(path)
        if not place.is_relative_to(root) or (own and place.is_relative_to(own)) or ".git" in place.parts:
            continue
        for folder in list(place.relative_to(root).parents)[:-1]:
            if folder not in found and len(found) < _MOST:
                found[folder] = _was_there(os.fspath(root / folder), started_ns)
    return sorted(encode_path(str(folder)) for folder, was_there in found.items() if was_there)


def process_started_ns() -> int:
    """When this process started, in ns since 1970, never too early; now where the system does not say.

    It is told in ticks of a hundredth of a second, within which no interpreter reaches its first line.
    """
    now = time.time_ns()
    try:
        with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
            ticks = int(file.read().rpartition(")")[2].split()[19])
        since_boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return now - since_boot + (ticks + 1) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return now


def _was_there(folder: str, started_ns: int) -> bool:
    try:
        if not os.path.isdir(folder) or os.path.islink(folder):
            return False
        born = _born_ns(folder)
        if born is not None:
            return born < started_ns
        # No time of birth on this file system: what lies there longer than the run tells.
        with os.scandir(folder) as entries:
            return any(entry.stat(follow_symlinks=False).st_mtime_ns < started_ns for entry in entries)
    except OSError:
        return False


def _born_ns(path: str) -> int | None:
    """When a folder was made; None where the system or its file system does not say."""
    born = getattr(os.stat(path), "st_birthtime", None)
    if born is not None:
        return int(born * 1e9)
    try:
        ask = ctypes.CDLL(None, use_errno=True).statx
    except (AttributeError, OSError, TypeError):
        return None
    told = ctypes.create_string_buffer(256)
    if ask(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, told) != 0:
        return None
    (mask,) = struct.unpack_from("<I", told, 0)
    seconds, ns = struct.unpack_from("<qI", told, _BORN_AT)
    return int(seconds * 1_000_000_000 + ns) if mask & _STATX_BTIME else None
