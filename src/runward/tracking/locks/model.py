"""What a lock file says, whichever tool wrote it."""

from __future__ import annotations

from typing import Literal

import msgspec

Ecosystem = Literal["python", "conda", "r", "julia", "jvm", "rust", "npm"]


class LockedPackage(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one package."""

    name: str
    """As its ecosystem spells it; of Python packages normalised."""
    version: str
    """Empty where the lock leaves it open, as for a project in a folder."""
    ecosystem: Ecosystem = "python"
    hashes: list[str] = []
    """``algorithm:value`` of its files, sorted."""
    marker: str = ""
    """Where it is installed (PEP 508); empty for everywhere."""
    platform: str = ""
    """Conda's name of the platform that the entry is for; empty for all."""
    optional: bool = False
    """It belongs only to an extra or a group that is not installed by default."""
    urls: dict[str, str] = {}
    """Where its files are, by hash, where the lock says so."""


class Need(msgspec.Struct, frozen=True):
    """What a package of a lock depends on, where the lock is a graph."""

    name: str
    version: str = ""
    """Empty where the lock has one version only."""
    marker: str = ""
    extras: list[str] = []


class Lock(msgspec.Struct, kw_only=True):
    """A lock file's content."""

    kind: str
    """``uv``, ``pylock``, ``poetry``, ``pipenv``, ``requirements``, ``conda-lock``, …; empty where it is none."""
    packages: list[LockedPackage] = []
    python: str = ""
    """The Python versions that it is for, as a specifier."""
    complete: bool = True
    """Whether what it does not name should not be installed."""
    problems: list[str] = []
    """What of it could not be read, in words."""
    roots: list[str] = []
    """Keys of ``needs`` where the walk of a graph begins; empty where the lock is a plain list."""
    groups: list[str] | None = None
    """The dependency groups that are installed by default, where the lock says so."""
    needs: dict[str, list[Need]] = {}
    """By ``name==version``, ``name==version[extra]`` and ``name==version:group``."""
