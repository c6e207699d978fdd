"""The one way into a room: authorise, do, audit, publish, in one transaction."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from runward.core.beats import Beats
from runward.core.call import Event, Room, Rooms, Scope
from runward.core.operation import (
    ANY,
    ON_LIST,
    ON_SELF,
    ON_WORKSPACE,
    Door,
    Operation,
    Precondition,
    operations_of,
    subject,
)
from runward.core.permissions import PERMISSIONS, VERBS
from runward.errors import ForbiddenError, NotFoundError, RunwardError
from runward.governance.calling import Call, Left, Notes
from runward.governance.checkpoints import Checkpointer
from runward.governance.model import Actor
from runward.governance.revising import check_unchanged
from runward.governance.scopes import (
    role_on_workspace,
    token_is_for,
)
from runward.governance.trail import AuditKey, Noted, append
from runward.store.blobs import Blobs
from runward.store.database import ClashError, Database, Tx
from runward.store.keys import Keyring

Api = TypeVar("Api")
T = TypeVar("T")
Listener = Callable[[Sequence[Event]], None]

_OPEN_TO_LIMITED = "governance.whoami"
_MOST_TRIES = 5
"""So often a call is made again that the database undid for another one; each of them lets one of the others pass."""


def _past_clashes(attempt: Callable[[], T]) -> T:
    for _ in range(_MOST_TRIES):
        try:
            return attempt()
        except ClashError:
            continue
    return attempt()


class Pending:
    """A call that waits for its group's commit, and then what became of it."""

    def __init__(self, op: Operation, actor: Actor, arguments: Mapping[str, Any]) -> None:
        self.op, self.actor, self.arguments = op, actor, arguments
        self.tries = 0
        self.value: Any = None
        self.error: BaseException | None = None


class _Waiting(Pending):
    """A call whose thread waits for it."""

    def __init__(self, op: Operation, actor: Actor, arguments: Mapping[str, Any]) -> None:
        super().__init__(op, actor, arguments)
        self.done = False
        self.turn = threading.Lock()
        """Held until the call is done, or is the one that commits the next group."""
        self.turn.acquire()


class _UndoneError(Exception):
    """A call of a group was refused after it had changed something."""

    def __init__(self, pending: Pending) -> None:
        super().__init__()
        self.pending = pending


