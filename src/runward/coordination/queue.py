"""The queue of what leaves the house: written in the transaction of its cause, taken by one server at a time."""

from __future__ import annotations

import random
from typing import NamedTuple

from runward.coordination.hooks_model import Delivery, DeliveryState
from runward.core.clock import from_us
from runward.core.ids import new_id
from runward.governance.scopes import Clause
from runward.store.database import Row, Tx

SECOND = 1_000_000
GIVE_UP_S = 3 * 24 * 3600
"""So long after its event (or after somebody had it sent again) a delivery is tried."""
LEASE_S = 60
"""A server that took a delivery and says nothing for so long is taken for dead; another one tries."""
KEEP_S = 30 * 24 * 3600
"""So long deliveries that are over can be looked at."""
_FIRST_S, _FACTOR, _LONGEST_S, _JITTER = 5.0, 4.0, 6 * 3600.0, 0.2
_COLUMNS = "id, target, target_id, kind, body, state, attempts, created_at, next_at, expires_at, status, said, tried_at"

# Its own: the state of the `random` module belongs to whoever runs experiments in this process.
_apart = random.SystemRandom()


class Claimed(NamedTuple):
    """A delivery that this process holds for one attempt."""

    id: str
    target: str
    target_id: str
    kind: str
    body: str
    attempt: int
    """From 1 on."""
    expires_at: int


def enqueue(tx: Tx, target: str, target_id: str, kind: str, body: str, now: int) -> str:
    """Queue a delivery; returns its id, which the receiver sees and knows a repetition by."""
    delivery_id = f"msg_{new_id()}{new_id()}"
    row = {"id": delivery_id, "target": target, "target_id": target_id, "kind": kind, "body": body}
    fresh = {"state": "waiting", "attempts": 0, "created_at": now, "next_at": now}
    tx.insert("deliveries", {**row, **fresh, "expires_at": now + GIVE_UP_S * SECOND, "status": 0, "said": ""})
    return delivery_id


def again(tx: Tx, delivery_id: str, now: int) -> None:
    """Queue a delivery anew under its old id."""
    tx.execute(
        "UPDATE deliveries SET state = 'waiting', attempts = 0, next_at = ?, expires_at = ? WHERE id = ?",
        (now, now + GIVE_UP_S * SECOND, delivery_id),
    )


def is_due(tx: Tx, now: int) -> bool:
    """Whether a delivery waits that could be tried now."""
    return tx.one("SELECT 1 FROM deliveries WHERE state = 'waiting' AND next_at <= ? LIMIT 1", (now,)) is not None


def claim(tx: Tx, now: int) -> Claimed | None:
    """Take the delivery that has waited longest; those that others take meanwhile are passed over."""
    # Whoever took these last never came back to say how it went.
    tx.execute(
        """UPDATE deliveries SET state = 'given_up', next_at = NULL, said = 'no attempt came to an end in time'
           WHERE state = 'waiting' AND next_at <= ? AND expires_at < ? AND attempts > 0""",
        (now, now),
    )
    lock = " FOR UPDATE SKIP LOCKED" if tx.dialect == "postgresql" else ""
    row = tx.one(
        f"""SELECT id, target, target_id, kind, body, attempts + 1, expires_at FROM deliveries
            WHERE state = 'waiting' AND next_at <= ? ORDER BY next_at, id LIMIT 1{lock}""",
        (now,),
    )
    if row is None:
        return None
    tx.execute(
        "UPDATE deliveries SET attempts = attempts + 1, next_at = ? WHERE id = ?", (now + LEASE_S * SECOND, row[0])
    )
    return Claimed(*row)


def pause_s(attempt: int, chance: float) -> float:
    """Seconds until the next attempt: four times as long each time, up to six hours, a fifth more or less by chance.

    Args:
        attempt: The one that failed, from 1 on.
        chance: From 0 to 1.
    """
    return min(_FIRST_S * _FACTOR ** min(attempt - 1, 30), _LONGEST_S) * (1 + _JITTER * (2 * chance - 1))


def record(tx: Tx, held: Claimed, status: int, said: str, now: int, *, good: bool, final: bool = False) -> None:
    """Note how an attempt went, if this process still holds it.

    Args:
        tx: The transaction.
        held: What was claimed.
        status: The HTTP status; 0 where none came.
        said: Why it failed; empty where it did not.
        now: When it was known.
        good: Whether it was taken.
        final: Whether no further attempt makes sense.
    """
    state: DeliveryState = "delivered" if good else "waiting"
    next_at = None if good else now + int(pause_s(held.attempt, _apart.random()) * SECOND)
    if not good and (final or (next_at or 0) > held.expires_at):
        state, next_at = "given_up", None
    tx.execute(
        """UPDATE deliveries SET state = ?, next_at = ?, status = ?, said = ?, tried_at = ?
           WHERE id = ? AND attempts = ? AND state = 'waiting'""",
        (state, next_at, status, said, now, held.id, held.attempt),
    )


def forget(tx: Tx, now: int) -> int:
    """Remove deliveries that were over long ago; returns how many."""
    sql = "DELETE FROM deliveries WHERE state <> 'waiting' AND created_at < ?"
    return tx.touched(sql, (now - KEEP_S * SECOND,))


def deliveries(tx: Tx, where: Clause, limit: int) -> list[Delivery]:
    """Deliveries that match a clause, newest first."""
    sql = f"SELECT {_COLUMNS} FROM deliveries WHERE {where.sql} ORDER BY created_at DESC, id DESC LIMIT ?"
    return [_delivery(row) for row in tx.all(sql, (*where.params, limit))]


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=row[0],
        target=row[1],
        target_id=row[2],
        kind=row[3],
        body=row[4],
        state=row[5],
        attempts=row[6],
        created_at=from_us(row[7]),
        next_at=None if row[8] is None else from_us(row[8]),
        expires_at=from_us(row[9]),
        status=row[10],
        said=row[11],
        tried_at=None if row[12] is None else from_us(row[12]),
    )
