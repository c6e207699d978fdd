"""What a service knows of the call that it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runward.core.call import NO_INTENT, Event, Intent, Scope
from runward.core.clock import to_us, utc_now
from runward.core.permissions import PERMISSIONS, Role
from runward.errors import ForbiddenError, NotFoundError
from runward.governance.model import Actor
from runward.governance.scopes import (
    Clause,
    ProjectRow,
    find_project,
    project_scope,
    projects_below,
    readable_projects,
    role_at,
    token_is_for,
)
from runward.governance.trail import Noted
from runward.store.blobs import Blobs
from runward.store.database import Tx

if TYPE_CHECKING:
    from runward.governance.dispatch import Dispatcher

Api = TypeVar("Api")
RESTRICTED = "data.read_restricted"
PURPOSE = "data.purpose"
"""The word in the audit trail for what somebody said that they read restricted data for."""


AtEnd = Callable[[Sequence[tuple["Call", str]]], None]
"""Work for several calls of one transaction at once: (call, what it is about) each."""
Left = dict[AtEnd, list[tuple["Call", str]]]
Notes = list[tuple[Actor, Noted]]
_EVENT = {"at": "bigint"} | dict.fromkeys(
    ("kind", "object_kind", "object_id", "project_id", "team_id", "actor", "data"), "text"
)


class Call:
    """What a service knows of the call it answers. It lives for one transaction."""

    def __init__(self, dispatcher: Dispatcher, tx: Tx, actor: Actor, left: Left | None = None) -> None:
        self._dispatcher = dispatcher
        self._left: Left = {} if left is None else left
        self.tx = tx
        self.actor = actor
        self.now: datetime = utc_now()
        self.events: list[Event] = []
        self.noted: Notes = []
        """What goes into the audit trail before the commit."""
        self.aside: Notes = []
        """What goes into the audit trail in a transaction of its own, also where the call is refused."""
        self.counted: dict[str, int] = {}
        """How much the call stores, by the word for it: told to who measures once it is committed."""
        self.ahead: Any = None
        """What was read for this call and those that came with it; see :attr:`runward.core.call.Room.together`."""
        self.about: tuple[str, str] | None = None
        """(kind, id) of what the call turned out to be about, where its declaration does not say."""

    @property
    def now_us(self) -> int:
        """The call's time in microseconds."""
        return to_us(self.now)

    @property
    def blobs(self) -> Blobs:
        """The workspace's blob store."""
        return self._dispatcher.blobs

    @property
    def dispatcher(self) -> Dispatcher:
        """The dispatcher that runs this call."""
        return self._dispatcher

    def use(self, api: type[Api]) -> Api:
        """Another room in the same transaction, without its permission checks: the caller has passed its own."""
        return cast(Api, self._dispatcher.room_of(api).service(self))

    def publish(self, event: Event) -> None:
        """Store an event and run other rooms' hooks for it, in this transaction."""
        said = (event.kind, event.object_kind, event.object_id, event.project_id, event.team_id, self.actor.name)
        self.tx.later("events", _EVENT, [(self.now_us, *said, json.dumps(event.data))], unique=len(_EVENT))
        self.events.append(event)
        for hook in self._dispatcher.rooms.hooks.get(event.kind, ()):
            hook(self, event)

    def read_content(
        self, kind: str, object_id: str, on: tuple[str, str] | None = None, intent: Intent = NO_INTENT
    ) -> None:
        """Say that the call hands out what an object holds, and not only what is known about it.

        Args:
            kind: Of the object; ``blob`` for bytes that may belong to several.
            object_id: The object.
            on: The object (kind, id) that decides who may, where it is another one.
            intent: For what it is read, as the caller says.

        Raises: ForbiddenError (it is restricted, and the caller may not read what is), PurposeError (not for this).
        """
        guards = self._dispatcher.rooms.guards
        place = on or (kind, object_id)
        reason = self._why_restricted(kind, object_id, place)
        try:
            if reason:
                self._dispatcher.check_token(self.actor, RESTRICTED, f"reading this (it is {reason})")
                self._dispatcher.require(self, *place, RESTRICTED, f"reading this (it is {reason})")
            agreed = [purpose for guard in guards for purpose in guard.agree(self, kind, object_id, place, intent)]
        except ForbiddenError as error:
            self._note_aside(RESTRICTED, kind, object_id, error.code)
            if run_id := error.details.get("run_id"):
                self._note_aside(PURPOSE, "run", run_id, error.code)
            raise
        if reason:
            self._note_aside(RESTRICTED, kind, object_id)
        for purpose in agreed:
            self._note_aside(PURPOSE, "purpose", purpose)
        if agreed and intent.run_id:
            self._note_aside(PURPOSE, "run", intent.run_id)

    def may_read_content(self, kind: str, object_id: str) -> bool:
        """Whether the caller may have what an object holds: for what is shown to the others without it."""
        if not self._why_restricted(kind, object_id, (kind, object_id)):
            return True
        role = self.role_on(kind, object_id, RESTRICTED)
        return role is not None and role >= PERMISSIONS[RESTRICTED] and token_is_for(self.actor, RESTRICTED)

    def may_show(self, digest: str, on: tuple[str, str]) -> bool:
        """Whether bytes may stand where everybody sees them who may read an object (kind, id)."""
        return not self._why_restricted("blob", digest, on)

    def let_go(self, kind: str, object_id: str, parts: Sequence[str] | None = None) -> None:
        """Say that an object is about to lose its content. Bytes may stay longer than what says why they are restricted.

        Args:
            kind: Of the object: a run, a dataset, or a project with its datasets.
            object_id: The object.
            parts: What of it, where not all of it: paths of a run's files, digests of a dataset's.
        """
        for look in self._dispatcher.rooms.letting_go:
            look(self, kind, object_id, parts)

    def data_read(self, run_id: str) -> list[str]:
        """The versions of data that a run read, in words: for rooms that data builds upon."""
        return [line for tell in self._dispatcher.rooms.data_read for line in tell(self, run_id)]

    def _why_restricted(self, kind: str, object_id: str, on: tuple[str, str]) -> str:
        reasons = (guard.why(self, kind, object_id, on) for guard in self._dispatcher.rooms.guards)
        return next(filter(None, reasons), "")

    def _note_aside(self, what: str, kind: str, object_id: str, outcome: str = "ok") -> None:
        self.aside.append(self._dispatcher._noted(self, what, kind, object_id, outcome))

    def at_end(self, work: AtEnd, subject: str) -> None:
        """Have some work done before the commit, once for all that was left for it by the calls of this transaction."""
        self._left.setdefault(work, []).append((self, subject))

    def catch_up(self) -> None:
        """Do now what was left for the end."""
        while self._left:
            work = next(iter(self._left))
            work(self._left.pop(work))

    def note(self, what: str, kind: str, object_id: str, outcome: str = "ok") -> None:
        """Note in the audit trail that an operation was carried out as a part of another one."""
        self._dispatcher._note(self, what, kind, object_id, outcome)

    def project(self, reference: str) -> ProjectRow:
        """A project by id or path. Raises: NotFoundError (there is none, or it is not visible to the caller)."""
        found = self.find_project(reference)
        scope = self.project_scope(found.id) if found else None
        if found is None or scope is None or self._role_at(scope) is None:
            raise NotFoundError(f"there is no project {reference!r}", hint="`runward projects list` shows yours")
        return found

    def find_project(self, reference: str) -> ProjectRow | None:
        """A project by id or path, whoever may see it."""
        return find_project(self.tx, reference)

    def project_scope(self, project_id: str) -> Scope | None:
        """Where a project lies that is not deleted."""
        return project_scope(self.tx, project_id)

    def _role_at(self, scope: Scope, may: str = "") -> Role | None:
        return role_at(self.tx, self.actor, scope, may)

    def visible_projects(self, project: str = "") -> Clause:
        """The ids of a project and those below it, or of all that the caller may read, as a subquery.

        Raises: NotFoundError.
        """
        return projects_below(self.project(project).id) if project else readable_projects(self.actor)

    def role_on(self, kind: str, object_id: str, may: str = "") -> Role | None:
        """The caller's role on an object, for a permission as far as a verb lifts it; None for neither object nor role."""
        scope = self._dispatcher.scope_of(self, kind, object_id)
        return self._role_at(scope, may) if scope else None
