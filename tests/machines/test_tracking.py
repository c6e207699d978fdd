"""Projects and runs against a model of them: whatever happens in whichever order, what is told is what was done."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from runward.core.ids import new_id
from runward.errors import RunwardError
from runward.testing.worlds import World, batch, values_of
from runward.tracking.model import NewProject, NewRun, Run, RunEnd, RunPatch, RunStatus
from tests.machines.conftest import Drive

_KEYS = st.sampled_from(["loss", "acc", "größe"])
_TAGS = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "x", "y"]))
_VALUES = st.floats(width=32, allow_nan=False)


class Known:
    """What the machine did to a run."""

    def __init__(self, run: Run) -> None:
        self.id, self.project, self.frames = run.id, run.project, 0
        self.points: dict[str, list[float]] = {}
        self.tags: dict[str, str] = {}
        self.ended = self.deleted = False


class Runs(RuleBasedStateMachine):
    """A model of one team's projects and runs."""

    runs = Bundle("runs")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.space = world, world.member("maintainer")
        self.projects = [world.project]
        self.known: list[Known] = []

    @rule(data=st.data())
    def create_project(self, data: st.DataObject) -> None:
        above = data.draw(st.sampled_from(self.projects))
        self.projects.append(self.space.tracking.create_project(NewProject(f"{above}/{new_id()}")).path)

    @rule(target=runs, data=st.data(), tags=_TAGS)
    def create_run(self, data: st.DataObject, tags: dict[str, str]) -> Any:
        project = data.draw(st.sampled_from(self.projects))
        self.known.append(known := Known(self.space.tracking.create_run(NewRun(project=project, tags=tags))))
        known.tags = dict(tags)
        return known

    @rule(known=runs, key=_KEYS, values=st.lists(_VALUES, min_size=1, max_size=3))
    def log(self, known: Known, key: str, values: list[float]) -> None:
        at = len(known.points.get(key, []))
        points = {key: [(at + index, value) for index, value in enumerate(values)]}
        try:
            self.space.tracking.append(known.id, batch(known.frames, points))
        except RunwardError:
            assert known.deleted
            return
        assert not known.deleted
        known.frames += 1
        known.points.setdefault(key, []).extend(values)

    @rule(known=runs)
    def send_again(self, known: Known) -> None:
        """A batch that is known already changes nothing."""
        if known.frames and not known.deleted:
            self.space.tracking.append(known.id, batch(known.frames - 1, {"loss": [(10**6, 1.0)]}))

    @rule(known=runs, key=st.sampled_from("ab"), value=st.sampled_from(["", "x", "y"]))
    def tag(self, known: Known, key: str, value: str) -> None:
        try:
            self.space.tracking.update_run(known.id, RunPatch(tags={key: value}))
        except RunwardError:
            assert known.deleted
            return
        known.tags[key] = value

    @rule(known=runs, status=st.sampled_from([RunStatus.FINISHED, RunStatus.FAILED]))
    def end(self, known: Known, status: RunStatus) -> None:
        try:
            self.space.tracking.end_run(known.id, RunEnd(status))
        except RunwardError:
            assert known.deleted or known.ended
            return
        known.ended = True

    @rule(known=runs)
    def delete(self, known: Known) -> None:
        try:
            self.space.tracking.delete_run(known.id)
        except RunwardError:
            assert known.deleted
            return
        known.deleted = True

    @rule(known=runs)
    def restore(self, known: Known) -> None:
        try:
            self.space.organise.restore_run(known.id)
        except RunwardError:
            assert not known.deleted
            return
        known.deleted = False

    @rule(data=st.data())
    def move_project(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.projects))
        above = data.draw(
            st.sampled_from([one for one in self.projects if not f"{one}/".startswith(f"{path}/")] or [""])
        )
        if path == self.world.project or not above:
            return
        moved = self.space.organise.move_project(path, f"{above}/{new_id()}").path

        def now(of: str) -> str:
            return moved + of[len(path) :] if f"{of}/".startswith(f"{path}/") else of

        self.projects = [now(one) for one in self.projects]
        for known in self.known:
            known.project = now(known.project)

    @invariant()
    def every_run_is_told_once_where_it_lies(self) -> None:
        found = self.space.tracking.search_runs(project=self.world.project, limit=1000)
        alive = {known.id: known.project for known in self.known if not known.deleted}
        assert {run.id: run.project for run in found.runs} == alive
        assert found.total == len(alive)

    @invariant()
    def what_was_logged_is_there_in_order(self) -> None:
        for known in self.known[-3:]:
            if known.deleted:
                continue
            run = self.space.tracking.get_run(known.id).run
            assert run.tags == known.tags
            assert (run.status is not RunStatus.RUNNING) == known.ended
            told = {
                one.key: values_of(one) for one in self.space.tracking.series(known.id, ["loss", "acc", "größe"]).series
            }
            assert {key: values for key, values in told.items() if values} == known.points


def test_projects_and_runs(drive: Drive) -> None:
    """Created, logged to, tagged, ended, deleted, restored, moved with their projects."""
    drive(Runs)
