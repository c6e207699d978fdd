"""What needs more than the ordinary permission to be read, and for what restricted data are handed out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast, get_args

from runward.core.call import Intent
from runward.core.clock import utc_now
from runward.errors import ForbiddenError, InvalidError, PurposeError
from runward.governance.calling import Call
from runward.policy import repository as sql
from runward.policy.carrying import MAX_FOLLOWED, governing, holding
from runward.policy.model import LabelledKind, Terms
from runward.policy.uses import fit

_MOST_WORDS = 2_000


def why_restricted(call: Call, kind: str, object_id: str) -> str:
    """Why the content of a thing needs more than the ordinary permission to be read; empty where it does not."""
    if kind == "blob":
        # Whoever can name bytes must not get at them by way of another run of the project.
        held = sql.holders(call.tx, object_id) if sql.restricts_anything(call.tx) else []
        return next(filter(None, (why_restricted(call, *one) for one in held)), "")
    if kind not in get_args(LabelledKind):
        return ""
    thing = (cast(LabelledKind, kind), object_id)
    found = holding(call.tx, thing)
    if not found.is_restricted:
        return ""
    seen = [source for source, _ in found.sources if call.role_on(*source) is not None]
    of = ", ".join(f"{source[0]} {name}" for source in seen[:3] if (name := sql.name_of(call.tx, source)))
    return f"{found.word}, made of {of}" if of else found.word


def agreed(call: Call, kind: str, object_id: str, intent: Intent) -> Sequence[str]:
    """The purposes for which a dataset's bytes are handed out now, in the words of their terms, each once.

    A run has to give one of each restricted dataset's that the bytes come from. A person has to where the terms name any.

    Raises: ForbiddenError (the terms have ended), PurposeError (not for this), InvalidError (two purposes).
    """
    if intent.purpose and intent.run_id:
        raise InvalidError("purpose and run are both given", hint="a run has its own purpose: leave one of them out")
    if len(intent.purpose) > _MOST_WORDS:
        raise InvalidError(f"purpose has {len(intent.purpose):,} characters, at most {_MOST_WORDS:,} are allowed")
    return list(
        dict.fromkeys(purpose for one in _datasets(call, kind, object_id) for purpose in _of(call, one, intent))
    )


def _datasets(call: Call, kind: str, object_id: str) -> list[str]:
    if kind == "blob":
        return [one for of, one in sql.holders(call.tx, object_id) if of == "dataset"]
    return [object_id] if kind == "dataset" else []


def _of(call: Call, dataset_id: str, intent: Intent) -> Iterator[str]:
    found, today = governing(call.tx, ("dataset", dataset_id)), utc_now().date()
    terms = sql.terms_of(call.tx, [dataset_id, *found.datasets])
    for one, of in terms.items():
        if of.expires_on is not None and of.expires_on < today:
            raise ForbiddenError(
                f"{_named(call, one)} may be read up to {of.expires_on} only: its terms have ended",
                hint="who may read restricted data can renew them: runward data terms DATASET --expires DATE",
            )
    if found.is_cut and intent.run_id:
        raise PurposeError(
            f"more than {MAX_FOLLOWED:,} things led to {_named(call, dataset_id)}: it cannot be told for what it may be used",
            hint="who may read restricted data can release it: runward label set DATASET internal --release --reason …",
            run_id=intent.run_id,
        )
    if not found.datasets:
        return
    given, who = _given(call, intent)
    for one in found.datasets:
        of_one = terms.get(one)
        if not intent.run_id and not (of_one and of_one.purposes):
            # Nobody said for what: then it is the permission alone that lets a person read. A run has to fit.
            continue
        fits = fit(of_one, given, who, today)
        if fits.problem:
            raise _refused(call, (dataset_id, one), of_one, fits.problem, intent)
        yield fits.purpose


def _given(call: Call, intent: Intent) -> tuple[str, str]:
    """(the purpose that counts, whose it is). Raises: PurposeError (a run that is not known here)."""
    if not intent.run_id:
        return intent.purpose, call.actor.name
    said = sql.run_said(call.tx, intent.run_id) if call.role_on("run", intent.run_id) is not None else None
    if said is None:
        raise PurposeError(
            f"there is no run {intent.run_id[:100]!r} here, and restricted data are handed out for what a run says it is for",
            hint="record the run here, or read the data yourself and say for what: --purpose …",
            run_unknown=1,
        )
    return said.purpose, f"run {intent.run_id}"


def _named(call: Call, dataset_id: str) -> str:
    seen = call.role_on("dataset", dataset_id) is not None
    return sql.name_of(call.tx, ("dataset", dataset_id)) if seen else f"dataset {dataset_id} of another team"


def _refused(call: Call, of: tuple[str, str], terms: Terms | None, problem: str, intent: Intent) -> PurposeError:
    """What is said of a dataset that may not be read because of another one's terms, or of its own."""
    asked, governs = of
    what = (
        _named(call, governs)
        if asked == governs
        else f"{_named(call, asked)} is made of {_named(call, governs)}, which"
    )
    allowed = list(terms.purposes) if terms else []
    one = f'"{allowed[0]}"' if allowed else "…"
    way = (
        f"start the run with one of them: run.start(purpose={one}), runward run --purpose {one}"
        if intent.run_id
        else f"say for what you read it: --purpose {one}"
    )
    details = {"run_id": intent.run_id} if intent.run_id else {}
    return PurposeError(
        f"{what} may not be read for this: {problem}",
        hint=f"{way}; who may read restricted data can change its terms: runward data terms",
        dataset=governs,
        allowed=allowed,
        **details,
    )
