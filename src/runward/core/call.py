"""How a room joins the house: what it is made of, and the events that rooms hear of each other."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from runward.core.loading import load


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


class Intent(NamedTuple):
    """For what somebody reads content, as they say it."""

    purpose: str = ""
    """In their words; empty where they say none."""
    run_id: str = ""
    """The run that the content is for: its purpose is the one that counts."""


NO_INTENT = Intent()


class Guard(NamedTuple):
    """What a room asks of who reads content, beside the permission that the operation names."""

    why: Callable[[Any, str, str, tuple[str, str]], str]
    """(call, kind, id, the object whose reader asks) -> why a content needs more than the ordinary permission; empty where not."""
    agree: Callable[[Any, str, str, tuple[str, str], Intent], Sequence[str]]
    """(call, kind, id, the object whose reader asks, for what) -> the purposes that allow it, in the words of who set them; PurposeError where none does."""


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
    lapses: tuple[Callable[[Any, int], int], ...] = ()
    """(transaction, time in microseconds): lets go of what was put out of sight before then; how many things."""
    guard: Guard | None = None
    """What it asks of who reads content."""
    letting_go: Callable[[Any, str, str, Sequence[str] | None], None] | None = None
    """(call, kind, id, parts or None for all) -> keeps what has to be known of contents that are about to leave an object."""
    data_read: Callable[[Any, str], Sequence[str]] | None = None
    """(call, run id) -> the versions of data that a run read, in words, as far as the caller may see them."""
    ahead: Mapping[str, Callable[[Any, Sequence[str]], None]] = {}
    """(transaction, ids): reads where several objects of a kind lie, so that the resolver finds each known already."""
    together: Mapping[str, Callable[[Any, Sequence[Mapping[str, Any]]], Sequence[Any]]] = {}
    """By the name of an operation: (transaction, arguments of each call) -> what several calls find in :attr:`Call.ahead`, read
    at once. Each is about another object, and nothing else in the transaction is about one of these."""
    states: Mapping[str, Callable[..., Sequence[Any]]] = {}
    """By the name of a read: (call, its arguments) -> the values of its state, where all of the answer would take longer."""


class Rooms:
    """The rooms of a house. Each is loaded when it is first needed; whoever iterates needs all of them."""

    def __init__(self, places: Mapping[str, str]) -> None:
        """Take ``module:name`` of each room by its own name."""
        self._places, self._loaded = dict(places), dict[str, Room]()

    def __getitem__(self, name: str) -> Room:
        if name not in self._loaded:
            self._loaded[name] = load(self._places[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[Room]:
        return (self[name] for name in self._places)

    def resolver(self, kind: str) -> Resolver:
        """What finds objects of a kind; rooms that are loaded already are asked first. Raises: KeyError."""
        for room in itertools.chain(list(self._loaded.values()), self):
            if kind in room.objects:
                return room.objects[kind]
        raise KeyError(kind)

    def look_ahead(self, kind: str, tx: Any, ids: Sequence[str]) -> None:
        """Read where several objects of a kind lie, where that is quicker than one after the other."""
        for room in self._loaded.values():
            if len(ids) > 1 and kind in room.ahead:
                room.ahead[kind](tx, ids)

    @functools.cached_property
    def guards(self) -> tuple[Guard, ...]:
        """What asks more of who reads content than the ordinary permission."""
        return tuple(room.guard for room in self if room.guard is not None)

    @functools.cached_property
    def letting_go(self) -> tuple[Callable[[Any, str, str, Sequence[str] | None], None], ...]:
        """What looks at contents before they leave an object."""
        return tuple(room.letting_go for room in self if room.letting_go is not None)

    @functools.cached_property
    def data_read(self) -> tuple[Callable[[Any, str], Sequence[str]], ...]:
        """What knows the data that runs read."""
        return tuple(room.data_read for room in self if room.data_read is not None)

    @functools.cached_property
    def hooks(self) -> Mapping[str, tuple[Hook, ...]]:
        """What listens to each kind of event, in the order of the rooms."""
        found: dict[str, tuple[Hook, ...]] = {}
        for room in self:
            for kind, hooks in room.hooks.items():
                found[kind] = (*found.get(kind, ()), *hooks)
        return found
