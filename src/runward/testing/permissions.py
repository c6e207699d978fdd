"""What every backend says of single permissions, of who can see something, and of what somebody could see."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runward.core.clock import utc_now
from runward.core.ids import new_id
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.governance.model import NewMember, NewToken
from runward.review.model import NewReview, ReviewState
from runward.testing.governance import ROLES
from runward.testing.worlds import World, name_of
from runward.tracking.model import RunPatch, RunStatus


class PermissionsSuite:
    """``grant_verb``, ``project_access``, ``team_access`` and ``could_see``."""

    def test_an_auditor_reads_the_log_and_not_the_data(self, world: World) -> None:
        """A verb opens what it says and nothing else; taken away, it is gone at once."""
        run, boss = world.run(world.member()), world.owner.governance
        auditor = world.outsider("viewer")
        found = boss.grant_verb(name_of(auditor), "workspace", "", "audit.read")
        assert [(one.scope_kind, one.scope, one.verb) for one in found.verbs] == [("workspace", "", "audit.read")]
        assert auditor.governance.whoami().verbs == ["audit.read"]
        assert auditor.governance.audit().events
        assert auditor.tracking.search_runs().runs == []
        with pytest.raises(NotFoundError):
            auditor.tracking.get_run(run.id)
        with pytest.raises(ForbiddenError, match="role admin"):
            auditor.governance.create_team("x")
        again = boss.grant_verb(name_of(auditor), "workspace", "", "audit.read")
        assert again.verbs == found.verbs
        assert boss.grant_verb(name_of(auditor), "workspace", "", "audit.read", held=False).verbs == []
        with pytest.raises(ForbiddenError, match=r"the verb audit\.read"):
            auditor.governance.audit()

    def test_a_verb_lifts_who_reads_for_what_it_says(self, world: World) -> None:
        """A viewer who may approve approves and does no more; without a role it opens nothing."""
        author, reviewer, stranger = world.member(), world.member("viewer"), world.outsider("viewer")
        run = world.run(author, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(run.id)).review.id
        with pytest.raises(ForbiddenError, match=r"reviewer or the verb review\.approve"):
            reviewer.review.approve(review)
        for space in (reviewer, stranger):
            world.owner.governance.grant_verb(name_of(space), "project", world.project, "review.approve")
        assert reviewer.review.get_review(review).may_approve
        with pytest.raises(NotFoundError):
            stranger.review.approve(review)
        with pytest.raises(ForbiddenError):
            reviewer.tracking.update_run(run.id, RunPatch(purpose="mine"))
        assert reviewer.review.approve(review).review.state is ReviewState.APPLIED
        below = world.enter(name_of(reviewer), "contributor")
        other = author.review.request_review(
            NewReview(world.run(author, metrics={"acc": 1.0}, end=RunStatus.FINISHED).id)
        )
        with pytest.raises(ForbiddenError):
            below.review.approve(other.review.id)

    def test_verbs_are_given_by_who_holds_them_on_what_there_is(self, world: World) -> None:
        """Only admins of the workspace; members, teams and projects by name."""
        name, boss = name_of(world.member()), world.owner.governance
        with pytest.raises(ForbiddenError):
            world.member("admin").governance.grant_verb(name, "team", world.team, "export")
        for who, kind, scope in (
            ("nobody here", "team", world.team),
            (name, "team", "none"),
            (name, "project", "no/p"),
        ):
            with pytest.raises(NotFoundError):
                boss.grant_verb(who, kind, scope, "export")  # type: ignore[arg-type]
        limited = world.hold(world.owner.governance.create_token(NewToken("t", only=["member.manage"])).secret)
        with pytest.raises(ForbiddenError, match="more than they hold"):
            limited.governance.grant_verb(name, "team", world.team, "export")
        with pytest.raises(ForbiddenError, match="cannot hand on"):
            limited.governance.create_member(NewMember(f"x-{new_id()}", role="admin", team="*"))

    def test_who_works_on_something_knows_who_can_see_it(self, world: World) -> None:
        """By which role, inherited from where, with which verbs and how many tokens; the deactivated are left out."""
        space, viewer, guest = world.member(), world.member("viewer"), world.outsider("viewer")
        gone, boss = name_of(world.member()), world.owner.governance
        boss.deactivate_member(gone)
        below = world.new_project(world.project)
        boss.grant(name_of(guest), "project", below, "reviewer")
        boss.grant_verb(name_of(guest), "team", world.team, "verify.write")
        tokens = [boss.create_token(NewToken("t", name_of(guest))).id for _ in range(2)]
        boss.revoke_token(tokens[0])
        found = space.governance.project_access(below)
        seen = {one.name: one for one in found.members}
        assert (found.scope_kind, found.scope) == ("project", below)
        assert {name_of(space), name_of(viewer), name_of(guest), name_of(world.owner)} <= set(seen)
        assert gone not in seen
        told = seen[name_of(guest)]
        assert (told.role, told.verbs) == ("reviewer", ["verify.write"])
        assert [(one.scope_kind, one.scope) for one in told.by] == [("project", below)]
        before = told.tokens
        boss.revoke_token(tokens[1])
        after = next(one for one in space.governance.project_access(below).members if one.name == told.name)
        assert before - after.tokens == 1
        assert [one.role for one in found.members] == sorted(
            (one.role for one in found.members), key=ROLES.index, reverse=True
        )
        team = {one.name for one in space.governance.team_access(world.team).members}
        assert name_of(viewer) in team
        assert name_of(guest) not in team
        with pytest.raises(ForbiddenError):
            viewer.governance.project_access(below)
        with pytest.raises(NotFoundError):
            guest.governance.team_access(world.team)
        with pytest.raises(NotFoundError):
            guest.governance.project_access(world.project)

    def test_what_somebody_could_see_is_told_by_period(self, world: World) -> None:
        """Roles as they were given and taken, the projects that they opened, and what was done meanwhile."""
        began, boss = utc_now(), world.owner.governance
        space, other = world.member("viewer"), world.new_project()
        name, run = name_of(space), world.run(world.owner)
        with pytest.raises(ForbiddenError):
            space.tracking.delete_run(run.id)
        boss.grant(name, "team", world.team, None)
        boss.grant(name, "project", other, "contributor")
        boss.grant_verb(name, "workspace", "", "audit.read")
        boss.deactivate_member(name)
        found = boss.could_see(began, utc_now(), member=name)
        assert (found.member, found.known_since, found.moved) == (name, None, [])
        told = [
            ([one.what for one in period.held], period.projects) for period in found.periods if not period.deactivated
        ]
        both = sorted([world.project, other])
        assert [one for one in told if one[0]] == [
            (["viewer"], both),
            (["contributor"], [other]),
            (["contributor", "audit.read"], [other]),
        ]
        assert (found.periods[-1].deactivated, found.periods[-1].held) == (True, [])
        done = {(one.operation, one.object_id, one.outcome) for one in found.done}
        assert ("tracking.delete_run", run.id, "forbidden") in done

    def test_what_a_token_could_see_ends_with_it(self, world: World) -> None:
        """It counts as far as its cap and its part reach, from when it was made until it was revoked."""
        began, boss = utc_now(), world.enter(name_of(world.owner)).governance
        beside = world.new_project()
        made = boss.create_token(NewToken("t", role="viewer", project=world.project))
        narrow = boss.create_token(NewToken("n", only=["audit.read"]))
        boss.revoke_token(made.id)
        found = boss.could_see(began, utc_now(), token=made.id)
        assert [(period.token, period.projects) for period in found.periods] == [
            ("not yet made", []),
            ("", [world.project]),
            ("expired or revoked", []),
        ]
        assert {one.what for one in found.periods[1].held} == {"viewer"}
        assert beside not in str(found.periods)
        assert boss.could_see(began, utc_now(), token=narrow.id).periods[-1].projects == []

    def test_sight_is_asked_for_by_who_reads_the_log(self, world: World) -> None:
        """Of one who exists, for a time that has a length."""
        now, boss, name = utc_now(), world.owner.governance, name_of(world.owner)
        later = now + timedelta(hours=1)
        for given in ({}, {"member": name, "token": "t"}):
            with pytest.raises(InvalidError, match="whose sight"):
                boss.could_see(now, later, **given)
        with pytest.raises(InvalidError, match="not before"):
            boss.could_see(later, now, member=name)
        for given in ({"member": "nobody here"}, {"token": "no token"}):
            with pytest.raises(NotFoundError):
                boss.could_see(now, later, **given)
        with pytest.raises(ForbiddenError):
            world.member("admin").governance.could_see(now, later, member=name)
