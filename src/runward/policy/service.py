"""Labels, terms, and what needs more than the ordinary permission to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast, get_args

from runward.core.call import Event, Room, Scope
from runward.core.clock import from_us, utc_now
from runward.data.api import Data
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.policy import repository as sql
from runward.policy.api import Policy
from runward.policy.carrying import Holding, holding, is_any_restricted
from runward.policy.model import INTERNAL, LABELS, RESTRICTED, Labelled, LabelledKind, LabelName, Scan, Source, Terms
from runward.policy.repository import OwnLabel, Thing, ThingKind
from runward.policy.scanning import scan_dataset, scan_run
from runward.registry.api import Registry

_MAX_TEXT = 2_000
_MAX_PURPOSES = 50
_SHOWN = 50


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
            self.call.publish(Event("page.labelled", "page", found[1], "", scope.team_id, {"label": label}))
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
            findings, looked_at = scan_run(self.tx, object_id)
        elif kind == "dataset":
            findings, looked_at = scan_dataset(self.tx, object_id)
        else:
            raise InvalidError(
                f"{thing}: only runs and datasets are looked through", hint="run:ID or dataset:PROJECT:NAME"
            )
        return Scan(thing, findings, looked_at)

    def _labelled(self, thing: Thing, found: Holding) -> Labelled:
        own = found.own
        sources = [self._source(one, label) for one, label in found.sources[:_SHOWN]]
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
        )

    def _source(self, thing: Thing, label: int) -> Source:
        (kind, object_id), name = _named(self.call, thing)
        return Source(cast(LabelledKind, kind), object_id, name, LABELS[label])


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


def why_restricted(call: Call, kind: str, object_id: str, on: tuple[str, str]) -> str:
    """Why the content of a thing needs more than the ordinary permission to be read; empty where it does not.

    Of bytes (``blob``) it tells what holds them in the team of the object ``on`` (kind, id).

    Raises: ForbiddenError (it is a dataset whose terms have ended).
    """
    if kind == "blob":
        # Whoever can name bytes must not get at them by way of another run of the project.
        place = call.dispatcher.scope_of(call, *on)
        if place is None:
            return LABELS[RESTRICTED]
        held = sql.holders(call.tx, object_id, place.team_id)
        _check_terms(call, [one for of, one in held if of == "dataset"])
        if not sql.restricts_anything(call.tx) or not is_any_restricted(call.tx, held):
            return ""
        return next(filter(None, (_why(call, one) for one in held[:_SHOWN])), LABELS[RESTRICTED])
    if kind not in get_args(LabelledKind):
        return ""
    if kind == "dataset":
        _check_terms(call, [object_id])
    return _why(call, (cast(LabelledKind, kind), object_id))


def _check_terms(call: Call, datasets: list[str]) -> None:
    for dataset_id, terms in sql.terms_of(call.tx, datasets).items():
        if terms.expires_on is not None and terms.expires_on < utc_now().date():
            name = sql.name_of(call.tx, ("dataset", dataset_id))
            raise ForbiddenError(
                f"{name} may be read up to {terms.expires_on} only: its terms have ended",
                hint="who may read restricted data can renew them: runward data terms DATASET --expires DATE",
            )


def _why(call: Call, thing: Thing) -> str:
    found = holding(call.tx, thing)
    if not found.is_restricted:
        return ""
    of = [_named(call, source) for source, _ in found.sources[:3]]
    shown = ", ".join(f"{kind} {name}" for (kind, _), name in of if name)
    return f"{found.word}, made of {shown}" if shown else found.word


def _named(call: Call, source: Thing) -> tuple[Thing, str]:
    """A source as people know it, and its name; that is empty where the caller may not see it, or it is gone.

    A content is nothing to people: it has its label from what let it go.
    """
    thing = sql.let_go_by(call.tx, source[1]) if source[0] == "content" else source
    return thing, sql.name_of(call.tx, thing) if call.role_on(*thing) is not None else ""


def keep_labels(call: Call, kind: str, object_id: str, parts: Sequence[str] | None) -> None:
    """Note the label that holds for a thing for the contents that leave it, where it restricts them."""
    if not sql.restricts_anything(call.tx):
        return
    if kind == "project":
        for dataset_id in sql.datasets_in(call.tx, object_id):
            keep_labels(call, "dataset", dataset_id, None)
        return
    thing = (cast(ThingKind, kind), object_id)
    found = holding(call.tx, thing)
    if found.is_restricted:
        sql.keep_for_contents(call.tx, thing, found.label, parts, call.now_us)


ROOM = Room(Policy, PolicyService, {"thing": _scope}, {}, guard=why_restricted, letting_go=keep_labels)
