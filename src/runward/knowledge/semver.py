"""Versions of shared things: three numbers, how they follow each other, and what a wish such as ``^1.2`` finds. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from runward.errors import AlreadyExistsError, InvalidError, NotFoundError

_NUMBER = r"(0|[1-9]\d{0,8})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")
_WISH = re.compile(rf"([\^~]?){_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER})?)?")


class Version(NamedTuple):
    """A version, ordered as one expects."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def follows(self) -> tuple[Version, Version, Version]:
        """What may come next: a patch, a minor and a major version."""
        return (
            Version(self.major, self.minor, self.patch + 1),
            Version(self.major, self.minor + 1, 0),
            Version(self.major + 1, 0, 0),
        )

    def breaks(self, before: Version) -> bool:
        """Whether users of an earlier version have to expect that something is gone: a new major, or a minor of 0.x."""
        return self.major > before.major or (self.major == 0 and self.minor > before.minor)


FIRST = (Version(0, 1, 0), Version(1, 0, 0))
"""What the first version may be."""


def parse_version(text: str) -> Version:
    """A version of its text. Raises: InvalidError."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise InvalidError(f"version {text!r} is not MAJOR.MINOR.PATCH", hint="for example 1.2.0")
    return Version(*(int(part) for part in match.groups()))


def check_follows(new: Version, known: Iterable[Version], name: str) -> Version | None:
    """The version that a new one follows; None for the first.

    A patch of an older line may follow later than a newer line: 1.2.1 after 2.0.0.

    Raises:
        AlreadyExistsError: It is there.
        InvalidError: A number was left out; the hint names those that can come.
    """
    there = sorted(known)
    if new in there:
        raise AlreadyExistsError(
            f"{name} {new} is there already, and a version never changes",
            hint=f"publish {', '.join(map(str, _free(there[-1], there)))}",
        )
    before = max((version for version in there if version < new), default=None)
    if not there and new in FIRST:
        return None
    if before is None or new not in before.follows:
        follow = FIRST if not there else _free(there[-1], there)
        after = f"after {before}" if before else "as a first version" if not there else f"before {there[0]}"
        raise InvalidError(
            f"{name} {new} does not follow {after}", hint=f"publish {', '.join(map(str, follow))}", field="version"
        )
    return before


def _free(after: Version, there: list[Version]) -> list[Version]:
    return [version for version in after.follows if version not in there]


def newest_of(known: Iterable[Version], wish: str, name: str) -> Version:
    """The newest version that a wish allows.

    ``""`` any, ``1`` or ``1.2`` those that begin so, ``1.2.0`` this one, ``~1.2.3`` from it with the same minor, ``^1.2.3`` from it
    until something may be gone: below 2.0.0, of 0.x below the next minor.

    Raises:
        InvalidError: The wish is not understood.
        NotFoundError: No version is allowed; the hint has those that are there.
    """
    there = sorted(known)
    allowed = [version for version in there if _allows(wish.strip(), version)]
    if not allowed:
        have = ", ".join(map(str, there[-8:]))
        raise NotFoundError(f"{name} has no version {wish!r}", hint=f"there are {have}" if have else "")
    return allowed[-1]


def _allows(wish: str, version: Version) -> bool:
    if not wish:
        return True
    match = _WISH.fullmatch(wish)
    if match is None:
        raise InvalidError(f"version {wish!r} is not understood", hint="write 1.2.0, 1.2, ^1.2 or ~1.2.0")
    given = [int(part) for part in match.groups()[1:] if part is not None]
    if not match[1]:
        return list(version[: len(given)]) == given
    least = Version(*given, *[0] * (3 - len(given)))
    if version < least or version.major != least.major:
        return False
    if len(given) == 1:
        return True
    return version.minor == least.minor if match[1] == "~" else not version.breaks(least)
