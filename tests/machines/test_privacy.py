"""Forgetting and keeping: erasures by two, holds and rules of retention in any order; what is held stays, what is erased is gone."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runward.core.ids import new_id
from runward.errors import RunwardError
from runward.governance.model import NewMember
from runward.privacy.archive import parts
from runward.privacy.model import FileDecision, NewErasure, NewHold
from runward.testing.privacy import finished
from runward.testing.worlds import World, name_of
from runward.tracking.model import NewProject, RunStatus
from runward.tracking.organise_model import Collect, NewComment
from runward.workspace import Workspace
from tests.machines.conftest import Drive

_OFFICERS = st.integers(0, 1)


class Erasures(RuleBasedStateMachine):
    """Two officers of whom one asks and the other confirms, and three people whose names stand in each other's words."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.officers = [self._officer() for _ in range(2)]
        self.people = [world.member() for _ in range(3)]
        self.names = [name_of(space) for space in self.people]
        self.runs = [world.run(space).id for space in self.people]
        self.comments: list[tuple[int, int, str]] = []
        """Who wrote about whom, on whose run, and the comment's id."""
        self.asked: dict[str, tuple[int, int]] = {}
        """Whom (person) an open erasure is of, and which officer asked for it."""
        self.gone: dict[int, str] = {}
        """Pseudonyms of who was erased."""
        self.held: dict[str, int] = {}
        """Holds that count, with the run that they are on."""

    def _officer(self) -> Workspace:
        name = f"officer-{new_id()}"
        self.world.owner.governance.create_member(NewMember(name, role="admin", team="*"))
        return self.world.enter(name)

    def _is_held(self, whom: int) -> bool:
        """What they made or wrote is evidence."""
        theirs = {whom, *(about for who, about, _ in self.comments if who == whom)}
        return bool(theirs & set(self.held.values()))

    @rule(who=st.integers(0, 2), about=st.integers(0, 2))
    def write(self, who: int, about: int) -> None:
        if who in self.gone or about in self.gone:
            return
        made = self.people[who].organise.add_comment(self.runs[about], NewComment(f"ask {self.names[about]} again"))
        self.comments.append((who, about, made.id))

    @rule(whom=st.integers(0, 2), by=_OFFICERS)
    def ask(self, whom: int, by: int) -> None:
        name = self.gone.get(whom, self.names[whom])
        is_open = any(of == whom for of, _ in self.asked.values())
        try:
            asked = self.officers[by].privacy.request_erasure(NewErasure(name, f"{name} left"))
        except RunwardError:
            assert is_open or whom in self.gone or self._is_held(whom)
            return
        assert not is_open
        assert whom not in self.gone
        assert not self._is_held(whom)
        self.asked[asked.id] = (whom, by)

    @rule(data=st.data(), by=_OFFICERS)
    def withdraw(self, data: st.DataObject, by: int) -> None:
        if self.asked:
            erasure = self._one(data, self.asked)
            assert self.officers[by].privacy.withdraw_erasure(erasure).state == "withdrawn"
            del self.asked[erasure]

    @rule(data=st.data(), by=st.integers(0, 2))
    def confirm(self, data: st.DataObject, by: int) -> None:
        """By who did not ask; the third is somebody without the permission."""
        if not self.asked:
            return
        erasure = self._one(data, self.asked)
        whom, asker = self.asked[erasure]
        space = self.officers[by] if by < 2 else self.world.member("maintainer")
        try:
            space.privacy.confirm_erasure(erasure, None, FileDecision("replace"))
        except RunwardError:
            assert by in (asker, 2) or self._is_held(whom)
            return
        assert by not in (asker, 2)
        assert not self._is_held(whom)
        done = finished(self.officers[by], erasure)
        assert (done.state, done.control) == ("done", "dual")
        self.gone[whom] = done.pseudonym
        del self.asked[erasure]

    @rule(whom=st.integers(0, 2))
    def hold(self, whom: int) -> None:
        self.held[self.world.owner.privacy.set_hold(NewHold("case", run_id=self.runs[whom])).id] = whom

    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        if self.held:
            hold = self._one(data, self.held)
            self.world.owner.privacy.lift_hold(hold, "over")
            del self.held[hold]

    def _one(self, data: st.DataObject, of: dict[str, Any]) -> str:
        return list(of)[data.draw(st.integers(0, len(of) - 1))]

    @invariant()
    def who_is_gone_is_named_nowhere(self) -> None:
        """And what they made, and what was said of them, is there under another name."""
        for whom in range(3):
            name = self.gone.get(whom, self.names[whom])
            assert self.officers[0].tracking.get_run(self.runs[whom]).run.created_by == name
        bodies = {one.id: one.body for run in self.runs for one in self.officers[0].organise.list_comments(run)}
        for _, about, comment in self.comments:
            assert bodies[comment] == f"ask {self.gone.get(about, self.names[about])} again"
        for whom in self.gone:
            assert self.names[whom] not in {member.name for member in self.officers[0].governance.list_members()}

    @rule(whom=st.integers(0, 2), by=st.integers(0, 2))
    def take_out(self, whom: int, by: int) -> None:
        """One's own; nobody else's."""
        if {whom, by} & set(self.gone):
            return
        try:
            found = list(parts(self.people[by].privacy, self.names[whom]))
        except RunwardError:
            assert whom != by
            return
        assert whom == by
        assert [row["id"] for part in found for row in part.tables.get("runs", [])] == [self.runs[whom]]

    def teardown(self) -> None:
        assert self.officers[0].governance.prove_audit().holds
        for hold in self.held:
            self.world.owner.privacy.lift_hold(hold, "over")
        for erasure in self.asked:
            self.officers[0].privacy.withdraw_erasure(erasure)


