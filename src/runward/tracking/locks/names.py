"""Lock files by their names: light enough for the start of a training."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runward.tracking.capture.model import FileEntry

MAX_BYTES = 8 << 20
"""A larger file is not read."""
_NAMES: list[tuple[str, str]] = [
    ("uv", r"uv\.lock"),
    ("pylock", r"pylock\.(?:[^.]+\.)?toml"),
    ("poetry", r"poetry\.lock"),
    ("pdm", r"pdm\.lock"),
    ("pipenv", r"Pipfile\.lock"),
    ("conda-lock", r"(?:.*[._-])?conda-lock\.ya?ml"),
    (
        "requirements",
        r".*requirements.*\.txt|constraints.*\.txt|spec-file.*\.txt|.*explicit.*\.txt|conda-.*\.(?:txt|lock)",
    ),
    ("renv", r"renv\.lock"),
    ("julia", r"(?:Julia)?Manifest(?:-v\d+\.\d+)?\.toml"),
    ("gradle", r"(?:buildscript-)?gradle\.lockfile"),
    ("sbt", r"build\.sbt\.lock"),
    ("maven", r"lockfile\.json"),
    ("cargo", r"Cargo\.lock"),
    ("npm", r"package-lock\.json"),
]
"""Kinds and names, in the order in which a project's lock is looked for."""
_ENDS = (".lock", ".toml", ".txt", ".json", ".yml", ".yaml", ".lockfile")
"""All of these names end so; most files of a tree do not."""
_MAX_LEVELS = 4
_MAX_ATTACHED = 50


def rank_of(path: str) -> int | None:
    """Which format a file's name belongs to, the most telling ones first; None where it is no lock's name."""
    name = path.rpartition("/")[2]
    if not name.endswith(_ENDS):
        return None
    return next((rank for rank, (_, names) in enumerate(_NAMES) if re.fullmatch(names, name)), None)


def kind_of(path: str) -> str:
    """The kind of lock that a file's name promises; empty where it is no lock's name."""
    rank = rank_of(path)
    return "" if rank is None else _NAMES[rank][0]


def attached(files: Iterable[FileEntry]) -> list[FileEntry]:
    """The lock files of a captured tree that are not far from its root, at most 50."""
    return [
        entry
        for entry in files
        if kind_of(entry.path) and entry.path.count("/") < _MAX_LEVELS and entry.mode != "symlink" and entry.digest
    ][:_MAX_ATTACHED]
