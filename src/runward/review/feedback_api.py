"""The contract of feedback: results of CI on a run's content, and what was decided on similar changes."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import operation
from runward.review.feedback_model import CiResult, NewCiResult, SimilarReview


class Feedback(Protocol):
    """Thread-safe."""

    room: ClassVar[str] = "feedback"

    @operation("POST", "/runs/{run_id}/ci-results", may="ci.report", on="run_id")
    def report_ci(self, run_id: str, result: NewCiResult) -> CiResult:
        """Post a CI job's result on a run's present content; its gates and reviews hear of it at once.

        Raises: InvalidTransitionError (the run is not over), StaleVersionError (another revision was tested), InvalidError.
        """
        ...

    @operation("POST", "/projects/{project}/ci-results", may="ci.report", on="project")
    def report_ci_on_commit(self, project: str, commit: str, result: NewCiResult) -> list[CiResult]:
        """Post a CI job's result on every run of a commit that is under review in a project or below it.

        An empty list where there is none.
        """
        ...

    @operation("GET", "/runs/{run_id}/ci-results", may="review.read", on="run_id")
    def list_ci_results(self, run_id: str) -> list[CiResult]:
        """The results of CI on a run, newest first."""
        ...

    @operation("GET", "/reviews/{review_id}/similar", may="review.read", on="review_id")
    def similar_rejections(self, review_id: str) -> list[SimilarReview]:
        """At most three rejected reviews of the project whose change was like this one's, the most similar first."""
        ...
