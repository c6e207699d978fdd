"""What every backend says of a review in one document."""

from __future__ import annotations

import msgspec
import pytest

from runward.errors import NotFoundError
from runward.review.model import MetricRule, NewReview, Standards, Verdict
from runward.review.report import FORMULA, inputs_of
from runward.testing.worlds import World, name_of
from runward.tracking.model import RunStatus

HOSTILE = "<script>alert(1)</script> | **bold** [x](javascript:alert(1)) `code`"


class ReviewedSuite:
    """Reports on reviews."""

    def test_the_score_is_counted_from_the_checks_that_are_shown(self, world: World) -> None:
        """By the stated formula; what fails or misses is an issue, and what to do about it is said."""
        author, reviewer = world.member(), world.member("reviewer")
        rules = [MetricRule("acc", ">=", 0.8), MetricRule("loss", "<=", 0.1)]
        world.owner.review.set_standards(world.project, Standards(thresholds=rules, approvals=2))
        run = world.run(author, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(run.id, title="mlp as baseline")).review
        reviewer.review.approve(review.id, comment="well done")
        found = author.reviewed.review_report(review.id)
        assert {check.name: check.verdict for check in found.gates} == {
            "finished": Verdict.PASS,
            "acc >= 0.8": Verdict.PASS,
            "loss <= 0.1": Verdict.FAIL,
        }
        assert found.checks == []
        assert (found.score.value, found.score.formula) == (66.7, FORMULA)
        assert (found.score.checks, found.score.passed, found.score.failed) == (3, 2, 1)
        assert [(i.check, i.required, i.message) for i in found.issues] == [
            ("loss <= 0.1", True, "loss was not logged")
        ]
        assert any("loss was not logged" in text for text in found.recommendations)
        assert any("1 approval by" in text for text in found.recommendations)
        assert [(v.reviewer, v.verdict, v.comment, v.counts) for v in found.votes] == [
            (name_of(reviewer), "approve", "well done", True)
        ]
        assert (found.approvals, found.approvals_needed, found.state) == (1, 2, "open")
        assert (found.subject.run_id, found.subject.created_by) == (run.id, name_of(author))

    def test_the_same_review_gives_the_same_report_whoever_asks(self, world: World) -> None:
        """Byte by byte, with a digest that can be recomputed; whatever is added to the review changes it."""
        author, reader = world.member(), world.member("viewer")
        run = world.run(author, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(run.id)).review
        first = author.reviewed.review_report(review.id)
        assert msgspec.json.encode(reader.reviewed.review_report(review.id)) == msgspec.json.encode(first)
        assert first.inputs == inputs_of(first)
        for form in ("html", "md"):
            page = author.reviewed.review_report_page(review.id, form)
            assert reader.reviewed.review_report_page(review.id, form) == page
            assert first.inputs in page
        author.review.comment(review.id, "one more word")
        assert author.reviewed.review_report(review.id).inputs != first.inputs

    def test_what_people_write_is_text_in_the_pages(self, world: World) -> None:
        """Neither a tag nor a link nor a table of theirs; and the page runs and loads nothing."""
        author, reviewer = world.member(), world.member("reviewer")
        run = world.run(author, name=HOSTILE, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(run.id, title=HOSTILE, description=HOSTILE)).review
        reviewer.review.comment(review.id, HOSTILE)
        reviewer.review.request_changes(review.id, HOSTILE)
        html = author.reviewed.review_report_page(review.id)
        assert "<script" not in html.lower()
        assert 'href="javascript' not in html
        assert "default-src 'none'" in html
        assert "&lt;script&gt;" in html
        markdown = author.reviewed.review_report_page(review.id, "md")
        for line in markdown.splitlines():
            assert "<script>" not in line.replace("`" + HOSTILE.replace("`", "'") + "`", "")
        assert r"\<script\>alert(1)\</script\>" in markdown
        assert r"\[x\](javascript:alert(1))" in markdown

    def test_a_review_of_others_has_no_report(self, world: World) -> None:
        """As the review itself."""
        author = world.member()
        run = world.run(author, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(run.id)).review
        stranger = world.outsider()
        with pytest.raises(NotFoundError):
            stranger.reviewed.review_report(review.id)
        with pytest.raises(NotFoundError):
            stranger.reviewed.review_report_page(review.id)
