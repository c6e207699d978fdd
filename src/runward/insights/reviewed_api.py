"""The contract of review reports."""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol

from runward.core.operation import operation
from runward.review.report import ReviewReport

PageForm = Literal["html", "md"]


class Reviewed(Protocol):
    """Thread-safe. A report is made from what is stored of a review and keeps nothing of its own."""

    room: ClassVar[str] = "reviewed"

    @operation("GET", "/reviews/{review_id}/report", may="review.read", on="review_id")
    def review_report(self, review_id: str) -> ReviewReport:
        """Score, issues, recommendations, votes, gates and checks of a review, with the digest of all of these.

        The same stored review gives the same report.
        """
        ...

    @operation("GET", "/reviews/{review_id}/report-page", may="review.read", on="review_id")
    def review_report_page(self, review_id: str, form: PageForm = "html") -> str:
        """The report as one HTML document without scripts that needs nothing else, or as Markdown."""
        ...
