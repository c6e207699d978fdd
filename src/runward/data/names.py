"""Names of versions: semantic ones, times, beginnings of digests; and which one comes next."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from runward.data.model import Bump
from runward.errors import InvalidError
from runward.governance.names import check_name

_SEMANTIC = re.compile(
    r"[vV]?(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
)
_WORD = re.compile(r"[^\W\d][\w.+-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{6,64}")
LATEST = "latest"


def check_dataset_name(name: str) -> str:
    """A dataset's name. Raises: InvalidError."""
    check_name(name, "the dataset's name", limit=100)
    if found := [character for character in "/:@\\" if character in name]:
        raise InvalidError(
            f"dataset name {name!r} has a {found[0]!r}", hint="such characters stand for parts of a dataset's address"
        )
    if name in (".", ".."):
        raise InvalidError(f"dataset name {name!r} cannot be a file's name", hint="choose a word")
    return name


def is_digest(text: str) -> bool:
    """Whether a text can be the beginning of a digest."""
    return _DIGEST.fullmatch(text) is not None


def semantic(name: str) -> str:
    """A semantic version without its ``v``; empty where the name is none."""
    return name.lstrip("vV") if _SEMANTIC.fullmatch(name) else ""


def check_version_name(name: str) -> str:
    """A name for a version, as it is stored. Raises: InvalidError."""
    if found := semantic(name):
        return found
    if not _WORD.fullmatch(name) or name.lower() == LATEST or is_digest(name):
        raise InvalidError(
            f"version name {name[:80]!r} cannot be used",
            hint="1.2.0, or a word of letters, digits, '_', '.', '-' that is neither 'latest' nor like a digest",
        )
    return name


def moment(text: str) -> datetime | None:
    """The last microsecond that a time's text means (a date: the end of its day, UTC); None where it is no time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    if len(text) <= len("2026-11-21"):
        return found + timedelta(days=1, microseconds=-1)
    if "." not in text:
        # A time without a fraction, as lists show it, means the whole second (or minute).
        return (
            found + (timedelta(seconds=1) if text.count(":") >= 2 else timedelta(minutes=1)) - timedelta(microseconds=1)
        )
    return found


def _parts(name: str) -> tuple[int, int, int]:
    match = _SEMANTIC.fullmatch(name)
    assert match is not None
    return int(match[1]), int(match[2]), int(match[3])


def next_name(names: Iterable[str], bump: Bump) -> str:
    """The semantic name after the highest of some; ``1.0.0`` comes first."""
    found = [_parts(name) for name in names if semantic(name)]
    if not found:
        return "1.0.0"
    major, minor, patch = max(found)
    after = {"major": (major + 1, 0, 0), "minor": (major, minor + 1, 0), "patch": (major, minor, patch + 1)}
    return ".".join(map(str, after.get(bump, (major, minor, patch))))
