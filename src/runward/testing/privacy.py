"""What every backend knows of persons, keeps how long, and never deletes while it is held."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest

from runward.core.ids import new_id
from runward.errors import ConflictError, ForbiddenError, InvalidError, InvalidTransitionError, NotFoundError
from runward.governance.model import NewMember
from runward.privacy.archive import parts
from runward.privacy.job import carry_out
from runward.privacy.model import Erasure, FileDecision, NewErasure, NewHold, RetentionKind
from runward.repro.certificate import Envelope, verify
from runward.review.model import NewReview
from runward.testing.worlds import World, batch, name_of
from runward.tracking.media import TABLE_TYPE
from runward.tracking.model import NewArtifact, NewProject, NewRun, OutputChunk, Run, RunEnd, RunStatus
from runward.tracking.organise_model import BulkEdit, Collect, NewComment
from runward.workspace import FolderWorkspace, Workspace

_WAIT_S = 120.0


def finished(space: Workspace, erasure_id: str) -> Erasure:
    """An erasure once it is done or waits: a folder carries it out, a server does by itself."""
    if isinstance(space, FolderWorkspace):
        carry_out(space.dispatcher, erasure_id)
    until, pause = time.monotonic() + _WAIT_S, threading.Event()
    while (found := space.privacy.get_erasure(erasure_id)).state == "running":
        assert time.monotonic() < until, f"still at {found.phase}"
        pause.wait(0.2)
    return found


def _admin(world: World) -> Workspace:
    name = f"officer-{new_id()}"
    world.owner.governance.create_member(NewMember(name, role="admin", team="*"))
    return world.enter(name)


def _old(world: World, space: Workspace, project: str = "") -> Run:
    """A run that is over, with a file, a table and a line of output."""
    place = project or world.project
    run = world.run(space, project=place, metrics={"acc": 0.9})
    told = msgspec.structs.replace(batch(1, count=1), output=[OutputChunk("stdout", "hello\n", 1.0)])
    space.tracking.append(run.id, told)
    data, table = (space.files.put_bytes(place, text + run.id.encode()) for text in (b"weights ", b"table "))
    space.tracking.add_artifact(run.id, NewArtifact("model.bin", data))
    space.tracking.add_artifact(run.id, NewArtifact("media/table.json", table, TABLE_TYPE))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    return space.tracking.get_run(run.id).run


class PrivacySuite:
    """A person's data, erasure, retention, legal holds."""

    # a person's data ------------------------------------------------------------------------------------------------

    def test_everybody_takes_out_their_own_data(self, world: World) -> None:
        """Account, runs, comments and what the trail says; no secrets, and nobody else's."""
        space = world.member()
        name, run = name_of(space), world.run(space)
        space.organise.add_comment(run.id, NewComment("mine"))
        tables: dict[str, list[dict[str, object]]] = {}
        place = ""
        while True:
            part = space.privacy.export_person(name, place=place)
            for table, rows in part.tables.items():
                tables.setdefault(table, []).extend(rows)
            place = part.place
            if not place:
                break
        assert [row["name"] for row in tables["members"]] == [name]
        assert [row["id"] for row in tables["runs"]] == [run.id]
        assert [row["body"] for row in tables["comments"]] == ["mine"]
        assert {row["actor"] for row in tables["audit_events"]} >= {name}
        assert all("hash" not in row for row in tables.get("tokens", []))
        other = name_of(world.member())
        with pytest.raises(ForbiddenError, match="export"):
            space.privacy.export_person(other)
        with pytest.raises(ForbiddenError, match="export"):
            space.privacy.export_person(name, ["the"])
        assert world.owner.privacy.export_person(other).tables["members"]
        with pytest.raises(NotFoundError):
            world.owner.privacy.export_person("nobody-there")
        with pytest.raises(InvalidError, match="never given"):
            space.privacy.export_person(name, place="there")

    def test_ones_own_data_shows_nothing_of_what_one_may_not_read(self, world: World) -> None:
        """That somebody else wrote a name elsewhere is for who holds the permission."""
        space, outsider = world.member(), world.outsider()
        name = name_of(space)
        there = outsider.tracking.create_project(NewProject(path=f"secret-{new_id()}")).path
        hidden = outsider.tracking.create_run(NewRun(project=there, name=f"what {name} must not know"))
        seen = world.run(world.member(), name=f"what {name} may know")

        def runs(asker: Workspace) -> set[object]:
            return {row["id"] for part in parts(asker.privacy, name) for row in part.tables.get("runs", [])}

        assert runs(space) == {seen.id}
        assert runs(world.owner) == {seen.id, hidden.id}

    def test_a_person_is_erased_by_two(self, world: World) -> None:
        """Asked for by one, confirmed by another; what they made stays, under a pseudonym, and the trail holds."""
        space, officer = world.member("maintainer"), _admin(world)
        name, run = name_of(space), world.run(space)
        reviewer = world.member("reviewer")
        reviewer.organise.add_comment(run.id, NewComment(f"@{name} is this yours?"))
        survey = world.owner.privacy.survey_person(name)
        assert survey.refused == ""
        assert survey.removed["grants"] == 1
        asked = world.owner.privacy.request_erasure(NewErasure(name, f"{name} left"))
        assert asked.reason == f"{asked.pseudonym} left"
        with pytest.raises(ConflictError, match="under way"):
            officer.privacy.request_erasure(NewErasure(name, "again"))
        with pytest.raises(ForbiddenError):
            space.privacy.confirm_erasure(asked.id)
        officer.privacy.confirm_erasure(asked.id, None, FileDecision("replace"))
        done = finished(officer, asked.id)
        assert (done.state, done.control) == ("done", "dual")
        assert asked.id in {one.id for one in officer.privacy.list_erasures()}
        found = officer.tracking.get_run(run.id).run
        assert found.created_by == done.pseudonym
        assert officer.organise.list_comments(run.id)[0].body == f"@{done.pseudonym} is this yours?"
        assert officer.governance.prove_audit().holds
        assert done.certificate is not None
        statement = verify(msgspec.convert(done.certificate, Envelope), officer.repro.signing_key().public_key.encode())
        assert statement.predicate["pseudonym"] == done.pseudonym
        with pytest.raises(InvalidTransitionError):
            officer.privacy.confirm_erasure(asked.id)
        with pytest.raises(InvalidTransitionError):
            officer.privacy.decide_files(asked.id)

    def test_a_request_is_withdrawn(self, world: World) -> None:
        """As long as nobody has confirmed it."""
        name = name_of(world.member())
        asked = world.owner.privacy.request_erasure(NewErasure(name, "left"))
        assert world.owner.privacy.withdraw_erasure(asked.id).state == "withdrawn"
        with pytest.raises(InvalidTransitionError):
            world.owner.privacy.withdraw_erasure(asked.id)
        with pytest.raises(NotFoundError):
            world.owner.privacy.get_erasure("none")
        with pytest.raises(ForbiddenError):
            world.member("admin").privacy.list_erasures()

    # holds ----------------------------------------------------------------------------------------------------------

    def test_what_is_held_stays(self, world: World) -> None:
        """It is neither deleted nor moved nor collected, nor is its author erased; once lifted it may."""
        space = world.member("maintainer")
        below = world.new_project(world.project)
        run, free = _old(world, space, below), _old(world, space, world.new_project())
        hold = world.owner.privacy.set_hold(NewHold("case 7", project=world.project))
        assert (hold.object_kind, hold.name, hold.lifted_at) == ("project", world.project, None)
        other = world.new_project()
        for attempt in (
            lambda: space.tracking.delete_run(run.id),
            lambda: space.organise.delete_project(below),
            lambda: space.organise.move_project(below, f"moved-{new_id()}"),
            lambda: world.owner.organise.edit_runs(below, _move([run.id], other)),
        ):
            with pytest.raises(ConflictError, match="legal hold"):
                attempt()
        assert "legal hold" in world.owner.privacy.survey_person(name_of(space)).refused
        with pytest.raises(ConflictError, match="legal hold"):
            world.owner.privacy.request_erasure(NewErasure(name_of(space), "left"))
        space.tracking.delete_run(free.id)
        assert hold.id in {one.id for one in world.owner.privacy.list_holds()}
        with pytest.raises(InvalidError, match="reason"):
            world.owner.privacy.lift_hold(hold.id, " ")
        lifted = world.owner.privacy.lift_hold(hold.id, "settled")
        assert (lifted.lifted_reason, lifted.lifted_by) == ("settled", name_of(world.owner))
        with pytest.raises(InvalidTransitionError):
            world.owner.privacy.lift_hold(hold.id, "again")
        assert hold.id not in {one.id for one in world.owner.privacy.list_holds()}
        assert hold.id in {one.id for one in world.owner.privacy.list_holds(lifted=True)}
        space.tracking.delete_run(run.id)

    def test_a_run_that_was_deleted_before_its_hold_is_not_collected(self, world: World) -> None:
        """And comes back whole."""
        space = world.member("maintainer")
        run = _old(world, space)
        hold = world.owner.privacy.set_hold(NewHold("case 8", run_id=run.id))
        world.owner.privacy.lift_hold(hold.id, "wrong run")
        space.tracking.delete_run(run.id)
        hold = world.owner.privacy.set_hold(NewHold("case 8", project=world.project))
        while world.owner.organise.collect_garbage(Collect(grace_days=0)).more:
            pass
        assert space.organise.restore_run(run.id).id == run.id
        world.owner.privacy.lift_hold(hold.id, "over")
        with pytest.raises(NotFoundError):
            world.owner.privacy.set_hold(NewHold("x", run_id="none"))
        with pytest.raises(InvalidError, match="one of them"):
            world.owner.privacy.set_hold(NewHold("x"))
        with pytest.raises(ForbiddenError):
            space.privacy.set_hold(NewHold("x", run_id=run.id))

    # retention ------------------------------------------------------------------------------------------------------

    def test_the_nearest_rule_counts(self, world: World) -> None:
        """A project below may keep longer, or for ever; without a rule of its own it follows."""
        space, below = world.member("maintainer"), world.new_project(world.project)
        space.privacy.set_retention(world.project, "runs", 90)
        (rule,) = space.privacy.list_retention(below)
        assert (rule.project, rule.kind, rule.after_days, rule.results) == (world.project, "runs", 90, False)
        space.privacy.set_retention(below, "runs")
        assert [(one.project, one.after_days) for one in space.privacy.list_retention(below)] == [(below, None)]
        assert {one.project for one in space.privacy.list_retention()} == {world.project, below}
        space.privacy.remove_retention(below, "runs")
        assert [one.project for one in space.privacy.list_retention(below)] == [world.project]
        with pytest.raises(NotFoundError, match="no rule of its own"):
            space.privacy.remove_retention(below, "runs")
        with pytest.raises(InvalidError, match="after_days"):
            space.privacy.set_retention(below, "runs", -1)
        with pytest.raises(ForbiddenError):
            world.member().privacy.set_retention(below, "runs", 1)
        assert world.outsider().privacy.list_retention() == []
        space.privacy.remove_retention(world.project, "runs")

    @pytest.mark.parametrize("kind", ["artifacts", "tables", "logs"])
    def test_what_is_over_its_time_is_set_aside_and_comes_back(self, world: World, kind: RetentionKind) -> None:
        """First out of sight, then gone with the garbage; until then it can be brought back."""
        space = world.member("maintainer")
        run, path = _old(world, space), {"artifacts": "model.bin", "tables": "media/table.json"}.get(kind, "")
        space.privacy.set_retention(world.project, kind, 0)
        told = [one for one in world.owner.privacy.retention_due() if one.project == world.project]
        assert [(one.kind, one.runs, one.items) for one in told] == [(kind, 1, 1)]
        assert told[0].bytes > 0
        done = [one for one in world.owner.privacy.apply_retention() if one.project == world.project]
        assert [one.runs for one in done] == [1]
        assert [(one.kind, one.items) for one in space.privacy.list_set_aside(run.id)] == [(kind, 1)]

        def there() -> bool:
            if path:
                return path in {item.path for item in space.tracking.get_run(run.id).artifacts}
            return bool(space.tracking.output(run.id).chunks)

        assert not there()
        space.privacy.remove_retention(world.project, kind)
        while world.owner.organise.collect_garbage(Collect(grace_days=1)).more:
            pass
        assert space.privacy.restore_set_aside(run.id, kind) == []
        assert there()
        with pytest.raises(NotFoundError, match="set aside"):
            space.privacy.restore_set_aside(run.id, kind)

    def test_results_and_what_is_held_are_spared(self, world: World) -> None:
        """A team result goes only by a rule that says so."""
        space, reviewer = world.member("maintainer"), world.member("reviewer")
        result, held, plain = (_old(world, space) for _ in range(3))
        _approve(space, reviewer, result)
        hold = world.owner.privacy.set_hold(NewHold("case", run_id=held.id))
        space.privacy.set_retention(world.project, "runs", 0)
        (told,) = [one for one in world.owner.privacy.retention_due() if one.project == world.project]
        assert (told.runs, told.spared_results, told.spared_held) == (1, 1, 1)
        world.owner.privacy.apply_retention()
        listed = {run.id for run in space.tracking.search_runs(world.project).runs}
        assert listed == {result.id, held.id}
        assert space.organise.restore_run(plain.id).id == plain.id
        space.privacy.set_retention(world.project, "runs", 0, results=True)
        world.owner.privacy.apply_retention()
        assert {run.id for run in space.tracking.search_runs(world.project).runs} == {held.id}
        world.owner.privacy.lift_hold(hold.id, "over")
        space.privacy.remove_retention(world.project, "runs")

    def test_rules_take_only_what_is_over(self, world: World) -> None:
        """Neither what goes on nor what ended a short time ago."""
        space = world.member("maintainer")
        world.run(space)
        _old(world, space)
        space.privacy.set_retention(world.project, "runs", 30)
        assert [one for one in world.owner.privacy.retention_due() if one.project == world.project] == []
        space.privacy.remove_retention(world.project, "runs")


def _move(run_ids: list[str], to: str) -> BulkEdit:
    return BulkEdit(run_ids=run_ids, move_to=to)


def _approve(space: Workspace, reviewer: Workspace, run: Run) -> None:
    asked = space.review.request_review(NewReview(run_id=run.id))
    reviewer.review.approve(asked.review.id)
    if "team_result" not in {mark.kind for mark in space.tracking.get_run(run.id).run.marks}:
        reviewer.review.apply_review(asked.review.id)
