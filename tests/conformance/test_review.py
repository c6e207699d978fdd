"""Reviews, their rules and what is said in them, on every backend."""

from __future__ import annotations

from runward.testing.conversations import ConversationSuite
from runward.testing.proposals import ProposalSuite
from runward.testing.review import ReviewSuite
from runward.testing.reviewgroups import ReviewGroupsSuite
from runward.testing.reviewraces import NoBypassSuite, ReviewRaceSuite
from runward.testing.reviewrules import ReviewRulesSuite


class TestReview(ReviewSuite):
    """Standards, gates, reviews, votes."""


class TestReviewRules(ReviewRulesSuite):
    """Owners, committees, waivers, overrides, revisions."""


class TestReviewGroups(ReviewGroupsSuite):
    """Several runs as one result."""


class TestConversation(ConversationSuite):
    """Threads, suggestions, mentions."""


class TestProposals(ProposalSuite):
    """Standards and pages."""


class TestReviewRaces(ReviewRaceSuite):
    """What happens at once."""


class TestNoBypass(NoBypassSuite):
    """Every role, at random."""
