"""Evidence is bound to content: what changes afterwards is shown as outdated, everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from runward.core.permissions import Role
from runward.errors import GateClosedError
from runward.governance.model import Actor
from runward.governance.signin import ensure_member
from runward.review.model import MetricRule, NewReview, ReviewState, Standards
from runward.tracking.model import Batch, NewProject, NewRun, RunEnd, RunPatch, RunStatus
from runward.workspace import FolderWorkspace, open_folder


@pytest.fixture
def space(tmp_path: Path) -> FolderWorkspace:
    found = open_folder(tmp_path / "ws", "ann")
    found.tracking.create_project(NewProject(path="p"))
    return found


def _reviewer(space: FolderWorkspace) -> FolderWorkspace:
    with space.dispatcher.database.transaction(write=True) as tx:
        member = ensure_member(tx, "ben", kind="person", role=Role.REVIEWER)
    return space.as_member(Actor(member, "ben", True, "test"))


def _finished(space: FolderWorkspace, name: str) -> str:
    run = space.tracking.create_run(NewRun(project="p", name=name))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0))
    return run.id


def _marks(space: FolderWorkspace, run_id: str) -> dict[str, str]:
    return {mark.kind: mark.label for mark in space.tracking.get_run(run_id).run.marks}


def test_a_changed_team_result_is_outdated_and_can_be_reviewed_again(space: FolderWorkspace) -> None:
    run_id = _finished(space, "one")
    review = space.review.request_review(NewReview(run_id)).review
    assert _reviewer(space).review.approve(review.id).review.state is ReviewState.APPLIED
    space.tracking.append(run_id, Batch(client="late", first=0, count=1, params={"lr": 5}))
    marks = _marks(space, run_id)
    assert (marks["team_result"], marks["gates"]) == ("outdated", "outdated")
    again = space.review.request_review(NewReview(run_id)).review
    assert _reviewer(space).review.approve(again.id).review.state is ReviewState.APPLIED
    assert _marks(space, run_id)["team_result"] == space.review.get_review(again.id).review.revision


def test_an_approval_meets_the_standards_in_force_now(space: FolderWorkspace) -> None:
    run_id = _finished(space, "two")
    review = space.review.request_review(NewReview(run_id)).review
    space.review.set_standards("p", Standards(thresholds=[MetricRule("accuracy", ">=", 0.9)]))
    assert space.review.gates(run_id).outdated
    detail = _reviewer(space).review.approve(review.id)
    assert detail.review.state is ReviewState.OPEN
    assert any("accuracy" in text for text in detail.missing)
    assert "team_result" not in _marks(space, run_id)


def test_a_run_cannot_be_renamed_past_the_rule(space: FolderWorkspace) -> None:
    space.review.set_standards("p", Standards(naming="[a-z]+", naming_help="lower case"))
    run_id = _finished(space, "good")
    with pytest.raises(GateClosedError, match="lower case"):
        space.tracking.update_run(run_id, RunPatch(name="BAD NAME"))
    assert space.tracking.get_run(run_id).run.name == "good"