class Keeping(RuleBasedStateMachine):
    """A project, one below it, runs in both; rules, holds, deletions and collections."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.space, self.owner = world, world.member("maintainer"), world.owner.privacy
        below = self.space.tracking.create_project(NewProject(f"{world.project}/{new_id()}")).path
        self.places = [world.project, below]
        self.terms: dict[int, float | None] = {}
        self.runs: dict[str, int] = {}
        self.away: set[str] = set()
        self.gone: set[str] = set()
        self.holds: dict[str, str | int] = {}

    def _is_held(self, run: str) -> bool:
        place = self.runs[run]
        return any(on in (run, 0, place) for on in self.holds.values())

    @rule(place=st.integers(0, 1))
    def make(self, place: int) -> None:
        run = self.world.run(self.space, project=self.places[place], end=RunStatus.FINISHED)
        self.runs[run.id] = place

    @rule(place=st.integers(0, 1), days=st.sampled_from([0, 30, None]))
    def set_rule(self, place: int, days: float | None) -> None:
        self.space.privacy.set_retention(self.places[place], "runs", days)
        self.terms[place] = days

    @rule(place=st.integers(0, 1))
    def remove_rule(self, place: int) -> None:
        try:
            self.space.privacy.remove_retention(self.places[place], "runs")
        except RunwardError:
            assert place not in self.terms
            return
        del self.terms[place]

    @rule()
    def apply(self) -> None:
        self.owner.apply_retention()
        for run, place in self.runs.items():
            days = self.terms.get(place, self.terms.get(0))
            if days == 0 and not self._is_held(run) and run not in self.gone:
                self.away.add(run)

    @rule(data=st.data(), back=st.booleans())
    def delete_or_restore(self, data: st.DataObject, back: bool) -> None:
        if not self.runs:
            return
        run = list(self.runs)[data.draw(st.integers(0, len(self.runs) - 1))]
        try:
            if back:
                self.space.organise.restore_run(run)
            else:
                self.space.tracking.delete_run(run)
        except RunwardError:
            assert run in self.gone or (run not in self.away if back else run in self.away or self._is_held(run))
            return
        assert run not in self.gone
        assert back or not self._is_held(run)
        (self.away.discard if back else self.away.add)(run)

    @rule()
    def collect(self) -> None:
        while self.world.owner.organise.collect_garbage(Collect(grace_days=0)).more:
            pass
        taken = {run for run in self.away if not self._is_held(run)}
        self.away -= taken
        self.gone |= taken

    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        there = [run for run in self.runs if run not in {*self.away, *self.gone}]
        # A project, or a run that is there.
        places: list[str | int] = [0, 1, *there]
        on = places[data.draw(st.integers(0, len(places) - 1))]
        new = NewHold("case", run_id=on) if isinstance(on, str) else NewHold("case", project=self.places[on])
        self.holds[self.owner.set_hold(new).id] = on

    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        if self.holds:
            hold = list(self.holds)[data.draw(st.integers(0, len(self.holds) - 1))]
            self.owner.lift_hold(hold, "over")
            del self.holds[hold]

    @invariant()
    def what_is_not_gone_is_there(self) -> None:
        found = {run.id for run in self.space.tracking.search_runs(self.world.project, limit=1000).runs}
        assert found == set(self.runs) - self.away - self.gone
        told = {rule.project: rule.after_days for rule in self.space.privacy.list_retention()}
        assert told == {self.places[place]: days for place, days in self.terms.items()}

    def teardown(self) -> None:
        """Rules and holds of one example are none of the next."""
        for hold in self.holds:
            self.owner.lift_hold(hold, "over")
        for place in self.terms:
            self.space.privacy.remove_retention(self.places[place], "runs")


def test_erasures(drive: Drive) -> None:
    """Asked for, withdrawn, confirmed by the right and the wrong; people are held, named and take out what is theirs."""
    drive(Erasures)


def test_keeping(drive: Drive) -> None:
    """Rules, holds, deletions, restorations and collections."""
    drive(Keeping)
