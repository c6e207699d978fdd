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


class BlobReference(NamedTuple):
    """Where a room names bytes, so that garbage collection keeps them."""

    sql: str
    """A query with one column of text; every digest in the text counts."""
    documents: bool = False
    """Whether the bytes named are documents that name further bytes."""


class Room(NamedTuple):
    """A room's contract, its service, its objects, what it listens to, and what it needs kept."""

    api: type
    service: Callable[[Any], Any]
    objects: Mapping[str, Resolver]
    hooks: Mapping[str, tuple[Hook, ...]]
    blobs: tuple[BlobReference, ...] = ()
    """Bytes that garbage collection must not take."""
    keeps: tuple[str, ...] = ()
    """Queries for the ids of runs that garbage collection must not take, deleted or not."""
