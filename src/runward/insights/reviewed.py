"""Reports on reviews: reads everything, writes nothing."""

from __future__ import annotations

from typing import ClassVar

from runward.core.call import Room
from runward.governance.calling import Call
from runward.insights.review_page import markdown_of, review_page_of
from runward.insights.reviewed_api import PageForm, Reviewed
from runward.review.api import Reviews
from runward.review.feedback_api import Feedback
from runward.review.report import ReviewReport, report_of


class ReviewedService(Reviewed):
    """See :class:`Reviewed`."""

    room: ClassVar[str] = "reviewed"

    def __init__(self, call: Call) -> None:
        self.call = call

    def review_report(self, review_id: str) -> ReviewReport:
        """See the contract."""
        similar = self.call.use(Feedback).similar_rejections(review_id)
        return report_of(self.call.use(Reviews).get_review(review_id), [one.sentence for one in similar])

    def review_report_page(self, review_id: str, form: PageForm = "html") -> str:
        """See the contract."""
        report = self.review_report(review_id)
        return review_page_of(report) if form == "html" else markdown_of(report)


ROOM = Room(Reviewed, ReviewedService, {}, {})
