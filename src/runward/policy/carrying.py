"""Labels along lineage: what was made of something restricted is restricted, until somebody says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runward.policy import repository as sql
from runward.policy.model import INTERNAL, LABELS, RESTRICTED, LabelledKind
from runward.policy.repository import OwnLabel, Thing
from runward.store.database import Tx

MAX_FOLLOWED = 2_000
"""Things. What was made of more than that counts as restricted: nobody waits longer for a download."""


class Holding(NamedTuple):
    """The label that holds for a thing."""

    label: int
    own: OwnLabel | None
    sources: list[tuple[Thing, int]]
    """What it carries a higher label from than its own, with that label."""
    is_cut: bool
    """Whether too much led to it for all to be followed."""

    @property
    def is_restricted(self) -> bool:
        """Whether more than the ordinary permission is needed to read it."""
        return self.label >= RESTRICTED

    @property
    def word(self) -> str:
        """The label's name."""
        return LABELS[self.label]


def holding(tx: Tx, thing: Thing) -> Holding:
    """The label that holds for a thing: its own, or the highest of all that it was made of.

    The cost grows with what led to the thing; nothing is followed where nothing at all is restricted.
    """
    own = sql.own_labels(tx, thing[0], [thing[1]]).get(thing[1])
    said = INTERNAL if own is None else own.label
    if (own is not None and own.released) or not sql.restricts_anything(tx):
        return Holding(said, own, [], False)
    found, is_cut = _led_to(tx, thing)
    sources = sorted(((one, label) for one, label in found if label > said), key=lambda pair: (-pair[1], pair[0]))
    return Holding(
        max([said, *(label for _, label in sources), *([RESTRICTED] if is_cut else [])]), own, sources, is_cut
    )


def _led_to(tx: Tx, thing: Thing) -> tuple[list[tuple[Thing, int]], bool]:
    """The labels of what a thing was made of, as far as they were given, and whether too much led to it."""
    seen, level, found = {thing}, [thing], list[tuple[Thing, int]]()
    while level and len(seen) <= MAX_FOLLOWED:
        reached: set[Thing] = set()
        for kind in {kind for kind, _ in level}:
            reached.update(sql.made_of(tx, kind, [one for of, one in level if of == kind]))
        level = []
        for kind in sorted({kind for kind, _ in reached - seen}):
            level += _labelled(tx, kind, sorted(one for of, one in reached - seen if of == kind), found)
        seen |= reached
    return found, bool(level)


class Governing(NamedTuple):
    """The restricted datasets whose terms hold for something."""

    datasets: list[str]
    """Ids."""
    is_cut: bool
    """Whether too much led to it for all to be found."""


def governing(tx: Tx, thing: Thing) -> Governing:
    """The restricted datasets whose terms hold for what a run read, or for a dataset's bytes: its own and those it is made of.

    That a run is released says something of what it made, and nothing of what it read.
    """
    if not sql.restricts_anything(tx):
        return Governing([], False)
    own = sql.own_labels(tx, thing[0], [thing[1]]).get(thing[1])
    found = [(thing, own.label)] if own else []
    is_cut = False
    if own is None or not own.released or thing[0] == "run":
        led, is_cut = _led_to(tx, thing)
        found += led
    return Governing(sorted({one for (kind, one), label in found if kind == "dataset" and label >= RESTRICTED}), is_cut)


def restricted_pages(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Those of some pages whose text needs more than the ordinary permission. Nothing is carried to a page from elsewhere."""
    if not sql.restricts_anything(tx):
        return set()
    return {page_id for page_id, own in sql.own_labels(tx, "page", ids).items() if own.label >= RESTRICTED}


def _labelled(tx: Tx, kind: LabelledKind, ids: list[str], found: list[tuple[Thing, int]]) -> list[Thing]:
    """Note the labels of some things; returns those to go on from."""
    labels = sql.own_labels(tx, kind, ids)
    found += [((kind, one), own.label) for one, own in labels.items()]
    return [(kind, one) for one in ids if one not in labels or not labels[one].released]
