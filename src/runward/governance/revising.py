"""Of two who change the same thing, the second hears of the first: the check is made in the transaction of the change."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runward.core.etag import changed_fields, field_of, filled, path_of, tag, values_of
from runward.core.operation import ANY, Operation, Precondition, operations_of, revised_arguments, subject
from runward.errors import EditedMeanwhileError, NotFoundError
from runward.governance.repository import audit_events
from runward.store.database import Tx

if TYPE_CHECKING:
    from runward.governance.dispatch import Call

_LOCK = 4750
_LOOKED_AT = 50
_COUNTERS = ("version", "number", "revision")
"""Fields that change with all others: that they differ tells people nothing."""


def hold(tx: Tx, read: str, *, alone: bool) -> None:
    """Keep apart who looks before a change and who else changes such things, until the commit (SQLite has one writer anyway).

    Those who overwrite whatever is there do not wait for each other, and not for the answer either.
    """
    if tx.dialect == "postgresql":
        key = zlib.crc32(read.encode()) - (1 << 31)
        tx.execute(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}(?, ?)", (_LOCK, key))


def check_unchanged(call: Call, op: Operation, arguments: Mapping[str, Any], match: Precondition) -> None:
    """See that what an operation revises has one of the ETags that came with it. Raises: EditedMeanwhileError."""
    hold(call.tx, op.revises, alone=match is not ANY)
    if match is ANY:
        return
    room, _, name = op.revises.partition(".")
    found = call.dispatcher.rooms[room]
    read = operations_of(found.api)[name]
    asked = revised_arguments(op, read, arguments)
    try:
        if name in found.states:
            values = found.states[name](call, **asked)
        else:
            values = values_of(read.state, getattr(found.service(call), name)(**asked))
    except NotFoundError as error:
        raise EditedMeanwhileError(
            f"{_named(op, arguments, read, asked)} is gone: {error.message}",
            hint="* in the place of the ETag makes it anew",
        ) from error
    present = tag(values)
    if present not in match:
        raise _edited(call, op, arguments, read, asked, match, present)


def _named(op: Operation, arguments: Mapping[str, Any], read: Operation, asked: dict[str, Any]) -> str:
    """What is revised, as ``versions/2/card of model 'digits'``."""
    kind, object_id = subject(op, arguments) or ("workspace", "")
    whole = f"{kind} {object_id!r}" if object_id else f"the {kind}"
    inside = read.path.partition("}")[2] if "}" in read.path else read.path
    return f"{filled(inside, read, asked).strip('/')} of {whole}" if inside else whole


def _edited(
    call: Call,
    op: Operation,
    arguments: Mapping[str, Any],
    read: Operation,
    asked: dict[str, Any],
    seen: Sequence[str],
    present: str,
) -> EditedMeanwhileError:
    fields = changed_fields(read.state, seen, present)
    by, at = _last_change(call, op, arguments, read, asked)
    said = f" by {by}" if by else ""
    when = f" at {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
    named = [field for field in fields if field not in _COUNTERS]
    what = f" ({', '.join(named)})" if named else ""
    return EditedMeanwhileError(
        f"{_named(op, arguments, read, asked)} was changed{said}{when} since you read it{what}",
        hint=f"look at it again (GET {path_of(read, asked)}), and make your change to what it says now; If-Match: * overwrites",
        fields=fields,
        by=by,
        at=at.isoformat() if at else "",
        etag=present,
    )


def _last_change(
    call: Call, op: Operation, arguments: Mapping[str, Any], read: Operation, asked: dict[str, Any]
) -> tuple[str, datetime | None]:
    """Who changed it last, and when: as the object says itself, or else as the audit trail does."""
    room, _, name = op.revises.partition(".")
    if read.signed:
        answer = getattr(call.dispatcher.rooms[room].service(call), name)(**asked)
        by, at = (field_of(answer, field) for field in read.signed)
        return by or "", at
    revising = {
        one.id for one in operations_of(call.dispatcher.rooms[op.room].api).values() if one.revises == op.revises
    }
    _, object_id = subject(op, arguments) or ("workspace", "")
    conditions = [("object_id = ?", object_id), ("outcome = ?", "ok")]
    for event in audit_events(call.tx, call.dispatcher.audit_key, conditions, _LOOKED_AT):
        if event.operation in revising:
            return event.actor, event.at
    return "", None
