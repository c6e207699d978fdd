"""What changed between two documents, and how a change of others and one's own come together, key by key. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from runward.config.buildable import MISSING
from runward.config.identity import changes
from runward.config.merge import How, ValueChange


class Conflict(msgspec.Struct, frozen=True):
    """A key that both sides changed, each in another way; None stands for a key that is not there."""

    key: str
    base: Any
    mine: Any
    new: Any


class Merged(msgspec.Struct, frozen=True):
    """Three documents made one."""

    values: dict[str, Any]
    taken: list[ValueChange]
    """What the new document changed in mine."""
    conflicts: list[Conflict]
    """What a person has to decide; ``values`` has mine there, unless the new one was preferred."""


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[ValueChange]:
    """What differs between two documents of plain data, by dotted key."""
    return [_change(change.path, change.before, change.after) for change in changes(dict(before), dict(after))]


def _change(path: str, before: Any, after: Any) -> ValueChange:
    how: How = "added" if before is MISSING else "removed" if after is MISSING else "changed"
    return ValueChange(path, _shown(before), _shown(after), how)


def _shown(value: Any) -> Any:
    return None if value is MISSING else value


def merge3(
    base: Mapping[str, Any], mine: Mapping[str, Any], new: Mapping[str, Any], prefer: Literal["", "mine", "new"] = ""
) -> Merged:
    """Bring a new version of a document into one's own copy of an older version.

    Mappings merge key by key; every other value, lists too, is one. Where both sides changed a key differently that is a
    conflict, and with ``prefer`` it is decided for that side.
    """
    conflicts: list[Conflict] = []
    values = _merge(base, mine, new, "", conflicts, prefer)
    return Merged(values, difference(mine, values), [] if prefer else conflicts)


def _merge(
    base: Mapping[str, Any],
    mine: Mapping[str, Any],
    new: Mapping[str, Any],
    prefix: str,
    conflicts: list[Conflict],
    prefer: str,
) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key in [*mine, *(key for key in new if key not in mine)]:
        old, own, other = (side.get(key, MISSING) for side in (base, mine, new))
        if isinstance(own, Mapping) and isinstance(other, Mapping):
            inner = old if isinstance(old, Mapping) else {}
            merged[key] = _merge(inner, own, other, f"{prefix}{key}.", conflicts, prefer)
            continue
        if not _same(own, old) and not _same(other, old) and not _same(own, other):
            conflicts.append(Conflict(f"{prefix}{key}", _shown(old), _shown(own), _shown(other)))
            chosen = other if prefer == "new" else own
        else:
            chosen = other if _same(own, old) else own
        if chosen is not MISSING:
            merged[key] = chosen
    return merged


def _same(one: Any, other: Any) -> bool:
    return next(changes(one, other), None) is None
