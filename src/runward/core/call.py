"""How a room joins the house: what it is made of, and the events that rooms hear of each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec


class Event(msgspec.Struct, frozen=True):
    """Something that happened, in the words ``<noun>.<past>``; stored in the same transaction as its cause."""

    kind: str
    object_kind: str
    object_id: str
    project_id: str = ""
    team_id: str = ""
    data: dict[str, Any] = {}


class Scope(NamedTuple):
    """Where an object lies in the permission tree."""

    projects: tuple[str, ...]
    """The object's project and its parents, innermost first; empty for an object of a team."""
    team_id: str


Resolver = Callable[[Any, str], Scope | None]
"""(call, id) -> the object's scope, or None where there is no such object."""
Hook = Callable[[Any, Event], None]
"""(call, event): work that another room does in the same transaction."""


class Room(NamedTuple):
    """A room's contract, its service, its objects, and what it listens to."""

    api: type
    service: Callable[[Any], Any]
    objects: Mapping[str, Resolver]
    hooks: Mapping[str, tuple[Hook, ...]]
