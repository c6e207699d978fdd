"""What a server does by itself: erasures go on, each node forgets what it derived, rules of retention are applied."""

from __future__ import annotations

from collections.abc import Callable

from runward.core.ids import MemberId
from runward.governance.dispatch import Call, Dispatcher
from runward.governance.model import Actor
from runward.governance.trail import append
from runward.knowledge.sources import forget_index
from runward.privacy.job import advance_due
from runward.privacy.retention import apply
from runward.store.database import Tx

SYSTEM = Actor(MemberId(""), "retention", True, "system")
RETENTION_EVERY = 1800
"""Rounds of upkeep between two looks at the rules: an hour."""


def tasks(dispatcher: Dispatcher) -> list[tuple[str, int, Callable[[], int]]]:
    """(what it is called, rounds between two of it, what is done until it returns 0)."""
    return [
        ("erasures", 1, lambda: advance_due(dispatcher)),
        ("search index", 1, lambda: follow_on_this_node(dispatcher)),
        ("retention", RETENTION_EVERY, lambda: apply_rules(dispatcher)),
    ]


def follow_on_this_node(dispatcher: Dispatcher) -> int:
    """Make this node's search index anew where somebody was erased since it was made, by whichever server."""
    marker = dispatcher.folder / "search.erased"
    with dispatcher.database.transaction(write=False) as tx:
        latest = tx.scalar("SELECT id FROM erasures WHERE state = 'done' ORDER BY ended_at DESC, id LIMIT 1")
    if latest is None or (marker.exists() and marker.read_text() == latest):
        return 0
    forget_index(dispatcher)
    marker.write_text(str(latest))
    return 0


def apply_rules(dispatcher: Dispatcher) -> int:
    """Apply the rules of retention once; how many runs were concerned."""
    with dispatcher.database.transaction(write=True) as tx:
        if not _is_any(tx):
            return 0
        call = Call(dispatcher, tx, SYSTEM)
        done = apply(call)
        append(tx, dispatcher.audit_key, call.noted)
    return sum(one.runs for one in done)


def _is_any(tx: Tx) -> bool:
    return tx.scalar("SELECT 1 FROM retention_rules LIMIT 1") is not None
