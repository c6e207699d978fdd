"""How a review goes from one state to the next: checks, conditions, what is applied, who is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runward.core.call import Event
from runward.core.permissions import PERMISSIONS
from runward.errors import (
    ForbiddenError,
    InvalidTransitionError,
    StaleVersionError,
)
from runward.registry.aliases import hold_aliases
from runward.review import repository as sql
from runward.review.ci import further_ci
from runward.review.conversation import Conversation
from runward.review.decisions import Decisions
from runward.review.gatekeeping import standards_of
from runward.review.groups import combined, labels
from runward.review.model import (
    CheckResult,
    ReviewState,
)
from runward.review.modelfiles import version_checks
from runward.review.proposals import subject_of
from runward.review.revisions import store_revision
from runward.review.subjects import Subject
from runward.review.workflow import items_required
from runward.tracking.api import Tracking
from runward.tracking.content import detail_of
from runward.tracking.foreign import ANY_PROJECT
from runward.tracking.marks import publish_on_run, set_mark
from runward.tracking.model import Run


class Lifecycle(Decisions, Conversation):
    """The part of the service that every operation uses."""

    def _voters(self, row: sql.ReviewRow) -> list[str]:
        return [str(vote[0]) for vote in sql.votes(self.tx, row.id)]

    def _run_checks(self, row: sql.ReviewRow, subject: Subject) -> None:
        sql.store_checks(self.tx, row.id, subject.revision, self._with_gates(row, subject.judge()), self.call.now_us)
        self._note_revision(row, subject)

    def _with_gates(self, row: sql.ReviewRow, judged: Sequence[CheckResult]) -> list[CheckResult]:
        if not row.run_id:
            return list(judged)
        standards, runs = standards_of(self.call, row.project_id).standards, [self._run(run_id) for run_id in row.runs]
        called = labels(runs)
        gates = combined([(called[run.id], self._gates_of(row, run)) for run in runs])
        known = {gate.name for gate in gates}
        ci = combined([(called[run.id], further_ci(self.tx, run.id, known)) for run in runs])
        return [*gates, *items_required(judged, standards), *ci]

    def _run(self, run_id: str) -> Run:
        return self.call.use(Tracking).get_run(run_id).run

    def _note_revision(self, row: sql.ReviewRow, subject: Subject) -> None:
        actor, now = self.call.actor.name, self.call.now_us
        store_revision(self.tx, (row.id, subject.revision), subject.snapshot, subject.parts, actor, now)

    def _gates_of(self, row: sql.ReviewRow, run: Run) -> list[CheckResult]:
        """The gates as the review sees them: a model's project may ask for more than the run's own."""
        self.note_gates(detail_of(self.tx, run.id))
        gates = self._evaluated(run, row.project_id)
        if not row.model_id:
            return gates
        documented = standards_of(self.call, row.project_id).standards.documentation_required
        return [*gates, *version_checks(self.call, row.model_id, row.version, documented=documented)]

    def _decided_by_caller(self, review_id: str) -> sql.ReviewRow:
        row = self._open(review_id)
        if why_not := self._why_not(row, subject_of(self.call, row)):
            raise ForbiddenError(why_not, hint="another reviewer of the team has to approve it")
        return row

    def _undrafted(self, review_id: str) -> sql.ReviewRow:
        row = self._open(review_id)
        if row.state is ReviewState.DRAFT:
            raise InvalidTransitionError(
                f"review #{row.number} is a draft", hint=f"{row.author} opens it when it is ready"
            )
        return row

    def _check_revision(self, revision: str, subject: Subject) -> None:
        if revision and revision != subject.revision:
            raise StaleVersionError(
                f"you looked at revision {revision[:12]}, the present one is {subject.revision[:12]}",
                hint="look again, then decide",
            )

    def _settle(self, row: sql.ReviewRow, *, by_hand: bool = False) -> None:
        """Apply the review in this very transaction as soon as nothing is missing."""
        row = sql.review(self.tx, row.id)
        if row.state is ReviewState.DRAFT:
            return
        subject = subject_of(self.call, row)
        votes = self._votes(row, subject)
        counting = [vote for vote in votes if vote.counts]
        remarks, checks = self._remarks(row, subject), self._checks(row, subject.revision)
        if not all(one.met for one in self._conditions(row, subject, votes, checks, remarks)):
            changes = any(vote.verdict == "request_changes" for vote in counting)
            self._set_state(row, ReviewState.CHANGES_REQUESTED if changes else ReviewState.OPEN)
        elif standards_of(self.call, row.project_id).standards.apply_by_hand and not by_hand:
            self._set_state(row, ReviewState.APPROVED)
        else:
            self._set_state(row, ReviewState.APPLIED)
            subject.apply([vote.reviewer for vote in counting])
            self._event(row, "review.applied", "")

    def _end(self, row: sql.ReviewRow, state: ReviewState, reason: str, overridden: int = 0) -> None:
        self._set_state(row, state)
        sql.set_columns(self.tx, row.id, {"ending": reason.strip(), "overridden": overridden})

    def _set_state(self, row: sql.ReviewRow, state: ReviewState) -> None:
        sql.set_columns(self.tx, row.id, {"state": state, "updated_at": self.call.now_us})
        self._mark(row, state)

    def _mark(self, row: sql.ReviewRow, state: ReviewState) -> None:
        """A run's mark is about the run itself, not about a version that it made."""
        if not row.model_id:
            for run_id in row.runs:
                set_mark(self.call, run_id, "review", state, row.id)

    def _open(self, review_id: str) -> sql.ReviewRow:
        sql.lock_review(self.tx, review_id)
        row = sql.review(self.tx, review_id)
        if row.state.is_terminal:
            raise InvalidTransitionError(f"review #{row.number} is {row.state}", hint="open a new review")
        if row.model_id:
            # Two promotions to one alias are decided one after the other: the later one sees where the alias went.
            hold_aliases(self.tx, row.model_id)
            row = sql.review(self.tx, review_id)
        return row

    def _event(
        self,
        row: sql.ReviewRow,
        kind: str,
        comment: str,
        *,
        tell: Sequence[str] = (),
        said: Mapping[str, object] | None = None,
    ) -> None:
        data: dict[str, object] = {
            "title": row.title,
            "number": row.number,
            # What is said of a restricted text is not told to those who may not read it.
            "comment": "" if subject_of(self.call, row).restricted_page else comment,
            "author_id": row.author_id,
            "reviewers": row.reviewers,
            "tell": list(tell),
            **(said or {}),
        }
        if row.run_id:
            publish_on_run(self.call, kind, "review", row.id, row.run_id, data)
        else:
            self.call.publish(Event(kind, "review", row.id, row.project_id, row.team_id, data))

    def _check_author(self, row: sql.ReviewRow, what: str) -> None:
        role = self.call.role_on(ANY_PROJECT, row.project_id)
        if self.call.actor.member_id != row.author_id and (role is None or role < PERMISSIONS["project.update"]):
            raise ForbiddenError(f"only {row.author} or a maintainer can {what} this review")
