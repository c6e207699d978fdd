"""What people do on a server while it is killed: runs, comments, reviews, approvals, jobs; and whether all of it is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from runward.core.ids import new_id
from runward.errors import NotFoundError, RunwardError
from runward.repro.jobs_model import NewVerificationJob
from runward.review.model import NewReview
from runward.tracking.model import CapturePart, NewRun, RunEnd, RunStatus
from runward.tracking.organise_model import NewComment
from runward.workspace import Workspace


class Act(NamedTuple):
    """Something that a server said was done."""

    kind: str
    run_id: str
    what: str
    """A name, a text, or the id of what was made."""


class People:
    """An author and a reviewer, who work without pause."""

    def __init__(self, author: Workspace, reviewer: Workspace, project: str) -> None:
        self._author, self._reviewer, self._project = author, reviewer, project
        self.acts: list[Act] = []
        """What was acknowledged, in its order."""
        self.refusal: RunwardError | None = None
        """The last one."""

    def work(self, turn: int) -> None:
        """One run with all that follows from it, as far as the server answers."""
        run_id, name = new_id(), f"turn {turn}"
        try:
            self._author.tracking.create_run(NewRun(id=run_id, project=self._project, name=name))
            self._did("run", run_id, name)
            document = self._author.files.put_bytes(self._project, b'{"files": []}')
            parts = [CapturePart("code", document, {"digest": name}), CapturePart("environment", document)]
            self._author.tracking.put_captures(run_id, [*parts, CapturePart("process", document)])
            self._author.tracking.end_run(run_id, RunEnd(RunStatus.FINISHED))
            self._did("end", run_id, name)
            self._author.organise.add_comment(run_id, NewComment(f"why {turn}?"))
            self._did("comment", run_id, f"why {turn}?")
            job = self._author.jobs.request_verification(run_id, NewVerificationJob("basic"))
            self._did("job", run_id, job.id)
            review = self._author.review.request_review(NewReview(run_id, name)).review
            self._did("review", run_id, review.id)
            self._reviewer.review.approve(review.id)
            self._did("approval", run_id, review.id)
        except RunwardError as error:
            self.refusal = error

    def _did(self, kind: str, run_id: str, what: str) -> None:
        self.acts.append(Act(kind, run_id, what))


def judge_acts(acts: list[Act], space: Workspace) -> tuple[int, int]:
    """How many of the acts are lost, and how many were done twice; each must stand on the audit trail too."""
    kinds = Counter(_what_became(act, space) for act in acts)
    return kinds["lost"], kinds["twice"]


def _what_became(act: Act, space: Workspace) -> str:
    try:
        found = _FOUND[act.kind](act, space)
    except NotFoundError:
        return "lost"
    if found > 1:
        return "twice"
    return "kept" if found and _on_trail(act, space) else "lost"


def _on_trail(act: Act, space: Workspace) -> bool:
    if act.kind == "run":
        return True  # noted of its project, which all of them share
    operation, of_run = _NOTED[act.kind]
    return bool(space.governance.audit(object_id=act.run_id if of_run else act.what, operation=operation).events)


_FOUND: dict[str, Callable[[Act, Workspace], int]] = {
    "run": lambda act, space: int(space.tracking.get_run(act.run_id).run.name == act.what),
    "end": lambda act, space: int(space.tracking.get_run(act.run_id).run.status is RunStatus.FINISHED),
    "comment": lambda act, space: sum(one.body == act.what for one in space.organise.list_comments(act.run_id)),
    "job": lambda act, space: int(space.jobs.get_verification_job(act.what).run_id == act.run_id),
    "review": lambda act, space: int(space.review.get_review(act.what).review.run_id == act.run_id),
    "approval": lambda act, space: sum(vote.reviewer == "ben" for vote in space.review.get_review(act.what).votes),
}
_NOTED = {
    "end": ("tracking.end_run", True),
    "comment": ("organise.add_comment", True),
    "job": ("jobs.request_verification", True),
    "review": ("review.request_review", True),
    "approval": ("review.approve", False),
}
