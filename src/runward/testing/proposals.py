"""What every backend asks of proposals: standards and pages that come by review."""

from __future__ import annotations

from typing import Any

import pytest

from runward.core.ids import new_id
from runward.errors import ConflictError, ForbiddenError, GateClosedError, InvalidError, NotFoundError
from runward.knowledge.model import Evidence, NewPage
from runward.review.model import Change, MetricRule, Proposal, ReviewState, Standards
from runward.testing.reviewrules import done, rule
from runward.testing.worlds import World, name_of


def _standards(**rules: Any) -> Proposal:
    return Proposal(standards=Standards(**rules))


class ProposalSuite:
    """Standards and pages as subjects of reviews."""

    def test_standards_come_by_a_review(self, world: World) -> None:
        """Where they say so nothing else sets them; the diff, the votes and the author are kept."""
        author, maintainer, other = world.member(), world.member("maintainer"), world.member("maintainer")
        rule(world, change_by_review=True)
        for space in (maintainer, world.owner):
            with pytest.raises(GateClosedError, match="only by a review"):
                space.review.set_standards(world.project, Standards(approvals=0))
        asked = author.review.propose(world.project, _standards(approvals=2, change_by_review=True))
        assert (asked.run, asked.review.run_id, asked.review.proposes) == (None, "", "standards")
        assert asked.review.title == f"Standards of {world.project}"
        assert [line for line in asked.changes[0].diff.splitlines()[2:] if line[0] in "+-"] == [
            "-approvals: 1",
            "+approvals: 2",
        ]
        assert [one.id for one in author.review.list_reviews(project=world.project)] == [asked.review.id]
        with pytest.raises(ForbiddenError, match="role maintainer"):
            world.member("reviewer").review.approve(asked.review.id)
        with pytest.raises(ConflictError, match="already"):
            maintainer.review.propose(world.project, _standards(approvals=3))
        assert maintainer.review.approve(asked.review.id).review.state is ReviewState.APPLIED
        found = author.review.get_standards(world.project)
        assert (found.standards.approvals, found.author, found.version) == (2, name_of(author), 2)
        again = author.review.propose(world.project, _standards(approvals=1)).review
        other.review.approve(again.id)
        assert maintainer.review.approve(again.id).review.state is ReviewState.APPLIED
        assert maintainer.review.set_standards(world.project, Standards()).version == 4

    def test_an_approval_of_standards_is_for_what_they_replace_too(self, world: World) -> None:
        """A revised proposal, or others set meanwhile, outdate it; what says nothing new is not applied."""
        author, first, second = world.member(), world.member("maintainer"), world.member("maintainer")
        rule(world, approvals=2)
        review = author.review.propose(world.project, _standards(approvals=2, name="strict")).review
        first.review.approve(review.id, review.revision)
        revised = author.review.revise(review.id, _standards(approvals=2, name="stricter"))
        assert [vote.outdated for vote in revised.votes] == [True]
        first.review.approve(review.id)
        second.review.set_standards(world.project, Standards(approvals=2, required_metrics=["acc"]))
        assert [vote.counts for vote in author.review.get_review(review.id).votes] == [False, False]
        same = author.review.revise(review.id, _standards(approvals=2, required_metrics=["acc"]))
        assert any("stands already" in text for text in same.missing)
        with pytest.raises(ForbiddenError, match="revise"):
            world.member().review.revise(review.id, _standards())
        with pytest.raises(InvalidError, match="something else"):
            author.review.revise(review.id, Proposal(page=NewPage(title="t", body="b")))

    @pytest.mark.parametrize(
        ("proposal", "said"),
        [
            (Proposal(), "exactly one"),
            (Proposal(standards=Standards(), page=NewPage(title="t")), "exactly one"),
            (_standards(approvals=21), "approvals"),
            (_standards(thresholds=[MetricRule("acc", ">=", float("inf"))]), "acc"),
            (Proposal(page=NewPage(title="")), "title"),
        ],
    )
    def test_a_proposal_that_makes_no_sense_is_refused(self, world: World, proposal: Proposal, said: str) -> None:
        """Before there is a review; in a project that one does not see there is nothing to propose."""
        author = world.member()
        with pytest.raises(InvalidError, match=said):
            author.review.propose(world.project, proposal)
        assert author.review.list_reviews(project=world.project) == []
        with pytest.raises(NotFoundError):
            world.outsider().review.propose(world.project, _standards(approvals=2))

    def test_a_page_comes_by_a_review(self, world: World) -> None:
        """It is its author's, and says which version was reviewed; the next writing is not."""
        author, reviewer = world.member(), world.member("reviewer")
        run = done(world, author)
        title = f"Warm up {new_id()}"
        page = NewPage(title=title, body="Five epochs.\nNot six.\n", evidence=[Evidence("run", run.id)])
        review = author.review.propose(world.project, Proposal(page=page)).review
        assert (review.title, review.proposes) == (title, "page")
        with pytest.raises(InvalidError, match="about a proposal"):
            author.review.change_subject(review.id, Change(run.id))
        found = reviewer.review.comment(review.id, "Why not?", "page.md:7")
        assert found.comments[0].excerpt == ["Not six."]
        assert [hit.kind for hit in author.knowledge.search(title).hits] == ["review"]
        reviewer.review.resolve_thread(review.id, found.comments[0].id)
        assert reviewer.review.approve(review.id).review.state is ReviewState.APPLIED
        (published,) = (one for one in author.knowledge.list_pages(limit=1000) if one.title == title)
        assert (published.author, published.version, published.review_id) == (name_of(author), 1, review.id)
        assert author.knowledge.publish(NewPage(title=title, body="Six.", team=world.team)).review_id == ""

    def test_a_page_with_a_secret_is_not_applied(self, world: World) -> None:
        """Nor one that says nothing; without evidence it is, with a warning."""
        author, reviewer = world.member(), world.member("reviewer")
        for body, blocks in (("", True), ("key: ghp_" + "a1B2" * 9, True), ("All good.", False)):
            page = NewPage(title=f"p {new_id()}", body=body)
            review = author.review.propose(world.project, Proposal(page=page, draft=True)).review
            author.review.open_draft(review.id)
            state = reviewer.review.approve(review.id).review.state
            assert state is (ReviewState.OPEN if blocks else ReviewState.APPLIED)
