"""The rules of privacy: who may take out, ask for and confirm what, and what stands in the way."""

from __future__ import annotations

import secrets
from typing import ClassVar, Final

from runward.core.call import BlobReference, Room
from runward.core.ids import new_id
from runward.core.permissions import PERMISSIONS, Role
from runward.errors import ConflictError, ForbiddenError, InvalidError, InvalidTransitionError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import role_on_workspace
from runward.governance.trail import PSEUDONYM
from runward.privacy import holding, retention, survey
from runward.privacy import repository as sql
from runward.privacy.api import Privacy
from runward.privacy.model import (
    Erasure,
    ExportPart,
    FileDecision,
    Hold,
    NewErasure,
    NewHold,
    RetentionDue,
    RetentionKind,
    RetentionRule,
    SetAside,
    Survey,
)
from runward.privacy.repository import OTHERS, Person, Row
from runward.privacy.rows import removed_with
from runward.privacy.words import Words
from runward.store.blobs import check_digest
from runward.tracking.checks import check_text

MOST_WORDS: Final = 50
MYSELF: Final = "@me"
"""In the place of a name: whoever asks."""
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"


class PrivacyService(Privacy):
    """See :class:`Privacy`."""

    room: ClassVar[str] = "privacy"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    # a person's data ------------------------------------------------------------------------------------------------

    def export_person(self, person: str, also: list[str] | None = None, place: str = "") -> ExportPart:
        """See the contract."""
        person = self.call.actor.member_id if person == MYSELF else person
        found, may = sql.person(self.tx, person), self._may_export()
        is_own = found is not None and found.id == self.call.actor.member_id
        if not may and (also or not is_own):
            raise ForbiddenError(
                "everybody takes out their own data; anybody's, and what other words name, needs the permission export",
                hint="ask an admin of the workspace",
            )
        who = self._person(person)
        sight = survey.Sight(self.call, everything=may)
        return survey.export(self.call, self._words(who, also or []), who, place, sight)

    def _may_export(self) -> bool:
        role = role_on_workspace(self.tx, self.call.actor, "export")
        return role is not None and role >= PERMISSIONS["export"]

    def survey_person(self, person: str, also: list[str] | None = None, place: str = "") -> Survey:
        """See the contract."""
        found = self._person(person)
        told = survey.survey(self.call, self._words(found, also or []), found, place)
        if place:
            return told
        return Survey(told.place, told.rows, removed_with(self.tx, found.id), told.files, self._refusal(found))

    def _person(self, reference: str) -> Person:
        found = sql.person(self.tx, reference)
        if found is None:
            raise NotFoundError(f"there is no member {reference!r}", hint="`runward member list` shows all")
        self.call.about = ("member", found.id)
        return found

    def _words(self, person: Person, also: list[str], pseudonym: str = PSEUDONYM) -> Words:
        return Words(self._listed(person, also), pseudonym, sql.other_names(self.tx, person.id))

    def _listed(self, person: Person, also: list[str]) -> list[str]:
        if len(also) > MOST_WORDS:
            raise InvalidError(f"also has {len(also)} texts, at most {MOST_WORDS} are taken")
        for text in also:
            check_text(text, "also")
        return [text for text in dict.fromkeys([*person.words, *also]) if text.strip()]

    # erasure --------------------------------------------------------------------------------------------------------

    def request_erasure(self, new: NewErasure) -> Erasure:
        """See the contract."""
        found = self._person(new.person)
        check_text(new.reason, "the reason")
        if not new.reason.strip():
            raise InvalidError(
                "the reason is empty", hint="say why: it stands in the erasure, without the person's name"
            )
        if refusal := self._refusal(found):
            raise ConflictError(
                f"{found.name} cannot be erased: {refusal}", hint="`runward person erase NAME --dry-run`"
            )
        if other := sql.under_way(self.tx, found.id):
            raise ConflictError(
                f"an erasure of {found.name} is under way: {other}", hint="confirm or withdraw that one"
            )
        pseudonym = PSEUDONYM + "".join(secrets.choice(_ALPHABET) for _ in range(8))
        listed, erasure_id = self._listed(found, new.also), new_id()
        words = sql.seal_words(self.call.dispatcher.keyring, self.tx, found.id, listed)
        row = Row(
            id=erasure_id,
            member_id=found.id,
            pseudonym=pseudonym,
            state="requested",
            # Nothing that outlives the erasure names them.
            reason=self._words(found, new.also, pseudonym).replace(new.reason),
            words=words,
            requested_by=self.call.actor.member_id,
            requested_at=self.call.now_us,
        )
        sql.insert(self.tx, row)
        self.call.about = ("erasure", erasure_id)
        return sql.shown(self.tx, row)

    def _refusal(self, person: Person) -> str:
        if sql.is_erased(self.tx, person.id):
            return "that was done already"
        is_admin = self.tx.scalar(
            "SELECT 1 FROM grants WHERE member_id = ? AND scope_kind = 'workspace' AND role = ?",
            (person.id, int(Role.ADMIN)),
        )
        if is_admin and not sql.has_other_admin(self.tx, person.id):
            return "they are the only admin of the workspace: give the role to somebody else first"
        return holding.hinders(self.tx, person.id, person.name)

    def list_erasures(self) -> list[Erasure]:
        """See the contract."""
        return [sql.shown(self.tx, row) for row in sql.erasures(self.tx)]

    def get_erasure(self, erasure_id: str) -> Erasure:
        """See the contract."""
        return sql.shown(self.tx, self._erasure(erasure_id))

    def _erasure(self, erasure_id: str) -> Row:
        found = sql.erasure(self.tx, erasure_id)
        if found is None:
            raise NotFoundError(f"there is no erasure {erasure_id!r}", hint="`runward person erasures` shows all")
        self.call.about = ("erasure", erasure_id)
        return found

    def confirm_erasure(
        self, erasure_id: str, files: dict[str, FileDecision] | None = None, others: FileDecision | None = None
    ) -> Erasure:
        """See the contract."""
        row = self._erasure(erasure_id)
        if row.state != "requested":
            raise InvalidTransitionError(f"erasure {erasure_id} is {row.state}", hint="only a request is confirmed")
        person = self._person(row.member_id)
        control = self._control(row, person)
        if refusal := self._refusal(person):
            raise ConflictError(f"{person.name} cannot be erased: {refusal}", hint="withdraw the request, or mend that")
        after = row._replace(
            state="running",
            confirmed_by=self.call.actor.member_id,
            confirmed_at=self.call.now_us,
            control=control,
            decisions=self._decisions(row, files, others),
        )
        return self._stored(row, after)

    def _control(self, row: Row, person: Person) -> str:
        """``dual`` or ``single``. Raises: ForbiddenError."""
        actor = self.call.actor
        if actor.member_id == person.id:
            raise ForbiddenError("nobody confirms their own erasure", hint="ask somebody else who holds erase")
        if actor.member_id != row.requested_by:
            return "dual"
        # Whoever can read a folder owns it, and a name there is only claimed: a second one would show nothing.
        alone = not sql.others_may_erase(self.tx, actor.member_id, person.id)
        if actor.via == "folder" and not actor.verified and alone:
            return "single"
        raise ForbiddenError(
            "who asked for an erasure does not confirm it", hint="somebody else who holds erase has to"
        )

    def decide_files(
        self, erasure_id: str, files: dict[str, FileDecision] | None = None, others: FileDecision | None = None
    ) -> Erasure:
        """See the contract."""
        row = self._erasure(erasure_id)
        if row.state != "waiting":
            raise InvalidTransitionError(f"erasure {erasure_id} is {row.state}: it waits for no decision")
        if row.control == "dual" and self.call.actor.member_id == row.requested_by:
            raise ForbiddenError(
                "who asked for an erasure does not decide", hint="somebody else who holds erase has to"
            )
        after = row._replace(
            state="running", phase="files", place="", waits_for=[], decisions=self._decisions(row, files, others)
        )
        return self._stored(row, after)

    def _decisions(
        self, row: Row, files: dict[str, FileDecision] | None, others: FileDecision | None
    ) -> dict[str, FileDecision]:
        listed = sql.open_words(self.call.dispatcher.keyring, self.tx, row)
        words = Words(listed, row.pseudonym, sql.other_names(self.tx, row.member_id))
        given: dict[str, FileDecision] = {check_digest(digest): one for digest, one in (files or {}).items()}
        if others is not None:
            if others.action == "keep":
                raise InvalidError("files are kept one by one, each with a reason", hint="others: replace or delete")
            given[OTHERS] = others
        for digest, one in given.items():
            check_text(one.reason, "the reason")
            if one.action == "keep" and not one.reason.strip():
                raise InvalidError(f"file {digest[:12]} is kept without a reason", hint="say why it has to stay")
        clean = {digest: FileDecision(one.action, words.replace(one.reason)) for digest, one in given.items()}
        return {**row.decisions, **clean}

    def _stored(self, before: Row, after: Row) -> Erasure:
        if not sql.update(self.tx, before, after):
            raise ConflictError("somebody else was faster", hint="look at it again")
        self.call.about = ("erasure", after.id)
        return sql.shown(self.tx, after)

    def withdraw_erasure(self, erasure_id: str) -> Erasure:
        """See the contract."""
        row = self._erasure(erasure_id)
        if row.state != "requested":
            raise InvalidTransitionError(f"erasure {erasure_id} is {row.state}", hint="what was confirmed goes on")
        return self._stored(row, row._replace(state="withdrawn", words="", ended_at=self.call.now_us))

    # retention ------------------------------------------------------------------------------------------------------

    def set_retention(
        self, project: str, kind: RetentionKind, after_days: float | None = None, results: bool = False
    ) -> RetentionRule:
        """See the contract."""
        return retention.set_rule(self.call, project, kind, after_days, results=results)

    def remove_retention(self, project: str, kind: RetentionKind) -> None:
        """See the contract."""
        retention.remove_rule(self.call, project, kind)

    def list_retention(self, project: str = "") -> list[RetentionRule]:
        """See the contract."""
        return retention.rules(self.call, project)

    def retention_due(self) -> list[RetentionDue]:
        """See the contract."""
        return retention.due(self.call)

    def apply_retention(self) -> list[RetentionDue]:
        """See the contract."""
        return retention.apply(self.call)

    def list_set_aside(self, run_id: str) -> list[SetAside]:
        """See the contract."""
        return retention.aside(self.tx, run_id)

    def restore_set_aside(self, run_id: str, kind: RetentionKind) -> list[SetAside]:
        """See the contract."""
        return retention.bring_back(self.call, run_id, kind)

    # holds ----------------------------------------------------------------------------------------------------------

    def set_hold(self, new: NewHold) -> Hold:
        """See the contract."""
        return holding.set_hold(self.call, new)

    def list_holds(self, lifted: bool = False) -> list[Hold]:
        """See the contract."""
        return holding.holds(self.tx, lifted=lifted)

    def lift_hold(self, hold_id: str, reason: str) -> Hold:
        """See the contract."""
        return holding.lift(self.call, hold_id, reason)


_HELD_PLACES = ("dataset.deleted", "dataset.version_deleted", "report.deleted")

ROOM = Room(
    Privacy,
    PrivacyService,
    {},
    {
        "run.deleted": (holding.refuse_held_run,),
        "run.moved": (holding.refuse_held_run,),
        "project.deleted": (holding.refuse_held_project,),
        "project.moved": (holding.refuse_held_project,),
        **dict.fromkeys(_HELD_PLACES, (holding.refuse_held_place,)),
    },
    (BlobReference("SELECT digest FROM set_aside WHERE digest <> ''"),),
    (holding.HELD_RUNS,),
    (retention.forget_aside,),
)
