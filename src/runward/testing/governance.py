"""What every backend holds of members, teams, roles, tokens and the audit trail."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest

from runward.core.ids import new_id
from runward.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthenticatedError,
)
from runward.governance.model import NewMember, NewToken, RoleName
from runward.review.model import Standards
from runward.testing.worlds import BAD_NAMES, World, batch, name_of
from runward.tracking.model import NewProject, NewRun

ROLES: tuple[RoleName, ...] = ("viewer", "contributor", "reviewer", "maintainer", "admin")


class GovernanceSuite:
    """Who may do what, where, with which token."""

    def test_everybody_knows_who_they_are(self, world: World) -> None:
        """Name, teams with roles, and no role on the workspace unless it was given."""
        member = world.member("reviewer")
        me = member.governance.whoami()
        assert (me.teams, me.role, me.verified) == ({world.team: "reviewer"}, None, True)
        assert me.workspace_id == world.owner.governance.whoami().workspace_id
        assert world.owner.governance.whoami().role == "admin"

    @pytest.mark.parametrize("role", ROLES)
    def test_each_role_may_exactly_what_it_says(self, world: World, role: RoleName) -> None:
        """On a team: read, write, delete, set standards; each role holds what the lower ones hold."""
        space, author = world.member(role), world.member()
        run = world.run(author)
        rank = ROLES.index(role)
        attempts: dict[Callable[[], object], int] = {
            lambda: space.tracking.get_run(run.id): 0,
            lambda: space.tracking.append(run.id, batch(0)): 1,
            lambda: space.tracking.create_run(NewRun(project=world.project)): 1,
            lambda: space.review.set_standards(world.project, Standards()): 3,
            lambda: space.tracking.delete_run(run.id): 3,
        }
        for attempt, needed in attempts.items():
            if rank >= needed:
                attempt()
            else:
                with pytest.raises(ForbiddenError) as caught:
                    attempt()
                assert ROLES[needed] in caught.value.message
                assert role in caught.value.message

    @pytest.mark.parametrize("scope", ROLES)
    def test_a_token_does_at_most_what_its_role_allows(self, world: World, scope: RoleName) -> None:
        """An admin with a viewer's token is a viewer, also on the whole workspace."""
        space = world.member("admin", scope=scope)
        run = world.run(world.member())
        space.tracking.get_run(run.id)
        if scope == "viewer":
            with pytest.raises(ForbiddenError):
                space.tracking.append(run.id, batch(0))
        else:
            space.tracking.append(run.id, batch(0))
        boss = world.enter(name_of(world.owner), scope)
        if scope == "admin":
            boss.governance.audit()
        else:
            with pytest.raises(ForbiddenError):
                boss.governance.audit()
            made = boss.governance.create_token(NewToken("wider", role="admin"))
            assert made.role == scope

    def test_a_role_on_a_project_counts_there_and_below(self, world: World) -> None:
        """Not beside it, not above it."""
        child, sibling = world.new_project(world.project), world.new_project()
        guest = world.outsider("viewer")
        world.owner.governance.grant(name_of(guest), "project", world.project, "contributor")
        assert {p.path for p in guest.tracking.list_projects()} == {world.project, child}
        guest.tracking.create_run(NewRun(project=child))
        for path in (sibling, "no/such/project"):
            with pytest.raises(NotFoundError):
                guest.tracking.create_run(NewRun(project=path))
        world.owner.governance.grant(name_of(guest), "project", world.project, None)
        assert guest.tracking.list_projects() == []
        with pytest.raises(NotFoundError):
            guest.tracking.get_project(child)

    def test_the_highest_role_counts(self, world: World) -> None:
        """A viewer of the team may be more in one project."""
        space = world.member("viewer")
        world.owner.governance.grant(name_of(space), "project", world.project, "maintainer")
        space.review.set_standards(world.project, Standards())
        with pytest.raises(ForbiddenError):
            space.review.set_standards(world.new_project(), Standards())

    def test_a_role_that_is_taken_away_is_gone_at_once(self, world: World) -> None:
        """Also for who holds a token already."""
        space = world.member()
        run = world.run(space)
        world.owner.governance.grant(name_of(space), "team", world.team, None)
        with pytest.raises(NotFoundError):
            space.tracking.get_run(run.id)

    def test_members_and_teams_are_the_workspace_admins_business(self, world: World) -> None:
        """The admin of a team is not one."""
        admin = world.member("admin")
        for attempt in (
            lambda: admin.governance.create_member(NewMember("x")),
            lambda: admin.governance.create_team("x"),
            lambda: admin.governance.grant(name_of(admin), "workspace", "", "admin"),
            lambda: admin.governance.invite(name_of(admin)),
            admin.governance.list_members,
            admin.governance.audit,
        ):
            with pytest.raises(ForbiddenError) as caught:
                attempt()
            assert caught.value.code == "forbidden"

    def test_a_member_is_listed_with_their_roles(self, world: World) -> None:
        """Names are unique; a member is made with a link to choose a password."""
        name = f"Zoë-{new_id()}"
        made = world.owner.governance.create_member(NewMember(name=name, role="reviewer", team=world.team, email="z@x"))
        assert made.path.endswith(made.secret)
        assert len(made.secret) >= 40
        found = next(m for m in world.owner.governance.list_members() if m.name == name)
        assert [(g.scope_kind, g.scope, g.role) for g in found.grants] == [("team", world.team, "reviewer")]
        with pytest.raises(AlreadyExistsError):
            world.owner.governance.create_member(NewMember(name=name))
        again = world.owner.governance.invite(name)
        assert again.secret != made.secret
        granted = world.owner.governance.grant(name, "project", world.project, "viewer")
        assert {(g.scope, g.role) for g in granted.grants} == {(world.team, "reviewer"), (world.project, "viewer")}

    def test_bad_names_are_refused(self, world: World) -> None:
        """For members, teams and tokens."""
        for name in BAD_NAMES:
            governance = world.owner.governance
            with pytest.raises(InvalidError, match="member's name"):
                governance.create_member(NewMember(name=name))
            with pytest.raises(InvalidError, match="team's name"):
                governance.create_team(name)
            with pytest.raises(InvalidError, match="token's name"):
                governance.create_token(NewToken(name))

    def test_who_does_not_exist_gets_nothing(self, world: World) -> None:
        """Members, teams and projects by name."""
        governance = world.owner.governance
        for attempt in (
            lambda: governance.invite("nobody here"),
            lambda: governance.grant("nobody here", "team", world.team, "viewer"),
            lambda: governance.grant(name_of(world.owner), "team", "no team", "viewer"),
            lambda: governance.grant(name_of(world.owner), "project", "no/project", "viewer"),
            lambda: governance.create_member(NewMember(name=new_id(), team="no team")),
            lambda: governance.create_token(NewToken("x", member="nobody here")),
            lambda: governance.revoke_token("no token"),
        ):
            with pytest.raises(NotFoundError):
                attempt()

    def test_teams_are_seen_by_their_members(self, world: World) -> None:
        """With the number of members; a name is taken once."""
        space = world.member()
        assert [(t.name, t.members) for t in space.governance.list_teams()] == [(world.team, 1)]
        assert world.team in {t.name for t in world.owner.governance.list_teams()}
        with pytest.raises(AlreadyExistsError):
            world.owner.governance.create_team(world.team)

    def test_tokens_are_listed_without_their_secret_and_end_at_once(self, world: World) -> None:
        """Only their owner and a workspace's admin end them; nobody makes one for somebody else but an admin."""
        space, other = world.member(), world.member()
        made = space.governance.create_token(NewToken("mine", role="viewer", expires_in_days=1))
        assert made.role == "viewer"
        assert made.expires_at is not None
        listed = next(t for t in space.governance.list_tokens() if t.id == made.id)
        assert made.secret.startswith(listed.prefix)
        assert made.secret not in repr(listed)
        assert made.id not in [t.id for t in other.governance.list_tokens()]
        with pytest.raises(NotFoundError):
            other.governance.revoke_token(made.id)
        with pytest.raises(ForbiddenError):
            other.governance.create_token(NewToken("theirs", member=name_of(space)))
        space.governance.revoke_token(made.id)
        assert next(t for t in space.governance.list_tokens() if t.id == made.id).revoked

    def test_everybodys_tokens_are_the_admins_business(self, world: World) -> None:
        """Whose, for what, until when; never the secret."""
        space, other = world.member(), world.member()
        made = space.governance.create_token(NewToken("mine", only=["run.write"], team=world.team))
        listed = next(t for t in world.owner.governance.list_tokens(everybody=True) if t.id == made.id)
        assert (listed.member, listed.scope_kind, listed.scope) == (name_of(space), "team", world.team)
        assert listed.only == ["run.write"]
        assert made.secret not in repr(listed)
        with pytest.raises(ForbiddenError):
            other.governance.list_tokens(everybody=True)

    def test_a_token_for_a_project_counts_there_and_below_only(self, world: World) -> None:
        """For everything else its holder is an outsider, whatever roles the member has."""
        below, beside = world.new_project(world.project), world.new_project()
        boss = world.enter(name_of(world.owner))
        held = world.hold(boss.governance.create_token(NewToken("ci", project=world.project)).secret)
        inside, outside = world.run(world.owner), world.run(world.owner, project=beside)
        assert {p.path for p in held.tracking.list_projects()} == {world.project, below}
        held.tracking.append(held.tracking.create_run(NewRun(project=below)).id, batch(0))
        held.tracking.get_run(inside.id)
        for attempt in (
            lambda: held.tracking.get_run(outside.id),
            lambda: held.tracking.create_run(NewRun(project=beside)),
            lambda: held.tracking.delete_run(outside.id),
        ):
            with pytest.raises(NotFoundError):
                attempt()
        assert held.governance.list_teams() == []
        assert held.governance.whoami().role is None
        for refused in (
            held.governance.list_members,
            held.governance.audit,
            held.governance.list_tokens,
            held.coordination.inbox,
            lambda: held.governance.create_token(NewToken("wider")),
            lambda: held.governance.create_member(NewMember("x")),
        ):
            with pytest.raises(ForbiddenError):
                refused()

    def test_a_token_for_a_team_counts_for_that_team_only(self, world: World) -> None:
        """Also of a member who belongs to others."""
        space, other = world.member(), f"other-{new_id()}"
        world.owner.governance.create_team(other)
        world.owner.governance.grant(name_of(space), "team", other, "contributor")
        theirs = world.owner.tracking.create_project(NewProject(path=f"p-{new_id()}", team=other))
        held = world.hold(space.governance.create_token(NewToken("t", team=world.team)).secret)
        assert {p.path for p in held.tracking.list_projects()} == {world.project}
        assert [t.name for t in held.governance.list_teams()] == [world.team]
        with pytest.raises(NotFoundError):
            held.tracking.create_run(NewRun(project=theirs.path))

    def test_a_token_for_some_permissions_does_nothing_else(self, world: World) -> None:
        """The message names what is missing and what there is."""
        space = world.member("maintainer")
        run = world.run(space)
        held = world.hold(space.governance.create_token(NewToken("t", only=["run.read"])).secret)
        held.tracking.get_run(run.id)
        with pytest.raises(ForbiddenError, match=r"run\.write.*only for run\.read"):
            held.tracking.append(run.id, batch(0))
        with pytest.raises(ForbiddenError, match="token"):
            held.governance.create_token(NewToken("wider"))

    def test_a_token_is_for_something_that_there_is_and_that_its_maker_sees(self, world: World) -> None:
        """A team or a project, not both; permissions by their names."""
        space, stranger = world.member(), world.outsider()
        for new in (
            NewToken("t", team=world.team),
            NewToken("t", project=world.project),
            NewToken("t", team="no team"),
        ):
            with pytest.raises(NotFoundError):
                stranger.governance.create_token(new)
        with pytest.raises(InvalidError, match="team or for a project"):
            space.governance.create_token(NewToken("t", team=world.team, project=world.project))
        with pytest.raises(InvalidError, match=r"run\.wirte"):
            space.governance.create_token(NewToken("t", only=["run.wirte"]))

    def test_a_deactivated_member_is_out_at_once_and_what_they_made_stays(self, world: World) -> None:
        """Tokens end for good; being let in again revives none. Nobody deactivates themselves."""
        space, name = world.member(), ""
        run, name = world.run(space), name_of(space)
        secret = space.governance.create_token(NewToken("t")).secret
        found = world.owner.governance.deactivate_member(name)
        assert (found.disabled, found.signs_in) == (True, [])
        with pytest.raises(UnauthenticatedError):
            world.hold(secret).governance.whoami()
        assert world.owner.tracking.get_run(run.id).run.id == run.id
        for attempt in (
            lambda: world.owner.governance.create_token(NewToken("t", member=name)),
            lambda: world.owner.governance.invite(name),
            lambda: world.owner.governance.deactivate_member(name_of(world.owner)),
        ):
            with pytest.raises(ConflictError):
                attempt()
        assert not world.owner.governance.activate_member(name).disabled
        with pytest.raises(UnauthenticatedError):
            world.hold(secret).governance.whoami()
        fresh = world.owner.governance.create_token(NewToken("t", member=name)).secret
        assert world.hold(fresh).governance.whoami().teams == {world.team: "contributor"}
        member = next(m for m in world.owner.governance.list_members() if m.name == name)
        done = [(e.operation, e.object_kind) for e in world.owner.governance.audit(object_id=member.id).events]
        assert done[:2] == [("governance.activate_member", "member"), ("governance.deactivate_member", "member")]
        with pytest.raises(ForbiddenError):
            world.member("admin").governance.deactivate_member(name)
        with pytest.raises(NotFoundError):
            world.owner.governance.deactivate_member("nobody here")

    def test_a_service_account_comes_in_by_token_only(self, world: World) -> None:
        """No link, no password, no provider."""
        name = f"robot-{new_id()}"
        made = world.owner.governance.create_member(NewMember(name=name, team=world.team, kind="service"))
        assert (made.secret, made.path) == ("", "")
        for attempt in (
            lambda: world.owner.governance.invite(name),
            lambda: world.owner.governance.connect_member(name, "https://id.example", "robot"),
        ):
            with pytest.raises(InvalidError, match="service account"):
                attempt()
        held = world.hold(world.owner.governance.create_token(NewToken("t", member=name)).secret)
        held.tracking.create_run(NewRun(project=world.project))
        member = next(m for m in world.owner.governance.list_members() if m.name == name)
        assert (member.kind, member.signs_in) == ("service", ["token"])
        assert member.last_seen_at is not None

    def test_a_subject_of_the_provider_is_one_member(self, world: World) -> None:
        """Until they are disconnected."""
        first, second = name_of(world.member()), name_of(world.member())
        issuer, subject = "https://id.example", new_id()
        governance = world.owner.governance
        assert "provider" in governance.connect_member(first, issuer, subject).signs_in
        governance.connect_member(first, issuer, subject)
        with pytest.raises(AlreadyExistsError):
            governance.connect_member(second, issuer, subject)
        assert "provider" not in governance.disconnect_member(first).signs_in
        assert "provider" in governance.connect_member(second, issuer, subject).signs_in
        with pytest.raises(InvalidError, match="subject"):
            governance.connect_member(first, issuer, "")

    @pytest.mark.parametrize("days", [0, -1, 10**6, 10**12])
    def test_a_token_lives_for_a_number_of_days_that_exists(self, world: World, days: int) -> None:
        """The message names the field and what it may be."""
        with pytest.raises(InvalidError, match="expires_in_days"):
            world.member().governance.create_token(NewToken("t", expires_in_days=days))

    def test_the_trail_tells_who_did_what_and_what_was_refused(self, world: World) -> None:
        """Newest first, page by page, also by object."""
        space, viewer = world.member(), world.member("viewer")
        run = world.run(space)
        with pytest.raises(ForbiddenError):
            viewer.tracking.delete_run(run.id)
        events = world.owner.governance.audit(object_id=run.id).events
        assert [(e.operation, e.actor, e.outcome) for e in events] == [
            ("tracking.delete_run", name_of(viewer), "forbidden")
        ]
        first = world.owner.governance.audit(limit=2)
        assert len(first.events) == 2
        assert first.next_before == first.events[-1].id
        second = world.owner.governance.audit(before=first.next_before, limit=2)
        assert [e.id for e in second.events] == sorted((e.id for e in second.events), reverse=True)
        assert second.events[0].id < first.events[-1].id

    def test_the_trail_is_proved_and_noted_outside(self, world: World) -> None:
        """Whatever was done to it by its operations, it holds; only admins look at it."""
        run = world.run(world.member())
        made = world.owner.governance.checkpoint_audit()
        assert made.places
        proof = world.owner.governance.prove_audit()
        assert (proof.holds, proof.problems) == (True, [])
        assert proof.events >= made.events
        assert proof.checkpoints >= 1
        mine = world.owner.governance.audit(object_id=run.id, operation="tracking.", outcome="ok", since=made.at)
        assert mine.events == []
        maintainer = world.member("maintainer")
        event = world.owner.governance.audit(limit=1).events[0]
        shown = world.owner.governance.prove_event(event.id)
        assert (shown.operation, shown.object_id) == (event.operation, event.object_id)
        one = functools.partial(maintainer.governance.prove_event, event.id)
        for attempt in (maintainer.governance.prove_audit, maintainer.governance.checkpoint_audit, one):
            with pytest.raises(ForbiddenError):
                attempt()

    def test_the_state_of_the_keys_is_for_admins(self, world: World) -> None:
        """It says how old they are and where the root key is looked for, and nothing that opens anything."""
        found = world.owner.governance.list_keys()
        assert (found.problem, found.backup_days > 0, "root.key" in found.where) == ("", True, True)
        with pytest.raises(ForbiddenError):
            world.member("maintainer").governance.list_keys()

    @pytest.mark.parametrize("limit", [0, -5, 10**9])
    def test_a_page_of_the_trail_that_is_cut_says_so(self, world: World, limit: int) -> None:
        """A limit beyond what is given at once is no way to lose the rest."""
        for _ in range(3):
            world.owner.governance.create_team(f"t-{new_id()}")
        page = world.owner.governance.audit(limit=limit)
        oldest = world.owner.governance.audit(before=page.events[-1].id, limit=1).events
        assert (page.next_before is not None) == bool(oldest)

    def test_a_project_of_another_team_can_be_made_by_who_belongs_to_both(self, world: World) -> None:
        """The named team counts, not the first one."""
        space = world.outsider("viewer")
        world.owner.governance.grant(name_of(space), "team", world.team, "contributor")
        path = f"both-{new_id()}"
        assert space.tracking.create_project(NewProject(path=path, team=world.team)).team == world.team
