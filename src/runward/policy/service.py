"""Labels, terms, and what needs more than the ordinary permission to be read."""

from __future__ import annotations

from typing import ClassVar, cast, get_args

from runward.core.call import Event, Guard, Room, Scope
from runward.core.clock import from_us
from runward.data.api import Data
from runward.errors import InvalidError, NotFoundError, PurposeError
from runward.governance.calling import Call
from runward.policy import repository as sql
from runward.policy.api import Policy
from runward.policy.carrying import Holding, holding
from runward.policy.guarding import agreed, why_restricted
from runward.policy.model import (
    INTERNAL,
    LABELS,
    RESTRICTED,
    DataUse,
    Labelled,
    LabelledKind,
    LabelName,
    Scan,
    Source,
    Terms,
)
from runward.policy.repository import OwnLabel, Thing
from runward.policy.scanning import scan_dataset, scan_run
from runward.policy.uses import purposes_of, uses_of
from runward.registry.api import Registry

_MAX_TEXT = 2_000
_MAX_PURPOSES = 50
_SHOWN = 50
CAPTURED = "data.captured_read"
"""The word in the audit trail for restricted data that a run was seen to read."""


class PolicyService(Policy):
    """See :class:`Policy`."""

    room: ClassVar[str] = "policy"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def get_label(self, thing: str) -> Labelled:
        """See the contract."""
        found = _found(self.call, thing)
        return self._labelled(found, holding(self.tx, found))

    def set_label(self, thing: str, label: LabelName, reason: str = "", release: bool = False) -> Labelled:
        """See the contract."""
        found = self.call.about = _found(self.call, thing)
        check_length(reason, "reason")
        own = sql.own_labels(self.tx, found[0], [found[1]]).get(found[1])
        number = LABELS.index(label)
        if number < (own.label if own else INTERNAL) or release:
            if not reason.strip():
                what = (
                    "nothing is carried any more" if release else f"{thing} is {LABELS[own.label if own else INTERNAL]}"
                )
                raise InvalidError(f"reason is empty, and {what}", hint="say why less care is enough: --reason")
            self.call.dispatcher.require(self.call, "thing", thing, "data.read_restricted", "a lower label")
        sql.put_label(self.tx, found, OwnLabel(number, release, reason, self.call.actor.name, self.call.now_us))
        if found[0] == "page" and (scope := self.call.dispatcher.scope_of(self.call, *found)) is not None:
            # What of it can be found by its words changes with it.
            self.call.publish(
                Event(
                    "page.labelled",
                    "page",
                    found[1],
                    "",
                    scope.team_id,
                    {"label": label, "restricted": number >= RESTRICTED},
                )
            )
        return self.get_label(thing)

    def set_terms(self, dataset: str, terms: Terms) -> Labelled:
        """See the contract."""
        found = self.call.about = _found(self.call, f"dataset:{dataset}")
        if len(terms.purposes) > _MAX_PURPOSES:
            raise InvalidError(f"purposes: {len(terms.purposes)}, at most {_MAX_PURPOSES} are allowed")
        for purpose in terms.purposes:
            if not purpose.strip():
                raise InvalidError("purposes: one of them is empty", hint="leave it out")
            check_length(purpose, "purposes")
        check_length(terms.legal_basis, "legal_basis")
        sql.put_terms(self.tx, found[1], terms, self.call.actor.name, self.call.now_us)
        return self.get_label(f"dataset:{dataset}")

    def scan(self, thing: str) -> Scan:
        """See the contract."""
        kind, object_id = _found(self.call, thing)
        if kind == "run":
            findings, looked_at = scan_run(self.call, object_id)
        elif kind == "dataset":
            findings, looked_at = scan_dataset(self.call, object_id)
        else:
            raise InvalidError(
                f"{thing}: only runs and datasets are looked through", hint="run:ID or dataset:PROJECT:NAME"
            )
        return Scan(thing, findings, looked_at)

    def _labelled(self, thing: Thing, found: Holding) -> Labelled:
        own = found.own
        sources = [
            Source(kind, one, sql.name_of(self.tx, (kind, one)) if self._sees(kind, one) else "", LABELS[label])
            for (kind, one), label in found.sources[:_SHOWN]
        ]
        return Labelled(
            thing=f"{thing[0]}:{thing[1]}",
            label=LABELS[found.label],
            own=LABELS[own.label] if own else None,
            because=sources,
            released=own.released if own else False,
            reason=own.reason if own else "",
            set_by=own.set_by if own else "",
            set_at=from_us(own.set_at) if own else None,
            terms=sql.terms_of(self.tx, [thing[1]]).get(thing[1]) if thing[0] == "dataset" else None,
            purposes=purposes_of(self.tx, thing[1]) if thing[0] == "dataset" else None,
            uses=self._uses(thing[1]) if thing[0] == "run" else [],
        )

    def _uses(self, run_id: str) -> list[DataUse]:
        return [
            DataUse(
                one.dataset_id if self._sees("dataset", one.dataset_id) else "", one.dataset, one.label, one.problem
            )
            for one in uses_of(self.tx, run_id)[:_SHOWN]
        ]

    def _sees(self, kind: str, object_id: str) -> bool:
        return self.call.role_on(kind, object_id) is not None


def check_length(text: str, what: str) -> None:
    """Raises: InvalidError."""
    if len(text) > _MAX_TEXT:
        raise InvalidError(f"{what} has {len(text):,} characters, at most {_MAX_TEXT:,} are allowed: {text[:40]!r}…")


def _parts(thing: str) -> tuple[LabelledKind, str]:
    kind, _, reference = thing.partition(":")
    if kind not in get_args(LabelledKind) or not reference:
        raise NotFoundError(
            f"{thing[:200]!r} is nothing that bears a label", hint="dataset:PROJECT:NAME, run:ID, model:NAME or page:ID"
        )
    return cast(LabelledKind, kind), reference


def _found(call: Call, thing: str) -> Thing:
    """A thing by what it is called. The caller's permission on it has been looked at."""
    kind, reference = _parts(thing)
    if kind == "dataset":
        return kind, call.use(Data).get_dataset(reference).id
    return kind, call.use(Registry).get_model(reference).id if kind == "model" else reference


def _scope(call: Call, thing: str) -> Scope | None:
    kind, reference = _parts(thing)
    return call.dispatcher.scope_of(call, kind, reference)


def _note_uses(call: Call, event: Event) -> None:
    """What a run read from a disk nobody could refuse it: that it did is on the audit trail all the same, with how it fits."""
    if "reads" not in event.data.get("captured", ()):
        return
    for use in uses_of(call.tx, event.object_id):
        outcome = PurposeError.code if use.problem else "ok"
        call.note(CAPTURED, "dataset", use.dataset_id, outcome)
        call.note(CAPTURED, "run", event.object_id, outcome)


ROOM = Room(
    Policy, PolicyService, {"thing": _scope}, {"run.updated": (_note_uses,)}, guard=Guard(why_restricted, agreed)
)
