"""What every backend puts into members' inboxes."""

from __future__ import annotations

import pytest

from runward.coordination.model import Inbox, TeamMessage
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.knowledge.model import NewPage
from runward.review.model import NewReview
from runward.testing.worlds import BAD_NAMES, World, name_of
from runward.tracking.model import RunEnd, RunStatus


def _kinds(inbox: Inbox) -> list[str]:
    return [item.kind for item in inbox.items]


class CoordinationSuite:
    """Notifications from other rooms' events, messages, and what was read."""

    def test_a_message_reaches_every_other_member_of_the_team(self, world: World) -> None:
        """And nobody else; its author knows it already."""
        author, reader, stranger = world.member(), world.member("viewer"), world.outsider()
        reached = author.coordination.notify_team(TeamMessage("Lunch", team=world.team, body="at noon"))
        assert reached >= 1
        found = reader.coordination.inbox()
        assert [(i.kind, i.title, i.body, i.actor) for i in found.items] == [
            ("team.message", "Lunch", "at noon", name_of(author))
        ]
        assert found.unread == 1
        assert author.coordination.inbox().items == []
        assert stranger.coordination.inbox().items == []

    def test_only_contributors_of_the_team_write_to_it(self, world: World) -> None:
        """A viewer is refused, a stranger does not know the team, a title has to be one."""
        with pytest.raises(ForbiddenError):
            world.member("viewer").coordination.notify_team(TeamMessage("x", team=world.team))
        with pytest.raises(NotFoundError):
            world.outsider().coordination.notify_team(TeamMessage("x", team=world.team))
        for title in BAD_NAMES:
            with pytest.raises(InvalidError, match="title"):
                world.member().coordination.notify_team(TeamMessage(title, team=world.team))

    def test_read_messages_go_behind_unread_ones(self, world: World) -> None:
        """Unread ones oldest first; marking is for one's own only, and an empty list marks all."""
        author, reader, other = world.member(), world.member(), world.member()
        for title in ("one", "two", "three"):
            author.coordination.notify_team(TeamMessage(title, team=world.team))
        ids = [item.id for item in reader.coordination.inbox().items]
        found = reader.coordination.mark_read([ids[0]])
        assert [(item.title, item.read) for item in found.items] == [("two", False), ("three", False), ("one", True)]
        assert found.unread == 2
        reader.coordination.mark_read([item.id for item in other.coordination.inbox().items])
        assert other.coordination.inbox().unread == 3
        assert [i.title for i in reader.coordination.inbox(unread=True).items] == ["two", "three"]
        assert len(reader.coordination.inbox(limit=1).items) == 1
        assert reader.coordination.mark_read([]).unread == 0

    def test_a_number_that_no_message_can_have_is_no_defect(self, world: World) -> None:
        """Beyond 64 bits there is nothing to mark."""
        with pytest.raises(InvalidError):
            world.member().coordination.mark_read([2**63])

    def test_work_of_others_is_told_to_whom_it_concerns(self, world: World) -> None:
        """A failed run to who started it, a request to the team or to the named, a page to the team."""
        author, reviewer = world.member(), world.member("reviewer")
        world.run(author, end=RunStatus.FAILED)
        assert _kinds(author.coordination.inbox()) == []
        run = world.run(author)
        reviewer.tracking.end_run(run.id, RunEnd(RunStatus.FAILED))
        assert _kinds(author.coordination.inbox()) == ["run.failed"]
        finished = world.run(author, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(finished.id, reviewers=[name_of(reviewer)])).review
        assert _kinds(reviewer.coordination.inbox()) == ["review.requested"]
        reviewer.review.comment(review.id, "why?")
        assert _kinds(author.coordination.inbox()) == ["run.failed", "review.commented"]
        author.knowledge.publish(NewPage(team=world.team, title="A page"))
        assert _kinds(reviewer.coordination.inbox()) == ["review.requested", "page.published"]

    @pytest.mark.parametrize("end", ["applied", "rejected", "withdrawn"])
    def test_what_is_decided_waits_for_nobody(self, world: World, end: str) -> None:
        """The request is read for all who were asked; requests for other reviews go on waiting."""
        author, reviewer, other = world.member(), world.member("reviewer"), world.member("reviewer")
        first, second = (
            author.review.request_review(NewReview(world.run(author, end=RunStatus.FINISHED).id)).review.id
            for _ in range(2)
        )
        if end == "applied":
            reviewer.review.approve(first)
        elif end == "rejected":
            reviewer.review.reject(first, "the loss explodes")
        else:
            author.review.withdraw(first)
        for space in (reviewer, other):
            waiting = [i.object_id for i in space.coordination.inbox(unread=True).items if i.kind == "review.requested"]
            assert waiting == [second]
