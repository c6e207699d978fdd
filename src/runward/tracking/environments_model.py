"""What the environment of a run was, and how two differ."""

from __future__ import annotations

from typing import Literal

import msgspec

from runward.tracking.capture.model import PackageSource
from runward.tracking.locks.model import Ecosystem


class RunPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package that was installed for a run."""

    name: str
    version: str
    source: PackageSource = "index"
    url: str = ""
    edited: int = 0
    """Its files that were not as they were installed."""


class AttachedLock(msgspec.Struct, frozen=True, kw_only=True):
    """A lock file in the captured tree."""

    path: str
    kind: str
    digest: str
    size: int
    """In bytes."""


class StoredLock(msgspec.Struct, frozen=True, kw_only=True):
    """A ``pylock.toml`` that was stored with a run."""

    packages: int
    left_out: list[str]
    """Captured packages whose files nobody could name, as ``name==version``."""


class RunEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """Python, packages and lock files of a run."""

    run_id: str
    python: str
    implementation: str
    platform: str
    libc: str
    digest: str
    """Of the Python version and the exact set of packages."""
    packages: list[RunPackage]
    variables: dict[str, str]
    machine: dict[str, str]
    """Processor, memory, graphics cards with their drivers, kernel, threads; empty where it was not captured."""
    libraries: dict[str, str]
    """Shared libraries of the system that were loaded, with their builds where those are known."""
    locks: list[AttachedLock]
    pylock: StoredLock | None = None
    """The lock of what was installed; None where none was stored."""


class ContentPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package that a lock names."""

    ecosystem: Ecosystem
    name: str
    version: str
    hashes: list[str]
    marker: str = ""
    platform: str = ""
    optional: bool = False


class LockContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a lock file says."""

    path: str
    kind: str
    python: str
    """The Python versions that it is for, as a specifier; empty where it does not say."""
    packages: list[ContentPackage]
    problems: list[str]


class PackageDifference(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A package in which two environments or locks differ."""

    ecosystem: Ecosystem
    name: str
    before: str
    """The version, or versions by commas; empty where it is not there."""
    after: str


class FactDifference(msgspec.Struct, frozen=True):
    """Something about Python, the machine or its libraries in which two environments differ."""

    name: str
    """``python``, ``machine cpu``, ``library libc.so.6``, ``variable LANG``, …"""
    before: str
    after: str


class LockDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A lock file in which two runs differ."""

    path: str
    kind: str
    change: Literal["added", "removed", "modified"]
    packages: list[PackageDifference]
    problems: list[str]


class EnvironmentDifferences(msgspec.Struct, frozen=True, kw_only=True):
    """How the environments of two runs differ."""

    first: str
    second: str
    facts: list[FactDifference]
    packages: list[PackageDifference]
    """What was installed."""
    locks: list[LockDifference]
