"""The contract of review: standards, gates, reviews."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.review.model import (
    GateReport,
    NewReview,
    Review,
    ReviewDetail,
    ReviewState,
    Standards,
    StandardsVersion,
)


class Reviews(Protocol):
    """Thread-safe. A run becomes a team result only when a review of exactly its content is applied."""

    room: ClassVar[str] = "review"

    @operation("GET", "/projects/{project}/standards", may="standards.read", on="project")
    def get_standards(self, project: str) -> StandardsVersion:
        """The standards in force: the project's own, else its nearest parent's, else the defaults."""
        ...

    @operation("PUT", "/projects/{project}/standards", may="standards.write", on="project")
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
    def list_reviews(self, state: ReviewState | None = None, project: str = "", limit: int = 200) -> list[Review]:
        """Reviews that the caller may see, newest first."""
        ...

    @operation("POST", "/reviews", may="review.request", on="new.run_id")
    def request_review(self, new: NewReview) -> ReviewDetail:
        """Open a review on a finished run and run its checks. Raises: ConflictError (one is open), InvalidError."""
        ...

    @operation("GET", "/reviews/{review_id}", may="review.read", on="review_id")
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

    @operation("POST", "/reviews/{review_id}/comments", may="review.comment", on="review_id")
    def comment(self, review_id: str, body: str, anchor: str = "") -> ReviewDetail:
        """Add a remark, optionally anchored to ``file:line``, ``params.key`` or ``metrics.key@step``."""
        ...

    @operation("POST", "/reviews/{review_id}/withdraw", may="review.request", on="review_id")
    def withdraw(self, review_id: str, reason: str = "") -> ReviewDetail:
        """Withdraw a review; only its author or a maintainer can."""
        ...

    @operation("POST", "/reviews/{review_id}/reject", may="review.approve", on="review_id")
    def reject(self, review_id: str, reason: str) -> ReviewDetail:
        """Reject a review for good, with a reason."""
        ...
