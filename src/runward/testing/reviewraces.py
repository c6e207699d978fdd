"""What every backend asks of reviews when things happen at once, or the ground goes away below them."""

from __future__ import annotations

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from runward.errors import InvalidTransitionError, NotFoundError, RunwardError
from runward.repro.records import NewVerification
from runward.review.model import (
    Change,
    MetricRule,
    NewReview,
    Proposal,
    Review,
    ReviewDetail,
    ReviewState,
    Standards,
    Waiver,
)
from runward.testing.reviewrules import ask, done, marks, rule
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import Run, RunEnd, RunPatch, RunStatus
from runward.workspace import Workspace


def _attempt(call: Any, *arguments: Any) -> str:
    """What came of a call: the state of the review, or the error's code."""
    try:
        found = call(*arguments)
    except RunwardError as error:
        return error.code
    return str(found.review.state) if isinstance(found, ReviewDetail) else "done"


def _at_once(*calls: tuple[Any, ...]) -> list[str]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(_attempt, *call) for call in calls]]


class ReviewRaceSuite:
    """Races and losses, each with its outcome."""

    def test_what_was_decided_stays_as_it_was(self, world: World) -> None:
        """The run goes on, who approved loses the role: the review still says what was approved, and by how many."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, approvals=1)
        run = done(world, author)
        before = reviewer.review.approve(ask(author, run).review.id)
        assert before.review.state is ReviewState.APPLIED
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.11)]}))
        world.owner.governance.grant(name_of(reviewer), "team", world.team, "viewer")
        after = author.review.get_review(before.review.id)
        assert (after.review.revision, after.review.approvals) == (before.review.revision, 1)
        assert [(vote.outdated, vote.counts) for vote in after.votes] == [(False, True)]
        assert after.checks == before.checks

    def test_a_team_result_that_is_taken_up_again_is_one_no_more(self, world: World) -> None:
        """What is logged then is logged to a running run; the marks say that their evidence is about something else."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, approvals=1)
        run = done(world, author)
        reviewer.review.approve(ask(author, run).review.id)
        author.tracking.resume_run(run.id)
        assert marks(author, run.id)["team_result"] == "outdated"
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.11)]}))
        author.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0))
        assert marks(author, run.id)["team_result"] == "outdated"

    def test_what_an_admin_lets_in_while_it_runs_is_outdated_at_its_end(self, world: World) -> None:
        """An override on a run that goes on is about what it was at that moment."""
        author = world.member()
        rule(world, approvals=1)
        run = done(world, author)
        review = ask(author, run).review
        author.tracking.resume_run(run.id)
        world.owner.review.override(review.id, "the demo is today")
        assert marks(author, run.id)["team_result"] not in ("", "outdated")
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.11)]}))
        author.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0))
        assert marks(author, run.id)["team_result"] == "outdated"

    def test_approvals_that_meet_apply_it_once(self, world: World) -> None:
        """Both count; the one that comes second finds it over, or is the one that applies it."""
        author = world.member()
        rule(world, approvals=2)
        for _ in range(3):
            review = ask(author, done(world, author)).review
            reviewers = [world.member("reviewer") for _ in range(4)]
            came = _at_once(*((one.review.approve, review.id, review.revision) for one in reviewers))
            assert sorted(came) == ["applied", "invalid_transition", "invalid_transition", "open"]
            found = author.review.get_review(review.id)
            assert (found.review.state, found.review.approvals) == (ReviewState.APPLIED, 2)
            told = [item.kind for item in author.coordination.inbox(limit=1000).items if item.object_id == review.id]
            assert told.count("review.applied") == 1

    def test_an_approval_never_lands_on_another_revision(self, world: World) -> None:
        """While the run changes: either it was for what was seen, and is outdated then, or it is refused."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, approvals=2)
        for step in range(1, 5):
            run = done(world, author)
            review = ask(author, run).review
            change = (author.tracking.append, run.id, batch(1, {"acc": [(step, 0.1 * step)]}))
            came = _at_once((reviewer.review.approve, review.id, review.revision), change)
            assert came[0] in ("open", "stale_version")
            found = author.review.get_review(review.id)
            assert found.review.revision != review.revision
            assert [(vote.revision, vote.counts) for vote in found.votes] == (
                [(review.revision, False)] if came[0] == "open" else []
            )

    def test_a_decision_and_a_new_subject_do_not_mix(self, world: World) -> None:
        """The approval is applied to the run that was seen, or outdated by the next attempt."""
        author, reviewer = world.member(), world.member("reviewer")
        for _ in range(3):
            first, second = done(world, author), done(world, author, acc=0.95)
            review = ask(author, first).review
            came = _at_once(
                (reviewer.review.approve, review.id, review.revision),
                (author.review.change_subject, review.id, Change(second.id)),
            )
            found = author.review.get_review(review.id).review
            if found.state is ReviewState.APPLIED:
                assert (found.run_id, came[1]) == (first.id, "invalid_transition")
                assert "team_result" in marks(author, first.id)
            else:
                assert (found.run_id, found.state, found.approvals) == (second.id, ReviewState.OPEN, 0)
            assert "team_result" not in marks(author, second.id)

    def test_a_deleted_run_takes_its_review_out_of_sight(self, world: World) -> None:
        """Nothing decides on it meanwhile; with the run it comes back as it was."""
        author, reviewer, maintainer = world.member(), world.member("reviewer"), world.member("maintainer")
        rule(world, approvals=2)
        run = done(world, author)
        review = ask(author, run).review
        reviewer.review.approve(review.id)
        maintainer.tracking.delete_run(run.id)
        assert reviewer.review.list_reviews(project=world.project) == []
        attempts: list[Any] = [
            reviewer.review.get_review,
            maintainer.review.approve,
            reviewer.review.run_checks,
            lambda review_id: maintainer.review.waive(review_id, Waiver("finished", "r")),
            lambda review_id: world.owner.review.override(review_id, "r"),
            lambda review_id: reviewer.review.comment(review_id, "hello?"),
        ]
        for attempt in attempts:
            with pytest.raises(NotFoundError):
                attempt(review.id)
        maintainer.organise.restore_run(run.id)
        found: Review = reviewer.review.get_review(review.id).review
        assert (found.state, found.approvals) == (ReviewState.OPEN, 1)
        assert maintainer.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_a_verification_and_an_approval_meet(self, world: World) -> None:
        """Whichever is last applies it."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, require_level="basic")
        for _ in range(3):
            run = done(world, author)
            review = ask(author, run).review
            verified = (author.repro.record, run.id, NewVerification("reproduced", "basic", "r", {}, 1.0))
            came = _at_once((reviewer.review.approve, review.id, review.revision), verified)
            assert came[1] == "done"
            assert author.review.get_review(review.id).review.state is ReviewState.APPLIED

    def test_what_is_over_stays_over(self, world: World) -> None:
        """No late decision, waiver, thread or subject changes it; a remark can still be made."""
        author, reviewer, maintainer = world.member(), world.member("reviewer"), world.member("maintainer")
        review = ask(author, done(world, author)).review
        thread = reviewer.review.comment(review.id, "?", "metrics.acc").comments[0].id
        reviewer.review.reject(review.id, "wrong split")
        attempts: list[Any] = [
            reviewer.review.approve,
            author.review.run_checks,
            author.review.apply_review,
            author.review.open_draft,
            lambda review_id: reviewer.review.resolve_thread(review_id, thread),
            lambda review_id: maintainer.review.waive(review_id, Waiver("finished", "r")),
            lambda review_id: world.owner.review.override(review_id, "r"),
            lambda review_id: author.review.change_subject(review_id, Change(done(world, author).id)),
        ]
        for attempt in attempts:
            with pytest.raises(InvalidTransitionError, match="rejected"):
                attempt(review.id)
        assert author.review.comment(review.id, "understood").review.state is ReviewState.REJECTED


