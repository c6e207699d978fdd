"""Aliases of models: how they move, and that a protected one moves only by an applied review.

Upper rooms call these functions; no client can. What moved and on what evidence is written down in the same transaction.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

import msgspec

from runward.core.call import Event
from runward.errors import ConflictError, GateClosedError, InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.revising import hold
from runward.governance.scopes import Clause
from runward.registry import repository as sql
from runward.registry.model import AliasEvidence, AliasMove, Model, ModelVersion
from runward.store.database import Tx
from runward.tracking.content import detail_of, digest_of

How = Literal["set", "review", "rollback", "override", "deletion"]
_ALIAS = re.compile(r"[\w-]{1,255}")
_NUMBERED = re.compile(r"[vV]\d+")
_STAGE = {"production": "Production"}
"""What MLflow calls an alias, as a stage."""


def check_alias(alias: str) -> str:
    """An alias that can be told from a version. Raises: InvalidError."""
    if not _ALIAS.fullmatch(alias) or alias.lower() == "latest" or _NUMBERED.fullmatch(alias):
        raise InvalidError(
            f"alias {alias[:80]!r} cannot be used", hint="letters, digits, '_' and '-'; not 'latest', not 'v1'"
        )
    return alias


def model_named(call: Call, name: str) -> str:
    """The id of a model that the caller may see. Raises: NotFoundError."""
    place = sql.model_place(call.tx, name)
    if place is None or call.role_on("model", name) is None:
        raise NotFoundError(f"there is no model {name!r}")
    return place[0]


def project_of(call: Call, model_id: str) -> str:
    """The id of the project that a model belongs to; empty for none yet."""
    return str(call.tx.scalar("SELECT project_id FROM models WHERE id = ?", (model_id,)))


def version_of(tx: Tx, model_id: str, version: int) -> ModelVersion | None:
    """A version; None where there is none."""
    return next(iter(sql.versions(tx, model_id, version)), None)


def hold_aliases(tx: Tx, model_id: str) -> None:
    """Let no other transaction move the model's aliases until this one ends."""
    sql.lock_model(tx, model_id)


def alias_target(tx: Tx, model_id: str, alias: str) -> int:
    """The version that an alias points at; 0 for none."""
    return sql.alias_target(tx, model_id, alias)


def model_of(call: Call, model_id: str) -> Model:
    """A model by id."""
    return sql.models(call.tx, Clause("m.id = ?", (model_id,)))[0]


def move_alias(
    call: Call,
    model_id: str,
    alias: str,
    version: int | None,
    how: How,
    *,
    reason: str = "",
    review: tuple[str, int, list[str]] = ("", 0, []),
) -> None:
    """Point an alias at a version and write down why it may.

    Args:
        call: Whose doing it is.
        model_id: The model; nobody else moves its aliases until the transaction ends.
        alias: The alias.
        version: The version; None takes the alias away.
        how: What let it happen.
        reason: In words.
        review: Id and number of the review that decided, and who approved.
    """
    hold(call.tx, "registry.get_model", alone=False)
    sql.lock_model(call.tx, model_id)
    previous = sql.alias_target(call.tx, model_id, alias)
    sql.set_alias(call.tx, model_id, alias, version)
    review_id, number, approved_by = review
    run_id = sql.versions(call.tx, model_id, version)[0].run_id if version else ""
    evidence = msgspec.structs.replace(evidence_of(call, run_id), review=number, approved_by=approved_by)
    call.tx.insert(
        "alias_moves",
        {
            "model_id": model_id,
            "alias": alias,
            "version": version or 0,
            "previous": previous,
            "how": how,
            "reason": reason,
            "review_id": review_id,
            "evidence": msgspec.json.encode(evidence).decode(),
            "author": call.actor.name,
            "author_id": call.actor.member_id,
            "at": call.now_us,
        },
    )
    sql.set_columns(call.tx, model_id, 0, {"updated_at": call.now_us})
    model = model_of(call, model_id)
    team_id = call.tx.scalar("SELECT team_id FROM models WHERE id = ?", (model_id,))
    data: dict[str, object] = {"alias": alias, "version": version, "how": how, "reason": reason, "title": model.name}
    call.publish(Event("model.alias_set", "model", model_id, "", team_id, data))


def evidence_of(call: Call, run_id: str) -> AliasEvidence:
    """What is known of the run that made a version; nothing where none is named or it is gone."""
    if not run_id or call.tx.one("SELECT id FROM runs WHERE id = ? AND deleted_at IS NULL", (run_id,)) is None:
        return AliasEvidence()
    detail = detail_of(call.tx, run_id)
    code = next((part.summary for part in detail.captures if part.kind == "code"), {})
    earned = next((mark for mark in detail.run.marks if mark.kind == "verification"), None)
    return AliasEvidence(
        run_id=run_id,
        run_name=detail.run.name,
        revision=digest_of(detail),
        commit=str(code.get("commit", "")),
        level=earned.label if earned else "",
        verification=earned.ref if earned else "",
    )


def protecting(model: Model, alias: str) -> str:
    """The protected alias that an alias is, or reads as in other letters (``Production``); empty for none."""
    return next((one for one in model.protected if _as_read(one) == _as_read(alias)), "")


def _as_read(alias: str) -> str:
    return unicodedata.normalize("NFKC", alias).casefold()


def check_unprotected(model: Model, alias: str, version: int) -> None:
    """Raises: GateClosedError (the alias moves only by an applied review)."""
    if guarded := protecting(model, alias):
        reads = "" if alias == guarded else f" reads as {guarded!r}, which"
        raise GateClosedError(
            f"alias {alias!r} of model {model.name!r}{reads} is protected: it moves only by a review of the version",
            hint=f"ask for one: runward model request {model.name} {version} {guarded}",
            gates=["review"],
        )


def check_stage(model: Model, version: int, stage: str) -> None:
    """Raises: GateClosedError (the stage stands for a protected alias, which this version does not have)."""
    alias = next((alias for alias, name in _STAGE.items() if name == stage), "")
    if alias and model.aliases.get(alias) != version:
        check_unprotected(model, alias, version)


def rolled_back(call: Call, model: Model, alias: str) -> AliasMove:
    """The move to the version that had an alias before, if it may have it again. Raises: ConflictError."""
    clause = Clause("a.model_id = ? AND a.alias = ?", (model.id, alias))
    moves = sql.moves(call.tx, clause, 1000)
    present = model.aliases.get(alias)
    before = next((move for move in moves if move.version not in (None, present)), None)
    if before is None or before.version is None:
        raise ConflictError(f"no other version of {model.name!r} had the alias {alias!r} before")
    found = version_of(call.tx, model.id, before.version)
    if found is None:
        raise ConflictError(f"version {before.version}, which had the alias {alias!r} before, was deleted")
    if protecting(model, alias):
        _check_reviewed(call, before, found)
    return before


def _check_reviewed(call: Call, before: AliasMove, version: ModelVersion) -> None:
    if not before.reviewed:
        raise ConflictError(
            f"version {version.version} had the alias {before.alias!r} without a review",
            hint=f"ask for one: runward model request {before.model} {version.version} {before.alias}",
        )
    if evidence_of(call, version.run_id).revision != before.evidence.revision:
        raise ConflictError(
            f"the run of version {version.version} changed since it was approved for {before.alias!r}",
            hint=f"ask for a review: runward model request {before.model} {version.version} {before.alias}",
        )
