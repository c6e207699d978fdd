"""Settings from several places under a fixed precedence, with a recorded origin for every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeVar

import msgspec

from runward.errors import InvalidError

Label = TypeVar("Label", bound=str)
How = Literal["added", "removed", "changed"]


class ValueChange(msgspec.Struct, frozen=True):
    """A value that differs between two documents."""

    key: str
    """Dotted, such as ``optimizer.lr``."""
    before: Any
    after: Any
    how: How


class Origin(StrEnum):
    """Where a value comes from, strongest first: run > user > project > team > default."""

    RUN = "run"
    USER = "user"
    PROJECT = "project"
    TEAM = "team"
    DEFAULT = "default"


_STRONGEST_FIRST = list(Origin)


@dataclass(frozen=True, slots=True)
class Merged:
    """The values in force and, for every dotted key of them, the layer it came from."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)


def merge(layers: Sequence[tuple[Origin, Mapping[str, Any]]]) -> Merged:
    """Merge layers by the precedence of their origin, whatever order they are given in.

    Mappings merge key by key; every other value (lists too) is taken whole from the strongest
    layer that has it. A stronger scalar replaces a weaker mapping and the other way round.
    Of two layers of one origin the later wins.

    Raises:
        InvalidError: A layer is not a mapping with text keys.
    """
    merged = Merged()
    for origin, values in sorted(layers, key=lambda layer: -_STRONGEST_FIRST.index(layer[0])):
        if not isinstance(values, Mapping):
            raise InvalidError(f"the {origin} layer must be a mapping, got {type(values).__name__}")
        lay_over(merged.values, values, origin, merged.origins)
    return merged


def lay_over(
    base: dict[str, Any], over: Mapping[str, Any], origin: Label, origins: dict[str, Label], prefix: str = ""
) -> None:
    """Lay a stronger layer over ``base`` in place, and note its origin for every dotted key that it sets.

    Raises:
        InvalidError: A key is not text.
    """
    for key, value in over.items():
        if not isinstance(key, str):
            raise InvalidError(f"the key {key!r} in the {origin} layer must be text")
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            inner = base.get(key)
            if not isinstance(inner, dict) or not inner:
                _forget(path, origins)
                inner = base[key] = {}
            lay_over(inner, value, origin, origins, f"{path}.")
        elif not (isinstance(value, Mapping) and isinstance(base.get(key), dict)):
            _forget(path, origins)
            base[key] = {} if isinstance(value, Mapping) else value
            origins[path] = origin


def _forget(path: str, origins: dict[str, Label]) -> None:
    for key in [key for key in origins if key == path or key.startswith(f"{path}.")]:
        del origins[key]