_RULES = Standards(thresholds=[MetricRule("acc", ">=", 0.95)], change_by_review=True)
_WAYS = (
    "ask",
    "draft",
    "open",
    "approve",
    "object",
    "apply",
    "waive",
    "override",
    "check",
    "subject",
    "change",
    "standards",
    "revise",
    "mark",
)


def _try(space: Workspace, world: World, runs: list[Run], way: str, chance: random.Random) -> None:
    """One of the ways in which somebody might make a run a team result."""
    run = chance.choice(runs)
    found = space.review.list_reviews(project=world.project)
    review = chance.choice(found).id if found else "none"
    match way:
        case "ask" | "draft":
            also: list[str] = [one.id for one in runs if chance.random() < 0.3]
            space.review.request_review(NewReview(run.id, draft=way == "draft", also=also))
        case "open":
            space.review.open_draft(review)
        case "approve":
            space.review.approve(review)
        case "object":
            space.review.request_changes(review, "no")
        case "apply":
            space.review.apply_review(review)
        case "waive":
            space.review.waive(review, Waiver("acc >= 0.95", "r"))
        case "override":
            space.review.override(review, "r")
        case "check":
            space.review.run_checks(review)
        case "subject":
            space.review.change_subject(review, Change(run.id, also=[chance.choice(runs).id]))
        case "change":
            space.tracking.append(run.id, batch(chance.randrange(9), {"acc": [(1, chance.random())]}))
        case "standards":
            space.review.set_standards(world.project, Standards(approvals=0))
        case "revise":
            space.review.propose(world.project, Proposal(standards=msgspec.structs.replace(_RULES, approvals=2)))
        case _:
            tags: dict[str, str | None] = {"team_result": "yes", "marks.team_result": "yes"}
            space.tracking.update_run(run.id, RunPatch(tags=tags))


class NoBypassSuite:
    """Nothing becomes a team result but by a review that was applied."""

    @pytest.mark.parametrize("seed", range(6))
    def test_no_role_finds_a_way_past_review(self, world: World, seed: int) -> None:
        """Every role tries whatever comes to mind; each new team result has its review, or an admin's name on it."""
        chance = random.Random(seed)
        world.owner.review.set_standards(world.project, _RULES)
        people = {role: world.member(role) for role in ("viewer", "contributor", "reviewer", "maintainer", "admin")}
        author = people["contributor"]
        runs = [done(world, author, acc=chance.choice([0.9, 0.99])) for _ in range(3)]
        for _ in range(60):
            role = chance.choice([*people, "reviewer", "maintainer"])
            with contextlib.suppress(RunwardError):
                _try(people[role], world, runs, chance.choice(_WAYS), chance)
        for run in runs:
            shown = {mark.kind: mark for mark in author.tracking.get_run(run.id).run.marks}
            if "team_result" not in shown:
                continue
            found = world.owner.review.get_review(shown["team_result"].ref)
            review, votes = found.review, [vote for vote in found.votes if vote.verdict == "approve"]
            assert review.state is ReviewState.APPLIED
            assert run.id in {review.run_id, *review.also}
            if review.overridden:
                assert "not_reviewed" in shown
                continue
            involved = {review.author, name_of(author)}
            assert {vote.reviewer for vote in votes} - involved, f"{run.id} was applied without anybody's approval"
            assert not any(check.required and check.verdict == "fail" and not check.waived for check in found.checks)
