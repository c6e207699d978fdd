"""One attempt at one delivery: taken, sent without a transaction, and noted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from runward.coordination import queue
from runward.coordination.hooks import turn_off
from runward.core.clock import to_us, utc_now
from runward.core.outbound import Answer, Network, Outgoing, send
from runward.errors import RunwardError
from runward.store.database import Database, Tx

Prepare = Callable[[Tx, queue.Claimed, int], Outgoing]
"""(transaction, delivery, now) -> what to send. Raises: RunwardError (it can never be sent)."""


def deliver_one(database: Database, allowed: Sequence[Network], prepare: Mapping[str, Prepare]) -> bool:
    """Try the delivery that has waited longest; False where none is due.

    Several processes may do so at once: each attempt belongs to one of them.

    Args:
        database: Of the workspace.
        allowed: Networks that may be reached although they are not public.
        prepare: What makes the request, by the kind of target.
    """
    now = to_us(utc_now())
    with database.transaction(write=False) as tx:
        if not queue.is_due(tx, now):
            return False
    with database.transaction(write=True) as tx:
        held = queue.claim(tx, now)
        if held is None:
            return False
    try:
        with database.transaction(write=False) as tx:
            request = prepare[held.target](tx, held, now)
    except RunwardError as error:
        _record(database, held, Answer(0, error.message), final=True)
        return True
    _record(database, held, send(request, allowed))
    return True


def _record(database: Database, held: queue.Claimed, answer: Answer, *, final: bool = False) -> None:
    gone = answer.status == HTTPStatus.GONE and held.target == "hook"
    said = "" if answer.good else answer.problem or f"answered {answer.status}"
    with database.transaction(write=True) as tx:
        queue.record(tx, held, answer.status, said, to_us(utc_now()), good=answer.good, final=final or gone)
        if gone:
            turn_off(tx, held.target_id)
