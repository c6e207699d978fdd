"""What is proposed of a restricted page is read as the page itself."""

from __future__ import annotations

import msgspec
import pytest

from runward.core.ids import new_id
from runward.errors import ForbiddenError
from runward.knowledge.model import NewPage
from runward.review.model import Proposal, ReviewDetail
from runward.review.report import WITHHELD, report_of
from runward.testing.worlds import World, name_of
from runward.workspace import Workspace


class _Case:
    """A page, a version of it that a maintainer proposes, and the words that nobody else is to read."""

    def __init__(self, world: World) -> None:
        self.world, self.word, self.maintainer = world, f"w{new_id()}", world.member("maintainer")
        new = NewPage(title=f"Salaries {new_id()}", body="They are what they are", tags=["pay"], team=world.team)
        self.page = self.maintainer.knowledge.publish(new)
        self.proposed = msgspec.structs.replace(new, body=f"They are {self.word} high\nand rise")

    def restrict(self) -> None:
        self.world.owner.policy.set_label(f"page:{self.page.id}", "restricted")

    def propose(self) -> str:
        made = self.maintainer.review.propose(self.world.project, Proposal(page=self.proposed))
        line = made.changes[0].diff.splitlines()
        assert any(self.word in one for one in line)
        return made.review.id

    def talk(self, review_id: str, by: Workspace) -> None:
        """A remark on the line with the word, one that suggests another, and a vote that says it."""
        text = f"why {self.word}?\n```suggestion\nThey are {self.word} low\n```"
        by.review.comment(review_id, text, "page.md:6")
        by.review.comment(review_id, f"@{name_of(self.maintainer)} see {self.word}")
        by.review.request_changes(review_id, f"not {self.word}")

    def readable(self, found: ReviewDetail) -> bool:
        return self.word in str(found)


class WithheldSuite:
    """Proposals of restricted pages: API, report, notifications, search, decisions."""

    def test_the_proposed_text_is_for_who_may_read_the_page(self, world: World) -> None:
        """With what is said of it; others see that there is a review, by whom and where it stands. Readings are noted."""
        case, viewer = _Case(world), world.member("viewer")
        reviewer = world.member("reviewer")
        world.owner.governance.grant_verb(name_of(reviewer), "team", world.team, "data.read_restricted")
        case.restrict()
        review = case.propose()
        case.talk(review, reviewer)
        for reader in (case.maintainer, reviewer):
            shown = reader.review.get_review(review)
            assert not shown.withheld
            assert case.readable(shown)
            assert "-They are what they are" in shown.changes[0].diff
        hidden = viewer.review.get_review(review)
        assert hidden.withheld
        assert not case.readable(hidden)
        assert (hidden.changes, hidden.review.title) == ([], case.page.title)
        assert [(one.author, one.body, one.excerpt) for one in hidden.comments] == [(name_of(reviewer), "", [])] * 2
        assert [(vote.reviewer, vote.comment) for vote in hidden.votes] == [(name_of(reviewer), "")]
        report = report_of(hidden)
        assert WITHHELD in report.recommendations
        assert case.word not in str(report)
        assert WITHHELD not in report_of(case.maintainer.review.get_review(review)).recommendations
        events = world.owner.governance.audit(object_id=case.page.id, operation="data.", limit=1000).events
        noted = {(one.actor, one.operation, one.outcome) for one in events}
        assert (name_of(reviewer), "data.read_restricted", "ok") in noted
        assert name_of(viewer) not in {actor for actor, *_ in noted}

    def test_neither_inboxes_nor_the_search_tell_it(self, world: World) -> None:
        """Nobody's, also not of who may read it: it is read in the review."""
        case, reviewer = _Case(world), world.member("reviewer")
        world.owner.governance.grant_verb(name_of(reviewer), "team", world.team, "data.read_restricted")
        case.restrict()
        case.talk(case.propose(), reviewer)
        told = case.maintainer.coordination.inbox(limit=1000).items
        assert "review.commented" in {one.kind for one in told}
        assert case.word not in str(told)
        assert case.maintainer.knowledge.search(case.word).hits == []

    def test_what_was_said_before_the_page_was_restricted_is_told_no_more(self, world: World) -> None:
        """Text, remarks, inboxes, search; and again once it is free."""
        case, reviewer = _Case(world), world.member("reviewer")
        review = case.propose()
        case.talk(review, reviewer)
        before = reviewer.review.get_review(review)
        assert case.readable(before)
        assert case.word in str(case.maintainer.coordination.inbox(limit=1000))
        case.restrict()
        assert not case.readable(reviewer.review.get_review(review))
        assert case.word not in str(case.maintainer.coordination.inbox(limit=1000))
        assert case.maintainer.knowledge.search(case.word).hits == []
        # What was decided on stays what it is: a label changes no text.
        assert reviewer.review.get_review(review).review.revision == before.review.revision
        case.maintainer.policy.set_label(f"page:{case.page.id}", "internal", "counts only")
        assert case.readable(reviewer.review.get_review(review))

    def test_nobody_approves_what_they_may_not_read(self, world: World) -> None:
        """Who may, does, and the page says it then."""
        case, blind, reviewer = _Case(world), world.member("reviewer"), world.member("reviewer")
        world.owner.governance.grant_verb(name_of(reviewer), "team", world.team, "data.read_restricted")
        case.restrict()
        review = case.propose()
        assert "which you may not read" in blind.review.get_review(review).why_not
        with pytest.raises(ForbiddenError, match="which you may not read"):
            blind.review.approve(review)
        assert reviewer.review.approve(review).review.state == "applied"
        assert case.word in reviewer.knowledge.get_page(case.page.id).body
        # The review that is over is kept as closely as one that is under way.
        assert not case.readable(blind.review.get_review(review))
