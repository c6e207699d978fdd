"""Reviews whose subject is a version of a model that is to get an alias."""

from __future__ import annotations

from runward.core.hashing import digest_value
from runward.core.ids import Digest
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import project_scope
from runward.registry.aliases import (
    alias_target,
    check_alias,
    model_named,
    model_of,
    move_alias,
    project_of,
    version_of,
)
from runward.review import repository as sql
from runward.review.model import NewReview
from runward.store.database import Tx
from runward.tracking.model import Run

Promotion = tuple[str, int, str]
"""Model id, version and alias; empty for a run itself."""


def promotion_of(call: Call, new: NewReview, run: Run) -> Promotion:
    """What a new review is about. Raises: NotFoundError (model, version), InvalidError (they do not belong together)."""
    if not new.model:
        if new.version or new.alias:
            raise InvalidError("a version or an alias is given without a model", hint="name the model too")
        return "", 0, ""
    model_id = model_named(call, new.model)
    model, found = model_of(call, model_id), version_of(call.tx, model_id, new.version)
    check_alias(new.alias)
    if found is None:
        raise NotFoundError(f"model {model.name!r} has no version {new.version}")
    if found.run_id != run.id:
        raise InvalidError(
            f"version {new.version} of {model.name!r} was made by run {found.run_id or '(none named)'}, not by {run.id}",
            hint="a version that names no run cannot be reviewed: register it from its run",
        )
    if model.aliases.get(new.alias) == new.version:
        raise InvalidError(f"version {new.version} of {model.name!r} has the alias {new.alias!r} already")
    _check_place(call, model_id, model.project, run)
    return model_id, new.version, new.alias


def _check_place(call: Call, model_id: str, project: str, run: Run) -> None:
    """A run from elsewhere would bring rules and reviewers of its own."""
    scope = project_scope(call.tx, run.project_id)
    if scope is None or project_of(call, model_id) not in scope.projects:
        raise InvalidError(
            f"run {run.name!r} lies in {run.project!r}, outside of the model's project {project or '(none)'!r}",
            hint="a maintainer of the model says which project it belongs to: runward model protect NAME --project PROJECT",
        )


def promotion_digest(tx: Tx, row: sql.ReviewRow, content: Digest) -> Digest:
    """The revision: the run's content, the version, and which version the alias leaves.

    So an approval is outdated as soon as the alias moves otherwise.
    """
    found = version_of(tx, row.model_id, row.version)
    present = alias_target(tx, row.model_id, row.alias)
    return digest_value([content, row.model_id, row.version, found.source if found else "", row.alias, present])


def promotion_missing(tx: Tx, row: sql.ReviewRow) -> list[str]:
    """What keeps the alias from moving, beside checks and approvals."""
    if version_of(tx, row.model_id, row.version) is not None:
        return []
    return [f"Version {row.version} of {row.model or 'the model'} was deleted: reject or withdraw this review."]


def promote(call: Call, row: sql.ReviewRow, approved_by: list[str], *, overridden: str = "") -> None:
    """Move the alias, in the transaction that applies the review; ``overridden`` is why it moves without one."""
    if overridden:
        move_alias(call, row.model_id, row.alias, row.version, "override", reason=overridden)
        return
    review = (row.id, row.number, approved_by)
    move_alias(call, row.model_id, row.alias, row.version, "review", reason=row.title, review=review)
