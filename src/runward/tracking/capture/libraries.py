"""Which build of a shared library a process had loaded: by its build id, without reading the library."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

_HEAD = 4096
_NOTE, _GNU_BUILD_ID = 4, 3


def library_builds(paths: Iterable[str], own: Iterable[str] = ()) -> dict[str, str]:
    """Build ids of the libraries by file name, or sizes where a library carries none.

    Args:
        paths: Libraries as ``/proc/self/maps`` names them.
        own: Folders of the Python environment, whose packages answer for what is in them.
    """
    packages = tuple(f"{folder.rstrip('/')}/" for folder in own if folder not in ("", "/", "/usr"))
    system = [path for path in paths if not path.startswith(packages) and "-packages/" not in path]
    return {os.path.basename(path): _identity(path) for path in sorted(system)}


def _identity(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(_HEAD)
            return build_id(head) or f"{os.fstat(file.fileno()).st_size} bytes"
    except OSError:
        return "gone"


def build_id(head: bytes) -> str:
    """The GNU build id in the first bytes of a 64-bit little-endian ELF file; empty where it is not there."""
    if head[:6] != b"\x7fELF\x02\x01" or len(head) < 64:
        return ""
    table, size, count = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
    for at in range(table, min(table + size * count, len(head) - 56), size):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", head, at)
        if kind == _NOTE and (found := _in_notes(head[start : start + length])):
            return found
    return ""


def _in_notes(notes: bytes) -> str:
    at = 0
    while at + 12 <= len(notes):
        name, length, kind = struct.unpack_from("<III", notes, at)
        start = at + 12 + (name + 3) // 4 * 4
        if kind == _GNU_BUILD_ID and notes[at + 12 : at + 15] == b"GNU":
            return notes[start : start + length].hex()
        at = start + (length + 3) // 4 * 4
    return ""
