"""What every backend does with standards over time and over the tree of projects."""

from __future__ import annotations

from typing import Any

import pytest

from runward.core.etag import tag, tag_of
from runward.core.operation import matching
from runward.errors import (
    ConflictError,
    EditedMeanwhileError,
    ForbiddenError,
    GateClosedError,
    InvalidError,
    NotFoundError,
)
from runward.review.model import MetricRule, NewReview, Standards, Verdict
from runward.review.standards_api import StandardsDesk
from runward.review.standards_model import StandardsEdit
from runward.testing.worlds import World, name_of
from runward.tracking.model import CapturePart, RunEnd, RunStatus
from runward.workspace import Workspace

_TEAM = {
    "approvals": 2,
    "required_metrics": ["acc"],
    "default_hyperparameters": {"lr": 0.1, "opt": {"name": "sgd", "m": 0.9}},
}


def _edit(space: Workspace, project: str, *leave: str, **values: Any) -> Any:
    named = {key.replace("__", "."): value for key, value in values.items()}
    return space.standards.edit(project, StandardsEdit(values=named, leave=list(leave)))


def _said(space: Workspace, project: str) -> dict[str, tuple[Any, str]]:
    return {value.key: (value.value, value.project) for value in space.standards.in_force(project).values}


class StandardsSuite:
    """Inheritance by field, origins, versions, edits."""

    def test_a_project_inherits_what_it_does_not_say(self, world: World) -> None:
        """Mappings merge key by key, everything else is taken whole; each value names the project that said it."""
        space = world.member("maintainer")
        child = world.new_project(world.project)
        leaf = world.new_project(child)
        _edit(space, world.project, **_TEAM)
        _edit(space, child, approvals=1, default_hyperparameters={"opt": {"m": 0.5}, "epochs": 3})
        said = _said(space, leaf)
        assert said["approvals"] == (1, child)
        assert said["required_metrics"] == (["acc"], world.project)
        assert said["default_hyperparameters.lr"] == (0.1, world.project)
        assert said["default_hyperparameters.opt.name"] == ("sgd", world.project)
        assert said["default_hyperparameters.opt.m"] == (0.5, child)
        assert said["default_hyperparameters.epochs"] == (3, child)
        assert said["naming"] == ("", "")
        found = space.review.get_standards(leaf)
        assert found.standards.approvals == 1
        assert found.standards.default_hyperparameters == {"lr": 0.1, "opt": {"name": "sgd", "m": 0.5}, "epochs": 3}
        assert found.project == child
        assert space.standards.in_force(leaf).version == 0
        assert space.standards.in_force(leaf).standards == found.standards
        assert space.review.get_standards(world.project).standards.approvals == 2

    def test_what_is_inherited_counts_at_the_gates(self, world: World) -> None:
        """A child that says something else does not shake off the team's required metrics."""
        space = world.member("maintainer")
        child = world.new_project(world.project)
        _edit(space, world.project, required_metrics=["f1"])
        _edit(space, child, approvals=0)
        run = world.run(space, project=child, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        report = space.review.gates(run.id)
        assert not report.passed
        assert "metric f1" in {gate.name for gate in report.results}

    def test_a_whole_document_says_every_field(self, world: World) -> None:
        """As programs that know nothing of inheritance expect; only default hyperparameters still merge."""
        space = world.member("maintainer")
        child = world.new_project(world.project)
        _edit(space, world.project, **_TEAM)
        space.review.set_standards(child, Standards(naming="[a-z]+"))
        assert _said(space, child)["approvals"] == (1, child)
        space.review.set_standards(child, Standards(naming="[a-z]+", inherits=["approvals", "required_metrics"]))
        assert _said(space, child)["approvals"] == (2, world.project)
        assert space.review.get_standards(child).standards.required_metrics == ["acc"]
        with pytest.raises(InvalidError, match="aprovals"):
            space.review.set_standards(child, Standards(inherits=["aprovals"]))

    def test_every_version_stays_and_going_back_is_a_new_one(self, world: World) -> None:
        """With author and date; the same content again makes no version."""
        space = world.member("maintainer")
        first = _edit(space, world.project, **_TEAM)
        assert (first.version, first.author, first.project) == (1, name_of(space), world.project)
        assert first.at is not None
        assert "naming" in first.standards.inherits
        assert "approvals" not in first.standards.inherits
        _edit(space, world.project, "required_metrics", approvals=3, default_hyperparameters__lr=0.2)
        assert _edit(space, world.project, approvals=3).version == 2
        changed = {c.key: (c.how, c.before, c.after) for c in space.standards.compare(world.project, 1, 2)}
        assert changed == {
            "approvals": ("changed", 2, 3),
            "required_metrics": ("removed", ["acc"], None),
            "default_hyperparameters.lr": ("changed", 0.1, 0.2),
        }
        back = space.standards.edit(world.project, StandardsEdit(start=1))
        assert back.version == 3
        assert space.standards.compare(world.project, 1, 3) == []
        assert {c.key for c in space.standards.compare(world.project, 0, 1)} == set(_TEAM)
        assert [version.version for version in space.standards.list_versions(world.project)] == [3, 2, 1]
        with pytest.raises(NotFoundError, match="version 9"):
            space.standards.edit(world.project, StandardsEdit(start=9))
        with pytest.raises(NotFoundError, match="version 9"):
            space.standards.compare(world.project, 1, 9)

    def test_a_team_configuration_is_understood(self, world: World) -> None:
        """Its names, and its thresholds in all their forms; one threshold can be set or taken away alone."""
        space = world.member("maintainer")
        limits = {"accuracy": 0.95, "latency": {"max": 5}, "f2": ">=0.5"}
        edit = {"team_name": "lab", "project_name": "x", "performance_thresholds": limits}
        found = space.standards.edit(world.project, StandardsEdit(values=edit)).standards
        assert found.name == "lab"
        rules = [MetricRule("accuracy", ">=", 0.95), MetricRule("latency", "<=", 5), MetricRule("f2", ">=", 0.5)]
        assert found.thresholds == rules
        found = _edit(space, world.project, "thresholds.latency", thresholds__accuracy=">=0.9").standards
        assert found.thresholds == [MetricRule("f2", ">=", 0.5), MetricRule("accuracy", ">=", 0.9)]
        changed = {c.key: (c.before, c.after) for c in space.standards.compare(world.project, 1, 2)}
        assert changed == {"thresholds.accuracy": (">=0.95", ">=0.9"), "thresholds.latency": ("<=5", None)}

    @pytest.mark.parametrize(
        ("values", "field", "said"),
        [
            ({"aprovals": 2}, "aprovals", "did you mean 'approvals'"),
            ({"required_metric": []}, "required_metric", "required_metrics"),
            ({"approvals": "two"}, "approvals", "approvals: expected `int`"),
            ({"thresholds": [{"metric": "acc"}]}, "thresholds", "op"),
            ({"thresholds.gain": 0.5}, None, "direction"),
            ({"approvals.x": 1}, "approvals", "as a whole"),
            ({"approvals": 99}, None, "approvals"),
            ({"naming": "("}, "naming", "naming"),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_a_wrong_field_is_named(self, world: World, values: dict[str, Any], field: str | None, said: str) -> None:
        """With the way out; nothing is stored."""
        space = world.member("maintainer")
        with pytest.raises(InvalidError) as caught:
            space.standards.edit(world.project, StandardsEdit(values=values))
        assert said in str(caught.value)
        assert caught.value.details.get("field") == field
        assert space.standards.list_versions(world.project) == []

    def test_an_edit_of_another_version_than_the_newest_is_refused(self, world: World) -> None:
        """Two who edit at once do not overwrite each other."""
        space = world.member("maintainer")
        seen = matching(space.standards, tag_of(StandardsDesk.in_force, space.standards.in_force(world.project)))
        seen.edit(world.project, StandardsEdit(values={"approvals": 2}))
        with pytest.raises(EditedMeanwhileError, match="standards/in-force of project"):
            seen.edit(world.project, StandardsEdit(values={"approvals": 3}))
        with pytest.raises(EditedMeanwhileError):
            seen.propose(world.project, StandardsEdit(values={"approvals": 3}))
        with pytest.raises(EditedMeanwhileError):
            matching(space.review, tag([0])).set_standards(world.project, Standards(approvals=3))
        again = matching(space.standards, tag([1]))
        assert again.edit(world.project, StandardsEdit(values={"approvals": 3})).version == 2

    def test_a_workflow_is_held_by_a_gate_on_the_branch(self, world: World) -> None:
        """The name is refused in the words of the rule; code on no branch cannot be judged."""
        space = world.member("maintainer")
        _edit(space, world.project, workflow="gitflow", release_process="Tag it.")
        verdicts = {}
        code = space.files.put_bytes(world.project, b'{"files": []}')
        for branch in ("feature/x", "wip", ""):
            run = world.run(space, metrics={"acc": 0.9})
            facts = {"branch": branch, "commit": "c" * 40}
            space.tracking.put_captures(run.id, [CapturePart("code", code, facts)])
            space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
            gate = next(gate for gate in space.review.gates(run.id).results if gate.name == "branch")
            verdicts[branch] = (gate.verdict, gate.message)
        assert {branch: verdict for branch, (verdict, _) in verdicts.items()} == {
            "feature/x": Verdict.PASS,
            "wip": Verdict.FAIL,
            "": Verdict.UNDECIDED,
        }
        assert "release/VERSION" in verdicts["wip"][1]
        _edit(space, world.project, branches="exp/[0-9]+")
        report = space.review.evaluate_gates(run.id)
        assert "branch" in {gate.name for gate in report.results}

    @pytest.mark.parametrize(
        ("field", "value"), [("branches", "("), ("required_items", ["unit_test_written"]), ("workflow", "svn")]
    )
    def test_a_workflow_that_does_not_exist_is_refused(self, world: World, field: str, value: Any) -> None:
        """The field is named."""
        with pytest.raises(InvalidError) as caught:
            _edit(world.member("maintainer"), world.project, **{field: value})
        assert caught.value.details["field"] == field

    def test_required_items_of_the_checklist_hold_a_review(self, world: World) -> None:
        """Where no code was captured they are undecided, which is no pass."""
        space = world.member("maintainer")
        run = world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        review = space.review.request_review(NewReview(run.id)).review.id
        assert "unit_tests_written" not in {check.name for check in space.review.get_review(review).checks}
        _edit(space, world.project, required_items=["unit_tests_written"])
        detail = space.review.run_checks(review)
        checked = {check.name: check for check in detail.checks}["unit_tests_written"]
        assert (checked.verdict, checked.required) == (Verdict.UNDECIDED, True)
        assert any("unit_tests_written" in said for said in detail.missing)

    def test_a_change_is_proposed_and_applied_by_a_review(self, world: World) -> None:
        """By any member; where the standards change only so, no edit goes past it, and the rest stays inherited."""
        space, member = world.member("maintainer"), world.member()
        _edit(space, world.project, change_by_review=True, approvals=1)
        for way_round in (
            lambda: _edit(space, world.project, approvals=0),
            lambda: space.standards.edit(world.project, StandardsEdit(start=0)),
        ):
            with pytest.raises(GateClosedError, match="only by a review"):
                way_round()
        asked = member.standards.propose(world.project, StandardsEdit(values={"max_wall_s": 60}), "Shorter", "why")
        assert (asked.review.title, asked.review.description) == ("Shorter", "why")
        assert "+max_wall_s: 60.0" in asked.changes[0].diff
        assert "approvals" not in asked.changes[0].diff.replace(" approvals", "")
        assert space.review.approve(asked.review.id).review.state == "applied"
        newest = space.standards.list_versions(world.project)[0]
        assert (newest.version, newest.standards.max_wall_s) == (2, 60)
        assert "naming" in newest.standards.inherits
        assert _said(space, world.project)["naming"] == ("", "")
        with pytest.raises(ConflictError, match="says that already"):
            member.standards.propose(world.project, StandardsEdit(values={"max_wall_s": 60}))
        with pytest.raises(ForbiddenError):
            world.member("viewer").standards.propose(world.project, StandardsEdit(values={"approvals": 2}))

    def test_who_may_read_and_who_may_set(self, world: World) -> None:
        """Members read, maintainers set, nobody else sees that there is a project."""
        _edit(world.member("maintainer"), world.project, approvals=2)
        member, stranger = world.member(), world.outsider()
        assert member.standards.in_force(world.project).version == 1
        with pytest.raises(ForbiddenError):
            _edit(member, world.project, approvals=0)
        for ask in (
            lambda: stranger.standards.in_force(world.project),
            lambda: stranger.standards.list_versions(world.project),
            lambda: stranger.standards.compare(world.project, 0, 1),
            lambda: _edit(stranger, world.project, approvals=0),
        ):
            with pytest.raises(NotFoundError):
                ask()
