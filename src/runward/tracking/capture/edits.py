"""Installed packages whose files are not as they were installed: somebody edited site-packages."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from runward.tracking.capture.environment import normalised_name

_TOP = re.compile(rb"^\"?([^/,\"\n]+)", re.MULTILINE)
_SETTLED_NS = 2_000_000_000


class Edit(NamedTuple):
    """A file that is not as its package's RECORD says."""

    package: str
    path: str
    """Relative to ``site-packages``."""
    file: Path


class _Installed(NamedTuple):
    name: str
    record: bytes
    at_ns: int


def find_edits(site_dirs: Iterable[str], files: Iterable[str], *, thorough: bool = False) -> list[Edit]:
    """Which of the files differ from what was installed.

    Args:
        site_dirs: Folders that hold ``*.dist-info``.
        files: Absolute paths, such as those of loaded modules and libraries; others are not looked at.
        thorough: Hash every file; otherwise only those that were touched after their package was installed, which
            costs a stat each.
    """
    wanted = [file for file in files if not file.endswith(".pyc")]
    found: list[Edit] = []
    for folder in dict.fromkeys(site_dirs):
        prefix = f"{folder.rstrip('/')}/"
        inside = [file for file in wanted if folder and file.startswith(prefix)]
        owners = _owners(folder) if inside else {}
        for file in inside:
            path = file[len(prefix) :]
            for owner in owners.get(path.partition("/")[0], ()):
                if _is_edited(owner, path, file, thorough):
                    found.append(Edit(owner.name, path, Path(file)))
    return sorted(set(found))


def _owners(folder: str) -> dict[str, list[_Installed]]:
    """Packages by the first part of the paths that they installed."""
    owners: dict[str, list[_Installed]] = {}
    with os.scandir(folder) as entries:
        infos = sorted(entry.path for entry in entries if entry.name.endswith(".dist-info"))
    for info in infos:
        record = Path(info, "RECORD")
        try:
            data, at_ns = record.read_bytes(), record.stat().st_mtime_ns
        except OSError:
            continue
        name = normalised_name(os.path.basename(info).partition("-")[0])
        for top in {match.decode("utf-8", "replace") for match in _TOP.findall(data)}:
            owners.setdefault(top, []).append(_Installed(name, data, at_ns))
    return owners


def _is_edited(owner: _Installed, path: str, file: str, thorough: bool) -> bool:
    try:
        touched = os.stat(file).st_mtime_ns > owner.at_ns + _SETTLED_NS
        if not (touched or thorough):
            return False
        match = re.search(rb'^"?' + re.escape(path.encode()) + rb'"?,sha256=([^,\n]+),', owner.record, re.MULTILINE)
        return match is not None and match[1].decode() != _sha256(file)
    except OSError:
        return False


def _sha256(file: str) -> str:
    with open(file, "rb") as source:
        digest = hashlib.file_digest(source, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
