"""How two lists of packages differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runward.tracking.locks.model import Ecosystem


class Listed(NamedTuple):
    """A package of a list."""

    ecosystem: Ecosystem
    name: str
    version: str


class Changed(NamedTuple):
    """A package with its versions in two lists, by commas; empty where it is not there."""

    ecosystem: Ecosystem
    name: str
    before: str
    after: str


def changed(first: Iterable[Listed], second: Iterable[Listed]) -> Iterator[Changed]:
    """The packages whose versions differ, by ecosystem and name."""
    before, after = _versions(first), _versions(second)
    for ecosystem, name in sorted({*before, *after}):
        versions = [", ".join(sorted(found.get((ecosystem, name), ()))) for found in (before, after)]
        if before.get((ecosystem, name)) != after.get((ecosystem, name)):
            yield Changed(ecosystem, name, versions[0], versions[1])


def _versions(packages: Iterable[Listed]) -> dict[tuple[Ecosystem, str], set[str]]:
    found: dict[tuple[Ecosystem, str], set[str]] = {}
    for ecosystem, name, version in packages:
        found.setdefault((ecosystem, name), set()).add(version or "any version")
    return found
