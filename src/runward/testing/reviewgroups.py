"""What every backend asks of a review of several runs that are one result."""

from __future__ import annotations

import pytest

from runward.core.ids import new_id
from runward.errors import ConflictError, InvalidError, InvalidTransitionError, NotFoundError
from runward.repro.records import NewVerification
from runward.review.model import Change, MetricRule, ReviewState, Verdict
from runward.testing.reviewrules import ask, coded, done, marks, rule
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import NewProject, Run, RunStatus
from runward.workspace import Workspace


def seeds(world: World, space: Workspace, *accs: float) -> list[Run]:
    """Repetitions of a run."""
    return [done(world, space, acc=acc) for acc in accs]


class ReviewGroupsSuite:
    """Repetitions are reviewed, applied and outdated as one."""

    def test_all_become_the_result_at_once(self, world: World) -> None:
        """Each by its own content; alone none of them can be asked for again."""
        author, reviewer = world.member(), world.member("reviewer")
        first, *also = seeds(world, author, 0.90, 0.92, 0.94)
        found = ask(author, first, also=[run.id for run in also])
        assert found.review.also == sorted(run.id for run in also)
        assert {run.id for run in found.further} == {run.id for run in also}
        assert found.revisions[0].metrics["acc"] == pytest.approx(0.92)
        with pytest.raises(ConflictError, match="is open already"):
            ask(author, also[0])
        assert reviewer.review.approve(found.review.id).review.state is ReviewState.APPLIED
        results = {run.id: marks(author, run.id)["team_result"] for run in (first, *also)}
        assert len(set(results.values())) == 3
        with pytest.raises(ConflictError, match="team result"):
            ask(author, also[1])

    def test_it_is_as_good_as_the_worst_of_them(self, world: World) -> None:
        """A gate names the run that misses it, and gives what each measured."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, thresholds=[MetricRule("acc", ">=", 0.9)])
        first, bad = seeds(world, author, 0.95, 0.85)
        found = ask(author, first, also=[bad.id])
        (gate,) = [check for check in found.checks if check.name == "acc >= 0.9"]
        assert gate.verdict is Verdict.FAIL
        assert f"{bad.name}: acc = 0.85 misses >= 0.9 (1 of 2 runs)" == gate.message
        assert [item.value for item in gate.evidence] == [0.95, 0.85]
        assert reviewer.review.approve(found.review.id).review.state is ReviewState.OPEN
        assert "team_result" not in marks(author, first.id)

    def test_a_change_of_any_of_them_outdates_what_was_approved(self, world: World) -> None:
        """The approval stays to be seen, and the mark of a result that was applied is outdated for that run."""
        author, reviewer, other = (world.member(), world.member("reviewer"), world.member("reviewer"))
        rule(world, approvals=2)
        first, second = seeds(world, author, 0.9, 0.91)
        review = ask(author, first, also=[second.id]).review
        reviewer.review.approve(review.id)
        author.tracking.append(second.id, batch(1, {"acc": [(9, 0.99)]}))
        found = reviewer.review.get_review(review.id)
        assert [vote.outdated for vote in found.votes] == [True]
        assert "metrics" in found.revisions[0].changed
        reviewer.review.approve(review.id)
        assert other.review.approve(review.id).review.state is ReviewState.APPLIED
        author.tracking.append(second.id, batch(2, {"acc": [(10, 0.5)]}))
        assert marks(author, second.id)["team_result"] == "outdated"
        assert marks(author, first.id)["team_result"] != "outdated"

    def test_their_order_does_not_matter_and_their_choice_does(self, world: World) -> None:
        """With one run more it is another subject; the run that left is free again."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, approvals=2)
        first, second, third = seeds(world, author, 0.9, 0.91, 0.92)
        review = ask(author, first, also=[second.id, second.id, first.id]).review
        with pytest.raises(ConflictError, match="is about run"):
            author.review.change_subject(review.id, Change(second.id, also=[first.id]))
        reviewer.review.approve(review.id)
        changed = author.review.change_subject(review.id, Change(first.id, also=[third.id]))
        assert [vote.outdated for vote in changed.votes] == [True]
        assert "run" in changed.revisions[0].changed
        assert marks(author, second.id)["review"] == "withdrawn"
        assert marks(author, third.id)["review"] == "open"
        back = author.review.change_subject(review.id, Change(second.id, also=[first.id]))
        assert (back.review.revision, [vote.outdated for vote in back.votes]) == (review.revision, [False])

    def test_nobody_with_a_part_in_one_of_them_approves(self, world: World) -> None:
        """Who started any of the runs is involved in all."""
        author, starter, reviewer = world.member(), world.member("reviewer"), world.member("reviewer")
        (mine,), (theirs,) = seeds(world, author, 0.9), seeds(world, starter, 0.9)
        review = ask(author, mine, also=[theirs.id]).review
        assert starter.review.get_review(review.id).why_not == "you started this run: your own approval does not count"
        assert reviewer.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_code_that_only_one_of_them_ran_is_judged_and_shown(self, world: World) -> None:
        """It cannot hide behind the first run's."""
        author = world.member()
        clean = coded(world, author, {"train.py": "x = 1\n"})
        other = coded(world, author, {"train.py": "import pickle\nx = pickle.load(open('x', 'rb'))\n"})
        found = ask(author, clean, also=[other.id])
        (safety,) = [check for check in found.checks if check.name == "loads_safely"]
        assert (safety.verdict, safety.required) == (Verdict.FAIL, True)
        assert {item.file for item in safety.evidence if "pickle" in item.message} == {f"train.py ({other.name})"}
        (change,) = found.changes
        assert change.path == f"train.py ({other.name})"
        assert "+import pickle" in change.diff

    def test_each_of_them_has_to_be_verified(self, world: World) -> None:
        """The review has the level that all of them have."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, require_level="basic")
        first, second = seeds(world, author, 0.9, 0.91)
        review = ask(author, first, also=[second.id]).review
        author.repro.record(first.id, NewVerification("reproduced", "basic", "r", {}, 1.0))
        found = reviewer.review.approve(review.id)
        assert (found.verification, found.review.state) == ("", ReviewState.OPEN)
        author.repro.record(second.id, NewVerification("reproduced", "environment", "r", {}, 1.0))
        found = reviewer.review.get_review(review.id)
        assert (found.verification, found.review.state) == ("basic", ReviewState.APPLIED)

    def test_a_run_that_was_deleted_keeps_it_from_being_applied(self, world: World) -> None:
        """It says so, and goes on when the run is back."""
        author, reviewer, maintainer = world.member(), world.member("reviewer"), world.member("maintainer")
        first, second = seeds(world, author, 0.9, 0.91)
        review = ask(author, first, also=[second.id]).review
        maintainer.tracking.delete_run(second.id)
        found = reviewer.review.approve(review.id)
        assert found.review.state is ReviewState.OPEN
        assert "1 of its runs were deleted: restore them, or give the review other ones." in found.missing
        maintainer.organise.restore_run(second.id)
        assert reviewer.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_what_cannot_be_one_result_is_refused(self, world: World) -> None:
        """Nothing is stored, and the message says why."""
        author = world.member()
        first, second = seeds(world, author, 0.9, 0.91)
        running = world.run(author)
        with pytest.raises(InvalidTransitionError, match="still running"):
            ask(author, first, also=[running.id])
        with pytest.raises(NotFoundError, match="nosuchrun"):
            ask(author, first, also=["nosuchrun"])
        elsewhere = author.tracking.create_project(NewProject(path=f"e{new_id()}")).path
        away = world.run(author, project=elsewhere, end=RunStatus.FINISHED)
        with pytest.raises(InvalidError, match="runs of one result lie in one project"):
            ask(author, first, also=[away.id])
        with pytest.raises(InvalidError, match="at most 100"):
            ask(author, first, also=[str(n) for n in range(100)])
        assert author.review.list_reviews(project=world.project) == []
        assert name_of(author) == ask(author, first, also=[second.id]).review.author
