"""Inboxes and web hooks: whoever comes, goes, writes and mentions, each hears what they may, once, and nobody else does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runward.coordination.hooks_model import NewHook
from runward.coordination.model import TeamMessage
from runward.core.ids import new_id
from runward.errors import NotFoundError, RunwardError
from runward.knowledge.model import NewPage
from runward.testing.worlds import World, name_of
from runward.tracking.model import RunStatus
from runward.tracking.organise_model import NewComment
from tests.machines.conftest import Drive

_WHO = st.integers(0, 2)
_LEAST = {"viewer": 1, "contributor": 2, None: 0}


class Inboxes(RuleBasedStateMachine):
    """Three people whose roles come and go, one run that they talk about, and what each has in the inbox."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.people = world, [world.member() for _ in range(3)]
        self.names = [name_of(space) for space in self.people]
        self.roles: list[str | None] = ["contributor"] * 3
        self.run = world.run(self.people[0]).id
        self.told: list[list[tuple[str, str]]] = [[], [], []]
        """(kind, words) of each, oldest first."""
        self.seen: list[set[int]] = [set(), set(), set()]

    def _rank(self, who: int) -> int:
        return _LEAST[self.roles[who]]

    @rule(who=_WHO, role=st.sampled_from([None, "viewer", "contributor"]))
    def grant(self, who: int, role: Any) -> None:
        self.world.owner.governance.grant(self.names[who], "team", self.world.team, role)
        self.roles[who] = role

    @rule(who=_WHO)
    def write_to_the_team(self, who: int) -> None:
        title = new_id()
        try:
            reached = self.people[who].coordination.notify_team(TeamMessage(title, team=self.world.team))
        except RunwardError:
            assert self._rank(who) < 2
            return
        assert self._rank(who) == 2
        others = [one for one in range(3) if one != who and self._rank(one)]
        # Admins of the workspace belong to every team.
        assert reached >= len(others)
        for one in others:
            self.told[one].append(("team.message", title))

    @rule(who=_WHO, mentioned=st.lists(_WHO, max_size=3))
    def comment(self, who: int, mentioned: list[int]) -> None:
        text = f"{new_id()} {' '.join(f'@{self.names[one]}' for one in mentioned)}"
        try:
            self.people[who].organise.add_comment(self.run, NewComment(text))
        except RunwardError:
            assert self._rank(who) < 2
            return
        assert self._rank(who) == 2
        for one in range(3):
            # The first of them began the run.
            if one != who and self._rank(one) and one in {0, *mentioned}:
                self.told[one].append(("comment.mentioned" if one in mentioned else "comment.written", text))

    @rule(who=_WHO, of=_WHO, count=st.integers(1, 2))
    def mark(self, who: int, of: int, count: int) -> None:
        """Numbers of somebody else's are not theirs to mark."""
        numbers = [item.id for item in self.people[of].coordination.inbox(limit=1000).items if not item.read][:count]
        if numbers:
            self.people[who].coordination.mark_read(numbers)
        if who == of:
            self.seen[who] |= set(numbers)

    @rule(who=_WHO)
    def mark_all(self, who: int) -> None:
        self.people[who].coordination.mark_read([])
        self.seen[who] |= {item.id for item in self.people[who].coordination.inbox(limit=1000).items}

    @invariant()
    def each_has_what_was_for_them_once(self) -> None:
        for who, space in enumerate(self.people):
            found = space.coordination.inbox(limit=1000)
            items = sorted(found.items, key=lambda item: item.id)
            assert [
                (item.kind, item.title if item.kind == "team.message" else item.body) for item in items
            ] == self.told[who]
            assert {item.id for item in items if item.read} == self.seen[who]
            assert found.unread == len(items) - len(self.seen[who])
            assert [item.read for item in found.items] == sorted(item.read for item in found.items)


class Hooks(RuleBasedStateMachine):
    """Web hooks on a project, on one below it, and on the team; each is told of what happens where it listens."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.space = world, world.member("maintainer")
        self.projects = [world.project, world.new_project(world.project)]
        self.hooks: dict[str, tuple[str, set[str]]] = {}
        """Where each listens, and for what."""
        self.due: dict[str, list[str]] = {}
        """The kinds of events that each was told of, oldest first."""
        self.gone: set[str] = set()

    @rule(where=st.sampled_from(["team", "above", "below"]), events=st.sampled_from(["*", "page.*", "run.ended"]))
    def make(self, where: str, events: str) -> None:
        new, hooks = NewHook(f"https://203.0.113.1/{new_id()}", [events]), self.space.hooks
        project = self.projects[where == "below"]
        made = (
            hooks.create_team_hook(self.world.team, new) if where == "team" else hooks.create_project_hook(project, new)
        ).hook.id
        self.hooks[made] = (where, {events})
        self.due[made] = []

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if not self.hooks:
            return
        hook = list(self.hooks)[data.draw(st.integers(0, len(self.hooks) - 1))]
        self.space.hooks.delete_hook(hook)
        del self.hooks[hook]
        self.gone.add(hook)

    def _happens(self, kind: str, places: set[str]) -> None:
        for hook, (where, events) in self.hooks.items():
            if where in places and events & {"*", kind, f"{kind.partition('.')[0]}.*"}:
                self.due[hook].append(kind)

    @rule(below=st.booleans())
    def a_run_ends(self, below: bool) -> None:
        self.world.run(self.space, project=self.projects[below], end=RunStatus.FINISHED)
        self._happens("run.ended", {"team", "above", "below"} if below else {"team", "above"})

    @rule()
    def a_page_is_published(self) -> None:
        self.space.knowledge.publish(NewPage(title=new_id(), team=self.world.team))
        self._happens("page.published", {"team"})

    @rule(data=st.data())
    def test(self, data: st.DataObject) -> None:
        if not self.hooks:
            return
        hook = list(self.hooks)[data.draw(st.integers(0, len(self.hooks) - 1))]
        self.space.hooks.send_test(hook)
        self.due[hook].append("hook.test")

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Under its old id: it is the same delivery."""
        sent = [one.id for hook in self.hooks for one in self.space.hooks.list_deliveries(hook)]
        if sent:
            self.space.hooks.deliver_again(sent[data.draw(st.integers(0, len(sent) - 1))])

    @invariant()
    def each_is_told_of_what_it_listens_for(self) -> None:
        for hook in self.hooks:
            assert sorted(one.kind for one in self.space.hooks.list_deliveries(hook, 1000)) == sorted(self.due[hook])
        for hook in self.gone:
            with pytest.raises(NotFoundError):
                self.space.hooks.list_deliveries(hook)


def test_inboxes(drive: Drive) -> None:
    """Messages to a team, comments with mentions, marks; roles change meanwhile."""
    drive(Inboxes)


def test_hooks(drive: Drive) -> None:
    """Made on three places, tried, removed; runs are talked about."""
    drive(Hooks)
