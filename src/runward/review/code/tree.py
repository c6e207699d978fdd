"""The repository around a file: which files it has and what is in them, read from a folder or from a capture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from runward.core.kept import kept

_NO_CODE_IN = frozenset(
    {"node_modules", "site-packages", "__pycache__", "build", "dist", "wandb", "mlruns", "third_party"}
)
_SEEN_DOTTED = frozenset({".github", ".circleci", ".gitlab", ".buildkite", ".ci"})
_MAX_FILES = 50_000
_MAX_BYTES = 400_000
ROOT_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg")


class Tree:
    """A repository's files by their paths from its root.

    Args:
        paths: The paths, with ``/``.
        read: Gives a file's text; empty where it cannot be read.
    """

    def __init__(self, paths: Iterable[str], read: Callable[[str], str]) -> None:
        self.paths = sorted(paths)
        self._read = read
        self._texts: dict[str, str] = {}

    def read(self, path: str) -> str:
        """A file's text; empty for one that is absent, too large or unreadable."""
        if path not in self._texts:
            self._texts[path] = self._read(path) if path in self._known else ""
        return self._texts[path]

    @kept
    def _known(self) -> frozenset[str]:
        return frozenset(self.paths)

    def __contains__(self, path: str) -> bool:
        return path in self._known

    @kept
    def by_name(self) -> dict[str, list[str]]:
        """Paths by the file's name."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            found.setdefault(PurePosixPath(path).name, []).append(path)
        return found


def folder_tree(root: Path) -> Tree:
    """The repository in a folder. Links that lead out of it are not followed."""
    base = root.resolve()
    paths: list[str] = []
    for folder, inner, names in os.walk(base):
        if "pyvenv.cfg" in names:
            inner.clear()
            continue
        inner[:] = sorted(
            name for name in inner if name not in _NO_CODE_IN and (not name.startswith(".") or name in _SEEN_DOTTED)
        )
        shown = Path(folder).relative_to(base).as_posix()
        paths += [name if shown == "." else f"{shown}/{name}" for name in names]
        if len(paths) > _MAX_FILES:
            break
    return Tree(paths[:_MAX_FILES], lambda path: _read(base, path))


def _read(base: Path, path: str) -> str:
    file = base / path
    try:
        inside = file.resolve().is_relative_to(base)
        return (
            file.read_text(encoding="utf-8", errors="replace") if inside and file.stat().st_size <= _MAX_BYTES else ""
        )
    except OSError:
        return ""


def root_of(path: Path) -> Path:
    """The repository that a file is in: the nearest folder upwards that is one; else the file's own folder."""
    folders = list(path.absolute().parents)
    for mark in ROOT_MARKS:
        for folder in folders:
            if (folder / mark).exists():
                return folder
    return folders[0]
