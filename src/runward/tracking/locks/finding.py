"""The lock of a project: found from a folder upwards."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runward.tracking.locks.model import Lock
from runward.tracking.locks.names import MAX_BYTES, rank_of
from runward.tracking.locks.parsing import parse

_COMPARED = {"uv", "pylock", "poetry", "pdm", "pipenv", "requirements", "conda-lock", "conda-explicit"}


def read_lock(path: Path) -> Lock:
    """A lock file of this machine. Never raises; see ``parse``."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return Lock(kind="", problems=[f"it cannot be read: {error.strerror or error}"])
    return parse(path.name, data)


def find_lock(folder: Path) -> tuple[Path, Lock] | None:
    """The nearest lock of Python or Conda packages in a folder or above it, within its repository.

    Of several in one folder the most telling one: uv, PEP 751, Poetry, PDM, Pipenv, Conda, requirements that pin.
    """
    for here in _upwards(folder.absolute()):
        for path in _locks_in(here):
            lock = read_lock(path)
            if lock.kind in _COMPARED:
                return path, lock
    return None


def _upwards(folder: Path) -> Iterator[Path]:
    for here in (folder, *folder.parents):
        yield here
        if (here / ".git").exists():
            return


def _locks_in(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        found = [path for path in folder.iterdir() if rank_of(path.name) is not None and path.is_file()]
        return sorted(found, key=lambda path: (rank_of(path.name), path.name))
    return []


def locks_in(folder: Path) -> list[Lock]:
    """The lock files of a folder, the most telling ones first."""
    return [read_lock(path) for path in _locks_in(folder)]


def default_groups(folder: Path) -> list[str]:
    """The dependency groups that ``uv sync`` installs in a project; ``*`` stands for all."""
    try:
        document: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        groups = document["tool"]["uv"]["default-groups"]
    except (OSError, ValueError, KeyError, TypeError):
        return ["dev"]
    return ["*"] if groups == "all" else [group for group in groups if isinstance(group, str)]
