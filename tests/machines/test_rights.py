"""Who sees what: roles are given and taken, members and tokens ended, projects moved; a small model says who may."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runward.core.ids import new_id
from runward.errors import RunwardError, UnauthenticatedError
from runward.governance.model import NewToken, RoleName
from runward.testing.worlds import World, name_of
from runward.tracking.model import NewProject, NewRun
from runward.workspace import Workspace
from tests.machines.conftest import Drive

_ROLES = st.sampled_from([None, "viewer", "contributor", "maintainer"])
_RANK = {None: 0, "viewer": 1, "contributor": 2, "maintainer": 4}


class Rights(RuleBasedStateMachine):
    """Three members without a role, a team's two projects with one below each, and another team's."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.owner = world, world.owner
        self.other = f"t-{new_id()}"
        self.owner.governance.create_team(self.other)
        self.teams = {world.team: "team", self.other: "team"}
        self.projects: dict[str, str] = {}
        for team in self.teams:
            above = self.owner.tracking.create_project(NewProject(f"q-{new_id()}", team)).path
            below = self.owner.tracking.create_project(NewProject(f"{above}/{new_id()}")).path
            self.projects |= {above: team, below: team}
        self.names = [name_of(world.member()) for _ in range(3)]
        for name in self.names:
            self.owner.governance.grant(name, "team", world.team, None)
        self.tokens = [self.owner.governance.create_token(NewToken("t", name)).secret for name in self.names]
        self.held: dict[tuple[int, str], str] = {}
        self.away: set[int] = set()

    def _come(self, who: int) -> Workspace:
        """In by the token. Raises: UnauthenticatedError."""
        return self.world.hold(self.tokens[who])

    @rule(who=st.integers(0, 2), data=st.data(), role=_ROLES)
    def grant(self, who: int, data: st.DataObject, role: RoleName | None) -> None:
        kind = data.draw(st.sampled_from(["team", "project"]))
        scope = data.draw(st.sampled_from(sorted(self.teams if kind == "team" else self.projects)))
        self.owner.governance.grant(self.names[who], kind, scope, role)  # type: ignore[arg-type]
        if role is None:
            self.held.pop((who, scope), None)
        else:
            self.held[who, scope] = role

    @rule(who=st.integers(0, 2), by=st.integers(0, 2), data=st.data(), role=_ROLES)
    def grant_as_one_of_them(self, who: int, by: int, data: st.DataObject, role: RoleName | None) -> None:
        """None of them is an admin: nobody can hand on what they hold."""
        scope = data.draw(st.sampled_from(sorted(self.projects)))
        try:
            self._come(by).governance.grant(self.names[who], "project", scope, role)
        except RunwardError:
            return
        raise AssertionError("a role was given by who is no admin")

    @rule(who=st.integers(0, 2))
    def deactivate(self, who: int) -> None:
        self.owner.governance.deactivate_member(self.names[who])
        self.away.add(who)

    @rule(who=st.integers(0, 2))
    def activate(self, who: int) -> None:
        """Tokens that were ended stay so."""
        self.owner.governance.activate_member(self.names[who])
        if who in self.away:
            self.away.discard(who)
            with pytest.raises(UnauthenticatedError):
                self._come(who)
            self.tokens[who] = self.owner.governance.create_token(NewToken("t", self.names[who])).secret

    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        """Within its team: what was granted on it goes along, what is inherited is the new place's."""
        path = data.draw(st.sampled_from(sorted(one for one in self.projects if one.count("/") == 1)))
        team = self.projects[path]
        above = next(one for one, of in self.projects.items() if of == team and "/" not in one)
        moved = self.owner.organise.move_project(path, f"{above}/{new_id()}").path
        self.projects[moved] = self.projects.pop(path)
        self.held = {(who, moved if scope == path else scope): role for (who, scope), role in self.held.items()}

    def _rank(self, who: int, project: str) -> int:
        above = [project, project.partition("/")[0], self.projects[project]]
        return max(_RANK[self.held.get((who, scope))] for scope in above)

    @invariant()
    def each_sees_what_they_may_and_nothing_else(self) -> None:
        for who in range(3):
            try:
                seen = {project.path for project in self._come(who).tracking.list_projects()}
            except UnauthenticatedError:
                assert who in self.away
                continue
            assert who not in self.away
            assert seen & set(self.projects) == {path for path in self.projects if self._rank(who, path)}

    @rule(who=st.integers(0, 2), data=st.data())
    def begin_a_run(self, who: int, data: st.DataObject) -> None:
        project = data.draw(st.sampled_from(sorted(self.projects)))
        try:
            self._come(who).tracking.create_run(NewRun(project=project))
        except RunwardError:
            assert who in self.away or self._rank(who, project) < 2
            return
        assert self._rank(who, project) >= 2
        assert who not in self.away


def test_rights(drive: Drive) -> None:
    """Granted, taken, handed on, members deactivated and back, projects moved."""
    drive(Rights)
