"""What has to hold before a review is opened on a subject, and what the subject is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from runward.errors import ConflictError, InvalidError, InvalidTransitionError, NotFoundError
from runward.governance.calling import Call
from runward.registry.aliases import alias_target, version_of
from runward.review import repository as sql
from runward.review.groups import MOST_RUNS
from runward.review.promotion import Promotion
from runward.tracking.api import Tracking
from runward.tracking.marks import OUTDATED
from runward.tracking.model import Run
from runward.tracking.organise_api import Organise


def readable_run(call: Call, run_id: str) -> Run:
    """A run that the caller may read. Raises: NotFoundError."""
    if call.role_on("run", run_id) is None:
        raise NotFoundError(f"there is no run {run_id!r}")
    return call.use(Tracking).get_run(run_id).run


def ended_run(call: Call, run_id: str) -> Run:
    """A run that is over. Raises: NotFoundError, InvalidTransitionError (it is not over)."""
    run = readable_run(call, run_id)
    if not run.status.is_terminal:
        raise InvalidTransitionError(f"run {run.name!r} is still running", hint="ask for a review when it has ended")
    return run


def further_runs(call: Call, first: Run, also: Sequence[str], *, model: str) -> list[Run]:
    """The runs that belong to a result beside its first.

    Raises: NotFoundError, InvalidTransitionError (one is not over), InvalidError (they cannot be one result).
    """
    others = [run_id for run_id in dict.fromkeys(also) if run_id != first.id]
    if others and model:
        raise InvalidError("a version of a model is made by one run", hint="leave the further runs out")
    if len(others) >= MOST_RUNS:
        raise InvalidError(f"{len(others) + 1} runs were given; at most {MOST_RUNS} are one result")
    runs = [ended_run(call, run_id) for run_id in others]
    for run in runs:
        if run.project_id != first.project_id:
            raise InvalidError(
                f"run {run.name!r} lies in {run.project!r}, {first.name!r} in {first.project!r}",
                hint="runs of one result lie in one project",
            )
    return runs


def check_alone(call: Call, run: Run, subject: Promotion, model: str, *, beside: str = "") -> None:
    """Raises: ConflictError (a review ``beside`` this one is about the same, or it is a team result already)."""
    for existing in sql.open_reviews_of(call.tx, run.id):
        if (existing.model_id, existing.version, existing.alias) == subject and existing.id != beside:
            of = f"{model} {subject[1]} for {subject[2]!r}" if model else f"run {run.name!r}"
            raise ConflictError(f"review #{existing.number} of {of} is open already", review_id=existing.id)
    marks = {mark.kind: mark.label for mark in run.marks if mark.label != OUTDATED}
    if not model and "team_result" in marks and "not_reviewed" not in marks:
        raise ConflictError(f"run {run.name!r} is a team result already")


def default_base(call: Call, run: Run, subject: Promotion) -> str:
    """What a subject is compared with unless somebody says: what it would replace, else the project's baseline."""
    model_id, _, alias = subject
    present = version_of(call.tx, model_id, alias_target(call.tx, model_id, alias)) if model_id else None
    if present is not None and present.run_id:
        return present.run_id
    runs = call.use(Organise).deltas(run.id).baseline_runs
    return runs[0] if runs and run.id not in runs else ""
