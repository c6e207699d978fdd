"""The contract of review: standards, gates, reviews."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.review.model import (
    Change,
    GateReport,
    NewReview,
    Proposal,
    Review,
    ReviewDetail,
    ReviewState,
    Standards,
    StandardsVersion,
    Waiver,
)


class Reviews(Protocol):
    """Thread-safe. A run becomes a team result only when a review of exactly its content is applied."""

    room: ClassVar[str] = "review"

    @operation("GET", "/projects/{project}/standards", may="standards.read", on="project")
    def get_standards(self, project: str) -> StandardsVersion:
        """The standards in force: the project's own, else its nearest parent's, else the defaults."""
        ...

    @operation(
        "PUT", "/projects/{project}/standards", may="standards.write", on="project", revises="standards.in_force"
    )
    def set_standards(self, project: str, standards: Standards) -> StandardsVersion:
        """Set a project's standards as a new version. Raises: InvalidError (naming the field)."""
        ...

    @operation("GET", "/runs/{run_id}/gates", may="review.read", on="run_id")
    def gates(self, run_id: str) -> GateReport:
        """The gates of a run as last evaluated. They are evaluated when a run ends."""
        ...

    @operation("POST", "/runs/{run_id}/gates", may="run.write", on="run_id")
    def evaluate_gates(self, run_id: str) -> GateReport:
        """Evaluate the gates again on the run's present content and the present standards."""
        ...

    @operation("GET", "/reviews", may="review.read", on=ON_LIST)
    def list_reviews(
        self,
        state: ReviewState | None = None,
        project: str = "",
        limit: int = 200,
        number: int = 0,
        waiting: bool = False,
    ) -> list[Review]:
        """Reviews that the caller may see, newest first; ``waiting`` for the caller's decision, oldest first."""
        ...

    @operation("POST", "/reviews", may="review.request", on="new.run_id")
    def request_review(self, new: NewReview) -> ReviewDetail:
        """Open a review on a finished run and run its checks. Raises: ConflictError (one is open), InvalidError."""
        ...

    @operation("POST", "/projects/{project}/proposals", may="review.request", on="project")
    def propose(self, project: str, proposal: Proposal) -> ReviewDetail:
        """Ask for a review of standards to be set, or of a page to be published; applied, it is so.

        Raises: InvalidError (what nothing can meet, neither or both), ConflictError (one for the same is under way).
        """
        ...

    @operation(
        "PUT",
        "/reviews/{review_id}/proposal",
        may="review.request",
        on="review_id",
        others="project.update",
        revises="get_review",
    )
    def revise(self, review_id: str, proposal: Proposal) -> ReviewDetail:
        """Propose something else for the same; approvals become outdated. Only its author or a maintainer can."""
        ...

    @operation("GET", "/reviews/{review_id}", may="review.read", on="review_id", state=("review.revision",))
    def get_review(self, review_id: str) -> ReviewDetail:
        """A review with checks, votes, comments and what is still missing."""
        ...

    @operation("POST", "/reviews/{review_id}/checks", may="review.comment", on="review_id")
    def run_checks(self, review_id: str) -> ReviewDetail:
        """Run the checks again on the present revision; approvals of an older one become outdated."""
        ...

    @operation("POST", "/reviews/{review_id}/approve", may="review.approve", on="review_id")
    def approve(self, review_id: str, revision: str = "", comment: str = "") -> ReviewDetail:
        """Approve a revision. When nothing is missing any more the run becomes a team result in the same transaction.

        Raises:
            ForbiddenError: The caller is the review's author or started the run.
            StaleVersionError: ``revision`` is not the present one.
            InvalidTransitionError: The review is over.
        """
        ...

    @operation("POST", "/reviews/{review_id}/request-changes", may="review.approve", on="review_id")
    def request_changes(self, review_id: str, comment: str, revision: str = "") -> ReviewDetail:
        """Ask for changes; the comment says which."""
        ...

    @operation("POST", "/reviews/{review_id}/open", may="review.request", on="review_id", others="project.update")
    def open_draft(self, review_id: str) -> ReviewDetail:
        """Open a draft for decisions; only its author or a maintainer can. Raises: InvalidTransitionError (no draft)."""
        ...

    @operation("POST", "/reviews/{review_id}/subject", may="review.request", on="review_id")
    def change_subject(self, review_id: str, change: Change) -> ReviewDetail:
        """Give the review the next attempt as its subject; approvals become outdated, threads are carried over.

        Whoever does so does not decide on it. Raises: ConflictError (already its subject, or under review), InvalidError.
        """
        ...

    @operation("POST", "/reviews/{review_id}/apply", may="review.request", on="review_id")
    def apply_review(self, review_id: str) -> ReviewDetail:
        """Apply an approved review, where the standards leave that to a person. Raises: GateClosedError (not yet)."""
        ...

    @operation("POST", "/reviews/{review_id}/waivers", may="review.waive", on="review_id")
    def waive(self, review_id: str, waiver: Waiver) -> ReviewDetail:
        """Let a check not count on the present revision, for a reason that stays with it.

        Raises: NotFoundError (no such check), InvalidError, ForbiddenError (the caller had a part in the result).
        """
        ...

    @operation("POST", "/reviews/{review_id}/override", may="review.override", on="review_id")
    def override(self, review_id: str, reason: str) -> ReviewDetail:
        """Apply a review without what is missing. It counts, and is shown, as *not reviewed*.

        Raises: InvalidError (no reason), GateClosedError (there is nothing to apply).
        """
        ...

    @operation("POST", "/reviews/{review_id}/comments", may="review.comment", on="review_id")
    def comment(self, review_id: str, body: str, anchor: str = "", thread: int = 0) -> ReviewDetail:
        """Add a remark; see :class:`runward.review.model.NewRemark`. One with an anchor begins a thread.

        Raises: InvalidError (empty, too long, an anchor that names nothing), NotFoundError (no such thread).
        """
        ...

    @operation(
        "PUT",
        "/reviews/{review_id}/threads/{thread}",
        may="review.comment",
        on="review_id",
        others="review.approve",
        blind="a switch with two positions: what two people want at once is the same, or the later one is the answer",
    )
    def resolve_thread(self, review_id: str, thread: int, resolved: bool = True) -> ReviewDetail:
        """Resolve a thread, or open it again; its author or a reviewer can. Raises: ForbiddenError, NotFoundError."""
        ...

    @operation(
        "PUT",
        "/reviews/{review_id}/seen",
        may="review.read",
        on="review_id",
        audit=False,
        blind="it is the caller's own, and only grows",
    )
    def mark_seen(self, review_id: str, revision: str, remark: int = 0) -> None:
        """Note that the caller has seen a revision, and the remarks up to one. Raises: NotFoundError (no such revision)."""
        ...

    @operation("POST", "/reviews/{review_id}/withdraw", may="review.request", on="review_id", others="project.update")
    def withdraw(self, review_id: str, reason: str = "") -> ReviewDetail:
        """Withdraw a review; only its author or a maintainer can."""
        ...

    @operation("POST", "/reviews/{review_id}/reject", may="review.approve", on="review_id")
    def reject(self, review_id: str, reason: str) -> ReviewDetail:
        """Reject a review for good, with a reason."""
        ...