class Dispatcher:
    """Thread-safe. Holds a workspace's database, blobs and rooms."""

    def __init__(self, database: Database, blobs: Blobs, folder: Path, rooms: Rooms) -> None:
        self.database = database
        self.blobs = blobs
        self.folder = folder
        """Where this node keeps what is its own: the search index, the signing key, what waits for upload."""
        self.rooms = rooms
        self.keyring = Keyring(database, folder)
        self.audit_key = AuditKey(folder, self.keyring)
        self.checkpoints = Checkpointer(database, folder, self.audit_key)
        self.listeners: list[Listener] = []
        self.meters: list[Callable[[str, int], None]] = []
        """Told how much calls stored: (word, how many)."""
        self.beats = Beats()
        """How the work beside the requests goes in this process."""
        self._mutex = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._is_led = False
        """Whether a group is being committed, after which the next one follows."""

    @property
    def operations(self) -> dict[str, Operation]:
        """All operations by id."""
        return {op.id: op for room in self.rooms for op in operations_of(room.api).values()}

    def room_of(self, api: type) -> Room:
        """The room with this contract."""
        return self.rooms[str(api.room)]  # type: ignore[attr-defined]

    def scope_of(self, call: Call, kind: str, object_id: str) -> Scope | None:
        """Where an object lies in the permission tree."""
        return self.rooms.resolver(kind)(call, object_id)

    def call(self, op: Operation, actor: Actor, arguments: Mapping[str, Any], match: Precondition = ANY) -> Any:
        """Run one operation for a member, if what it revises still has one of the ETags that were given.

        Raises: NotFoundError (no such object, or it is not visible), ForbiddenError, EditedMeanwhileError, and what the
        operation raises.
        """
        try:
            if op.grouped:
                return self._call_in_group(op, actor, arguments)
            return _past_clashes(lambda: self._call_once(op, actor, arguments, match))
        except RunwardError as error:
            if op.audited:
                self._record_refusal(op, actor, arguments, error)
            raise

    def _call_once(self, op: Operation, actor: Actor, arguments: Mapping[str, Any], match: Precondition) -> Any:
        with self._entered(actor, write=op.writes) as call:
            return self._run(call, op, arguments, match)

    @contextlib.contextmanager
    def _entered(self, actor: Actor, *, write: bool) -> Iterator[Call]:
        """A call in a transaction, with what it notes. A reading transaction cannot note; nobody has the answer before it is."""
        aside: Notes = []
        try:
            with self.database.transaction(write=write) as tx:
                call = Call(self, tx, actor)
                call.aside = aside
                yield call
                if write:
                    append(tx, self.audit_key, call.noted)
                else:
                    aside += call.noted
        finally:
            if aside:
                with self.database.transaction(write=True) as tx:
                    append(tx, self.audit_key, aside)
                self.checkpoints.write_when_due()
        self._committed([call])

    def _call_in_group(self, op: Operation, actor: Actor, arguments: Mapping[str, Any]) -> Any:
        """One fsync acknowledges all calls that arrived during the one before it; a call that fails is undone alone."""
        mine = _Waiting(op, actor, arguments)
        with self._mutex:
            self._waiting.append(mine)
            leads, self._is_led = not self._is_led, True
        if not leads:
            mine.turn.acquire()
        if not mine.done:
            self._lead()
        if mine.error is not None:
            raise mine.error
        return mine.value

    def _lead(self) -> None:
        """Commit the group that waits, then let the next one be committed by the first that waits for it.

        Who is done goes at once: it must not wait for that commit too.
        """
        with self._mutex:
            group, self._waiting = self._waiting, []
        try:
            self._commit(group)
        finally:
            for pending in group:
                pending.done = True
            with self._mutex:
                heirs = self._waiting[:1]
                self._is_led = bool(heirs)
            for pending in [*heirs, *group]:
                pending.turn.release()

    def call_together(self, group: Sequence[Pending]) -> None:
        """Run operations in one transaction, each as :meth:`call` would; each says itself what became of it."""
        # What makes something new comes first, so that what is left for later is stored at once; the others keep their order.
        self._commit(sorted(group, key=lambda pending: "{" in pending.op.path))
        for pending in group:
            if isinstance(pending.error, RunwardError) and pending.op.audited:
                try:
                    self._record_refusal(pending.op, pending.actor, pending.arguments, pending.error)
                except RunwardError as error:
                    pending.error = error

    def _commit(self, group: Sequence[Pending]) -> None:
        try:
            with self.database.transaction(write=True) as tx:
                left: Left = {}
                ready = self._authorised(tx, group, left)
                self._read_together(tx, ready)
                calls = [call for pending, call in ready if self._attempt(call, pending, alone=len(group) == 1)]
                for call in calls[:1]:
                    call.catch_up()
                # A chain is held as shortly as can be.
                tx.settle()
                append(tx, self.audit_key, [noted for call in calls for noted in call.noted])
        except _UndoneError as undone:
            # Without it first, and then alone: what it would have changed is not to be seen by the others.
            for part in ([pending for pending in group if pending is not undone.pending], [undone.pending]):
                self._again(part)
            return
        except BaseException as error:  # noqa: BLE001
            # Nothing of the group is stored, whatever the reason: each call is tried once more on its own, so that
            # none is acknowledged without being stored and none fails for what another one did.
            for pending in group:
                if len(group) > 1 or (isinstance(error, ClashError) and pending.tries < _MOST_TRIES):
                    pending.tries += 1
                    self._again([pending])
                else:
                    pending.error, pending.value = error, None
            return
        self._committed(calls)

    def _again(self, group: Sequence[Pending]) -> None:
        for pending in group:
            pending.error = pending.value = None
        if group:
            self._commit(group)

    def _authorised(self, tx: Tx, group: Sequence[Pending], left: Left) -> list[tuple[Pending, Call]]:
        """The calls that may be made: all are asked for before the first one changes what the others' rights are read from."""
        found = [(pending, Call(self, tx, pending.actor, left)) for pending in group]
        about: dict[str, list[str]] = {}
        for pending in group:
            if of := subject(pending.op, pending.arguments):
                about.setdefault(of[0], []).append(of[1])
        for kind, ids in about.items():
            self.rooms.look_ahead(kind, tx, ids)
        for pending, call in found:
            try:
                self.authorise(call, pending.op, pending.arguments)
            except RunwardError as error:
                pending.error = error
        return [(pending, call) for pending, call in found if pending.error is None]

    def _read_together(self, tx: Tx, ready: Sequence[tuple[Pending, Call]]) -> None:
        """Read at once what several calls of an operation need, where none of them can change it for another one."""
        times = Counter(subject(pending.op, pending.arguments) for pending, _ in ready)
        same: dict[Operation, list[tuple[Pending, Call]]] = {}
        for pending, call in ready:
            if (
                pending.op.name in self.rooms[pending.op.room].together
                and times[subject(pending.op, pending.arguments)] == 1
            ):
                same.setdefault(pending.op, []).append((pending, call))
        for op, those in same.items():
            if len(those) > 1:
                found = self.rooms[op.room].together[op.name](tx, [pending.arguments for pending, _ in those])
                for (_, call), ahead in zip(those, found, strict=True):
                    call.ahead = ahead

    def _attempt(self, call: Call, pending: Pending, *, alone: bool) -> bool:
        """Whether the call was done. Raises: _UndoneError (refused after a change, which has to be undone)."""
        changes = call.tx.changes
        try:
            pending.value = self._do(call, pending.op, pending.arguments)
        except RunwardError as error:
            if call.tx.changes > changes:
                # A savepoint for each call would save that, and cost each of them more than all its checks.
                if alone:
                    raise
                raise _UndoneError(pending) from error
            pending.error = error
            return False
        return True

    def _run(self, call: Call, op: Operation, arguments: Mapping[str, Any], match: Precondition = ANY) -> Any:
        self.authorise(call, op, arguments)
        if op.revises:
            check_unchanged(call, op, arguments, match)
        result = self._do(call, op, arguments)
        call.catch_up()
        return result

    def _do(self, call: Call, op: Operation, arguments: Mapping[str, Any]) -> Any:
        result = getattr(self.rooms[op.room].service(call), op.name)(**arguments)
        if op.audited:
            self._record(call, op, arguments, "ok")
        return result

    def authorise(self, call: Call, op: Operation, arguments: Mapping[str, Any]) -> None:
        """Let the call pass, or raise: what a member may not see does not exist for them."""
        self.check_token(call.actor, op.may, op.id)
        if op.on == ON_SELF and call.actor.is_limited and op.id != _OPEN_TO_LIMITED:
            raise ForbiddenError(
                f"{op.id} is about all that belongs to {call.actor.name}, and this token is for a part",
                hint="use a token without team, project and only, or a session",
            )
        if op.on in (ON_SELF, ON_LIST):
            return
        if op.on == ON_WORKSPACE:
            self._require_on_workspace(call, op.may, op.id)
            return
        kind, object_id = cast(tuple[str, str], subject(op, arguments))
        self.require(call, kind, object_id, op.may, op.id)

    def _require_on_workspace(self, call: Call, may: str, what: str) -> None:
        role = role_on_workspace(call.tx, call.actor, may)
        if role is None or role < PERMISSIONS[may]:
            raise ForbiddenError(
                f"{what} needs {_needed(may)} on the workspace, {call.actor.name} has {role.label if role else 'none'}",
                hint="ask an admin of the workspace",
            )

    def check_token(self, actor: Actor, may: str, what: str) -> None:
        """Raise ForbiddenError where a token is for other permissions."""
        if not token_is_for(actor, may):
            raise ForbiddenError(
                f"{what} needs {may}, and this token is only for {', '.join(sorted(actor.only))}",
                hint="make a token that has it: runward token create --only …",
            )

    def require(self, call: Call, kind: str, object_id: str, may: str, what: str) -> None:
        """Raise unless the caller has a permission on an object."""
        role = call.role_on(kind, object_id, may)
        if role is None:
            shown = repr(object_id) if object_id else "of yours"
            raise NotFoundError(
                f"there is no {kind.replace('_', ' ')} {shown}", hint="check the id, and whether you belong to its team"
            )
        if role < PERMISSIONS[may]:
            raise ForbiddenError(
                f"{what} needs {_needed(may)} on this {kind}, {call.actor.name} has {role.label}",
                hint="ask an admin of the team for it",
            )

    @contextlib.contextmanager
    def enter(self, door: Door, actor: Actor, object_id: str, *, write: bool, audit: str = "") -> Iterator[Call]:
        """A call through a hand-written route, after the same check that operations pass.

        ``audit`` is the name under which the call goes into the audit trail, in the same transaction; empty for none.
        """
        with self._entered(actor, write=write) as call:
            self.check_token(actor, door.may, f"{door.method} {door.path}")
            if door.on == ON_WORKSPACE:
                self._require_on_workspace(call, door.may, f"{door.method} {door.path}")
            elif not door.on.startswith("@"):
                self.require(call, door.on, object_id, door.may, f"{door.method} {door.path}")
            yield call
            call.catch_up()
            if audit:
                self._note(call, audit, door.on, object_id, "ok")

    def _record(self, call: Call, op: Operation, arguments: Mapping[str, Any], outcome: str) -> None:
        kind, object_id = call.about or subject(op, arguments) or ("workspace", "")
        self._note(call, op.id, kind, object_id, outcome)

    def _note(self, call: Call, what: str, kind: str, object_id: str, outcome: str) -> None:
        call.noted.append(self._noted(call, what, kind, object_id, outcome))

    def _noted(self, call: Call, what: str, kind: str, object_id: str, outcome: str) -> tuple[Actor, Noted]:
        # What cannot be stored as text is refused, and the refusal is still to be told.
        shown, actor = object_id.replace("\0", "�").encode("utf-8", "replace").decode(), call.actor
        return actor, Noted(call.now_us, actor.member_id, actor.via, what, kind, shown, outcome)

    def _record_refusal(self, op: Operation, actor: Actor, arguments: Mapping[str, Any], error: RunwardError) -> None:
        if error.status == 503:
            return  # The database is away: there is nowhere to write to.
        with self.database.transaction(write=True) as tx:
            call = Call(self, tx, actor)
            self._record(call, op, arguments, error.code)
            append(tx, self.audit_key, call.noted)
        self._committed([call])

    def _committed(self, calls: Sequence[Call]) -> None:
        """Tell who listens what happened, and note the trail's end outside of the database where that is due."""
        if events := [event for call in calls for event in call.events]:
            for listener in self.listeners:
                listener(events)
        for meter in self.meters:
            for what, count in [pair for call in calls for pair in call.counted.items()]:
                meter(what, count)
        if any(call.noted for call in calls):
            self.checkpoints.write_when_due()


def _needed(may: str) -> str:
    """What a permission asks for, in words."""
    return f"the role {PERMISSIONS[may].label}" + (f" or the verb {may}" if may in VERBS else "")
