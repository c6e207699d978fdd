"""Careful hands for documents that anybody may have written: what is not of the expected shape is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runward.tracking.locks.model import Ecosystem, LockedPackage

_MAX_TEXT = 20_000


def text(value: Any) -> str:
    """A short printable text; empty for anything else."""
    return value if isinstance(value, str) and len(value) <= _MAX_TEXT and value.isprintable() else ""


def table(value: Any) -> dict[str, Any]:
    """A table; empty for anything else."""
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[dict[str, Any]]:
    """The tables of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """The short texts of a list."""
    return [found for item in value if (found := text(item))] if isinstance(value, list) else []


def named(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables of a table, by name."""
    for key, value in table(document).items():
        if text(key) and isinstance(value, dict):
            yield key, value


def package(
    name: Any,
    version: Any,
    hashes: list[str] | None = None,
    *,
    ecosystem: Ecosystem = "python",
    marker: Any = "",
    platform: Any = "",
    optional: bool = False,
    urls: dict[str, str] | None = None,
) -> LockedPackage | None:
    """A package of what a document says; None without a name."""
    if not text(name):
        return None
    return LockedPackage(
        ecosystem=ecosystem,
        name=text(name),
        version=text(version),
        hashes=sorted(filter(None, hashes or [])),
        marker=text(marker),
        platform=text(platform),
        optional=optional,
        urls=urls or {},
    )
