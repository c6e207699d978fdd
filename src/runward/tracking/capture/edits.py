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


class Edit(NamedTuple):
    """A file that is not as its package's RECORD says, nor as that of any other package that brings one of its name."""

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
    found: set[Edit] = set()
    for folder in dict.fromkeys(filter(None, site_dirs)):
        prefix = f"{folder.rstrip('/')}/"
        inside = [file for file in wanted if file.startswith(prefix)]
        infos = _dist_infos(folder) if inside else []
        # Which package a file belongs to is asked only of files that were touched since the first was installed.
        if infos and not thorough:
            first = min(at_ns for _, at_ns in infos)
            inside = [file for file in inside if _touched_after(file, first)]
        owners = _owners(infos) if inside else {}
        for file in inside:
            path = file[len(prefix) :]
            candidates = owners.get(path.partition("/")[0], ())
            edited = [owner for owner in candidates if _is_edited(owner, path, file, thorough)]
            # Several packages may bring a file of one name, and the one that was installed last has its own there.
            if edited and not any(_is_own(owner, path, file) for owner in candidates if owner not in edited):
                found.update(Edit(owner.name, path, Path(file)) for owner in edited)
    return sorted(found)


def _dist_infos(folder: str) -> list[tuple[str, int]]:
    """The RECORD files in a folder and when they were written."""
    try:
        with os.scandir(folder) as entries:
            records = [f"{entry.path}/RECORD" for entry in entries if entry.name.endswith(".dist-info")]
    except OSError:
        return []
    return [(path, at_ns) for path in sorted(records) if (at_ns := _touched_at(path)) is not None]


def _touched_at(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def _touched_after(file: str, installed_ns: int) -> bool:
    # Installers write RECORD last. A file that only looks younger is hashed in vain, which is all that it costs.
    return (_touched_at(file) or 0) > installed_ns


def _owners(infos: Iterable[tuple[str, int]]) -> dict[str, list[_Installed]]:
    """Packages by the first part of the paths that they installed."""
    owners: dict[str, list[_Installed]] = {}
    for path, at_ns in infos:
        data = Path(path).read_bytes()
        name = normalised_name(Path(path).parent.name.partition("-")[0])
        for top in set(_TOP.findall(data)):
            owners.setdefault(top.decode("utf-8", "replace"), []).append(_Installed(name, data, at_ns))
    return owners


def _is_edited(owner: _Installed, path: str, file: str, thorough: bool) -> bool:
    try:
        if not (thorough or _touched_after(file, owner.at_ns)):
            return False
        recorded = _recorded(owner, path)
        return recorded is not None and recorded != _sha256(file)
    except OSError:
        return False


def _is_own(owner: _Installed, path: str, file: str) -> bool:
    recorded = _recorded(owner, path)
    return recorded is not None and recorded == _sha256(file)


def _recorded(owner: _Installed, path: str) -> str | None:
    """The hash of a file that a package says it installed; None where it installed none of that name."""
    match = re.search(rb'^"?' + re.escape(path.encode()) + rb'"?,sha256=([^,\n]+),', owner.record, re.MULTILINE)
    return match[1].decode() if match else None


def _sha256(file: str) -> str:
    with open(file, "rb") as source:
        digest = hashlib.file_digest(source, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
