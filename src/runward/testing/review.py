"""What every backend asks before a run becomes a team result."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest

from runward.errors import (
    ConflictError,
    ForbiddenError,
    GateClosedError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
    StaleVersionError,
)
from runward.repro.records import NewVerification
from runward.review.model import BaselineRule, MetricRule, NewReview, ReviewDetail, ReviewState, Standards, Verdict
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import CapturePart, NewExperiment, NewRun, Run, RunEnd, RunPatch, RunStatus
from runward.tracking.organise_model import NewBaseline
from runward.workspace import Workspace


def _finished(world: World, space: Workspace, **metrics: float) -> Run:
    return world.run(space, metrics=metrics or {"acc": 0.9}, end=RunStatus.FINISHED)


def _open(space: Workspace, run: Run, **more: Any) -> ReviewDetail:
    return space.review.request_review(NewReview(run.id, **more))


def _standards(world: World, **rules: Any) -> None:
    world.owner.review.set_standards(world.project, Standards(**rules))


def _marks(space: Workspace, run_id: str) -> dict[str, str]:
    return {mark.kind: mark.label for mark in space.tracking.get_run(run_id).run.marks}


class ReviewSuite:
    """Standards, gates, reviews, votes."""

    # the code of a run ----------------------------------------------------------------------------------------------

    def test_a_review_judges_the_entry_among_the_captured_code(self, world: World) -> None:
        """The checklist looks at what was started and what was not committed, with the tests that reach it."""
        space = world.member()
        run = world.run(space, metrics={"acc": 0.9})
        files = {
            "train.py": "def fit(rate: float) -> float:\n    return rate\n",
            "old.py": "import pickle\npickle.load(open('x', 'rb'))\n\n\ndef f(a, b, c): ...\n",
            "tests/test_train.py": "from train import fit\n\n\ndef test_fit():\n    assert fit(1) == 1\n",
        }
        entries = [
            {
                "path": path,
                "digest": space.files.put_bytes(world.project, text.encode()),
                "size": len(text),
                "mode": "file",
            }
            for path, text in files.items()
        ]
        documents: dict[Literal["code", "process"], Any] = {
            "code": {"files": entries},
            "process": {"entry": "train.py"},
        }
        parts = [
            CapturePart(kind, space.files.put_bytes(world.project, msgspec.json.encode(document)), {})
            for kind, document in documents.items()
        ]
        space.tracking.put_captures(run.id, parts)
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        found = {check.name: check for check in _open(space, run).checks}
        assert found["type_hints_used"].verdict is Verdict.PASS
        assert [(e.file, e.line) for e in found["unit_tests_written"].evidence] == [("tests/test_train.py", 1)]
        assert [(e.file, e.line) for e in found["functions_documented"].evidence] == [("train.py", 1)]
        assert [(e.file, e.line) for e in found["loads_safely"].evidence] == [("old.py", 2)]
        assert {e.file for name in ("type_hints_used", "error_handling_implemented") for e in found[name].evidence} == {
            "train.py"
        }

    # standards ------------------------------------------------------------------------------------------------------

    def test_standards_are_inherited_from_the_nearest_project_above(self, world: World) -> None:
        """Without any there are the defaults, as version 0; each change is a version."""
        space = world.member("maintainer")
        child = world.new_project(world.project)
        leaf = world.new_project(child)
        default = space.review.get_standards(leaf)
        assert (default.version, default.standards) == (0, Standards())
        above = Standards(name="above", required_metrics=["acc"], approvals=2)
        assert space.review.set_standards(world.project, above).version == 1
        assert space.review.get_standards(leaf).standards == above
        assert space.review.get_standards(leaf).project == world.project
        own = Standards(name="own", thresholds=[MetricRule("acc", ">=", 0.5)])
        space.review.set_standards(child, own)
        found = space.review.set_standards(child, own)
        assert (found.version, found.project, found.author) == (2, child, name_of(space))
        assert space.review.get_standards(leaf).standards == own
        assert space.review.get_standards(world.project).standards == above

    @pytest.mark.parametrize(
        ("rules", "named"),
        [
            ({"naming": "("}, "naming"),
            ({"approvals": -1}, "approvals"),
            ({"approvals": 21}, "approvals"),
            ({"max_wall_s": -1.0}, "max_wall_s"),
            ({"baseline": [BaselineRule("a\nb", "higher")]}, "required metric"),
            ({"thresholds": [MetricRule("acc", ">=", math.nan)]}, "acc"),
            ({"thresholds": [MetricRule("acc", "<=", math.inf)]}, "acc"),
            ({"required_metrics": ["a\nb"]}, "required metric"),
        ],
    )
    def test_standards_that_nothing_can_meet_are_refused(self, world: World, rules: dict[str, Any], named: str) -> None:
        """The message names the field."""
        with pytest.raises(InvalidError, match=named):
            _standards(world, **rules)
        assert world.owner.review.get_standards(world.project).version == 0

    def test_a_name_against_the_rule_is_refused_before_anything_is_made(self, world: World) -> None:
        """For runs and experiments; the rule is quoted in words."""
        space = world.member()
        _standards(world, naming="[a-z]+-v[0-9]+", naming_help="say it like cnn-v3")
        for attempt in (
            lambda: space.tracking.create_run(NewRun(project=world.project, name="Final FINAL")),
            lambda: space.tracking.create_experiment(NewExperiment(world.project, "Final FINAL")),
        ):
            with pytest.raises(GateClosedError) as caught:
                attempt()
            assert caught.value.code == "gate_closed"
            assert "cnn-v3" in caught.value.message
            assert "Final FINAL" in caught.value.message
            assert caught.value.details["gates"] == ["naming"]
        assert space.tracking.search_runs(world.project).total == 0
        assert space.tracking.list_experiments(world.project) == []
        space.tracking.create_run(NewRun(project=world.project, name="cnn-v3"))

    # gates ----------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("metrics", "passed"),
        [
            ({"acc": 0.9, "loss": 0.1}, True),
            ({"acc": 0.8, "loss": 0.2}, True),
            ({"acc": 0.79, "loss": 0.1}, False),
            ({"acc": 0.9, "loss": 0.21}, False),
            ({"acc": math.nan, "loss": 0.1}, False),
            ({"acc": math.inf, "loss": 0.1}, False),
            ({"acc": 0.9, "loss": -math.inf}, False),
            ({"loss": 0.1}, False),
            ({"acc": 0.9}, False),
        ],
    )
    def test_gates_are_evaluated_when_a_run_ends(self, world: World, metrics: dict[str, float], passed: bool) -> None:
        """NaN, infinity and what is missing never pass; each closed gate says why with its evidence."""
        space = world.member()
        rules = [MetricRule("acc", ">=", 0.8), MetricRule("loss", "<=", 0.2)]
        _standards(world, required_metrics=["acc"], thresholds=rules)
        run = _finished(world, space, **metrics)
        report = space.review.gates(run.id)
        assert report.passed is passed
        assert not report.outdated
        assert _marks(space, run.id)["gates"] == ("passed" if passed else "closed")
        closed = [gate for gate in report.results if gate.verdict != "pass"]
        assert bool(closed) is not passed
        assert all(gate.message for gate in closed)

    @pytest.mark.parametrize(
        ("theirs", "ours", "ask", "verdict", "said"),
        [
            ([0.90, 0.91, 0.92], [0.95, 0.96, 0.97], "better", "pass", "better than the baseline"),
            ([0.90, 0.91, 0.92], [0.90, 0.91, 0.93], "not worse", "pass", "not distinguishable"),
            ([0.90, 0.91, 0.92], [0.90, 0.91, 0.93], "better", "fail", "not distinguishable"),
            ([0.90, 0.91, 0.92], [0.80, 0.81, 0.82], "not worse", "fail", "worse than the baseline"),
            ([0.90], [0.95], "not worse", "undecided", "one run on each side"),
            ([], [0.95], "not worse", "undecided", "no baseline"),
            ([0.90, 0.91], [math.nan], "not worse", "fail", "no number"),
        ],
    )
    def test_a_gate_compares_with_the_baseline(
        self, world: World, theirs: list[float], ours: list[float], ask: Any, verdict: str, said: str
    ) -> None:
        """By the interval of the difference, with both counts; from two single runs nothing follows."""
        space = world.member()

        def repeated(name: str, values: list[float]) -> list[Run]:
            end, base = RunStatus.FINISHED, {"model": name}
            return [
                world.run(space, metrics={"acc": value}, params={**base, "seed": seed}, end=end)
                for seed, value in enumerate(values)
            ]

        if base := repeated("base", theirs):
            world.owner.organise.set_baseline(world.project, NewBaseline([run.id for run in base]))
        _standards(world, baseline=[BaselineRule("acc", "higher", ask)])
        run = repeated("new", ours)[0]
        (gate,) = (one for one in space.review.evaluate_gates(run.id).results if "baseline" in one.name)
        assert (gate.verdict, said in gate.message) == (verdict, True), gate.message
        counts = [f"(n = {len(ours)})", f"(n = {len(theirs)})"]
        assert all(text in item.message for text in counts for item in gate.evidence)

    def test_a_run_may_take_so_long_and_no_longer(self, world: World) -> None:
        """In seconds from its start to its end."""
        space = world.member()
        _standards(world, max_wall_s=60.0)
        begun = datetime(2026, 11, 21, 12, tzinfo=UTC)
        for seconds, passed in ((60, True), (61, False)):
            run = space.tracking.create_run(NewRun(project=world.project, started_at=begun))
            end = RunEnd(RunStatus.FINISHED, ended_at=begun + timedelta(seconds=seconds))
            space.tracking.end_run(run.id, end)
            assert space.review.gates(run.id).passed is passed

    @pytest.mark.parametrize("end", [RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT])
    def test_only_a_finished_run_passes(self, world: World, end: RunStatus) -> None:
        """Whatever its metrics say."""
        space = world.member()
        run = world.run(space, metrics={"acc": 1.0}, end=end)
        assert not space.review.gates(run.id).passed

    def test_gates_are_outdated_when_the_run_changes(self, world: World) -> None:
        """Until they are evaluated again; before the end there are none."""
        space = world.member()
        running = world.run(space)
        with pytest.raises(NotFoundError, match="not evaluated"):
            space.review.gates(running.id)
        run = _finished(world, space)
        space.tracking.append(run.id, batch(1, {"acc": [(1, 0.1)]}))
        assert space.review.gates(run.id).outdated
        assert not space.review.evaluate_gates(run.id).outdated

    # reviews --------------------------------------------------------------------------------------------------------

    def test_a_run_becomes_a_team_result_by_a_reviewers_approval(self, world: World) -> None:
        """In the transaction of the last approval; the run, its history and the review say so."""
        author, reviewer = world.member(), world.member("reviewer")
        run = _finished(world, author)
        opened = _open(author, run, title="Please look", description="d", reviewers=[name_of(reviewer)])
        assert opened.review.state is ReviewState.OPEN
        assert opened.missing == [f"1 approval by a reviewer other than {name_of(author)}."]
        assert not opened.may_approve
        assert _marks(author, run.id)["review"] == "open"
        assert "team_result" not in _marks(author, run.id)
        seen = reviewer.review.get_review(opened.review.id)
        assert (seen.may_approve, seen.why_not) == (True, "")
        applied = reviewer.review.approve(opened.review.id, revision=seen.review.revision, comment="good")
        assert applied.review.state is ReviewState.APPLIED
        assert applied.missing == []
        assert [(v.reviewer, v.verdict, v.counts) for v in applied.votes] == [(name_of(reviewer), "approve", True)]
        assert _marks(author, run.id)["team_result"] == seen.review.revision
        with pytest.raises(InvalidTransitionError):
            reviewer.review.approve(opened.review.id)
        with pytest.raises(ConflictError, match="team result already"):
            _open(author, run)

    def test_nobody_approves_their_own_work(self, world: World) -> None:
        """Neither who asked nor who started the run, whatever their role."""
        starter, asker = world.member("admin"), world.member("maintainer")
        run = _finished(world, starter)
        review = _open(asker, run).review
        for space, reason in ((starter, "started this run"), (asker, "asked for this review")):
            with pytest.raises(ForbiddenError, match=reason):
                space.review.approve(review.id)
            found = space.review.get_review(review.id)
            assert (found.may_approve, reason in found.why_not) == (False, True)
        assert _marks(starter, run.id)["review"] == "open"
        assert "team_result" not in _marks(starter, run.id)

    def test_contributors_and_viewers_do_not_approve(self, world: World) -> None:
        """Reviewers do; strangers do not see the review."""
        run = _finished(world, world.member())
        review = _open(world.member(), run).review
        for role in ("viewer", "contributor"):
            with pytest.raises(ForbiddenError):
                world.member(role).review.approve(review.id)
        stranger = world.outsider()
        for call in (
            stranger.review.get_review,
            stranger.review.approve,
            stranger.review.run_checks,
            stranger.review.withdraw,
            lambda review_id: stranger.review.comment(review_id, "x"),
            lambda review_id: stranger.review.reject(review_id, "x"),
            lambda review_id: stranger.review.request_changes(review_id, "x"),
        ):
            with pytest.raises(NotFoundError):
                call(review.id)
        assert stranger.review.list_reviews() == []
        with pytest.raises(NotFoundError):
            stranger.review.request_review(NewReview(run.id))

    def test_an_approval_is_bound_to_what_was_looked_at(self, world: World) -> None:
        """After a change it is outdated and counts no more; approving an old revision is refused."""
        author, first, second = world.member(), world.member("reviewer"), world.member("reviewer")
        _standards(world, approvals=2)
        run = _finished(world, author)
        review = _open(author, run).review
        after_one = first.review.approve(review.id, review.revision)
        assert (after_one.review.approvals, after_one.review.state) == (1, ReviewState.OPEN)
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.99)]}))
        found = second.review.get_review(review.id)
        assert found.review.revision != review.revision
        assert [(v.outdated, v.counts) for v in found.votes] == [(True, False)]
        assert any("checks did not run" in text for text in found.missing)
        with pytest.raises(StaleVersionError) as caught:
            second.review.approve(review.id, review.revision)
        assert caught.value.code == "stale_version"
        second.review.run_checks(review.id)
        assert second.review.approve(review.id).review.state is ReviewState.OPEN
        assert first.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_who_lost_the_role_has_no_say_any_more(self, world: World) -> None:
        """Their approval stays to be seen, and counts as soon as they may approve again."""
        author, first, second = world.member(), world.member("reviewer"), world.member("reviewer")
        _standards(world, approvals=2)
        review = _open(author, _finished(world, author)).review
        first.review.approve(review.id)
        world.owner.governance.grant(name_of(first), "team", world.team, "viewer")
        found = second.review.approve(review.id)
        assert (found.review.state, found.review.approvals) == (ReviewState.OPEN, 1)
        assert [(vote.reviewer, vote.counts) for vote in found.votes] == [
            (name_of(first), False),
            (name_of(second), True),
        ]
        world.owner.governance.grant(name_of(first), "team", world.team, "reviewer")
        assert author.review.run_checks(review.id).review.state is ReviewState.APPLIED

    def test_a_better_description_keeps_the_approval(self, world: World) -> None:
        """Name, purpose and tags are not the result."""
        author, reviewer = world.member(), world.member("reviewer")
        _standards(world, approvals=2)
        run = _finished(world, author)
        review = _open(author, run).review
        reviewer.review.approve(review.id)
        author.tracking.update_run(run.id, RunPatch(name="named", purpose="said", tags={"a": "b"}))
        assert author.review.get_review(review.id).review.approvals == 1

    def test_one_reviewer_is_one_approval(self, world: World) -> None:
        """Approving twice does not make two; asking for changes takes it back and blocks."""
        author, reviewer, other = world.member(), world.member("reviewer"), world.member("reviewer")
        _standards(world, approvals=2)
        review = _open(author, _finished(world, author)).review
        reviewer.review.approve(review.id)
        assert reviewer.review.approve(review.id).review.approvals == 1
        changed = reviewer.review.request_changes(review.id, "more seeds")
        assert (changed.review.state, changed.review.approvals) == (ReviewState.CHANGES_REQUESTED, 0)
        found = other.review.approve(review.id)
        assert any(f"{name_of(reviewer)} asked for changes" in text for text in found.missing)
        assert found.review.state is ReviewState.CHANGES_REQUESTED
        assert reviewer.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_a_closed_gate_keeps_a_review_from_being_applied(self, world: World) -> None:
        """However many approve."""
        author, reviewer = world.member(), world.member("reviewer")
        _standards(world, thresholds=[MetricRule("acc", ">=", 0.99)])
        run = _finished(world, author, acc=0.5)
        review = _open(author, run).review
        found = reviewer.review.approve(review.id)
        assert found.review.state is ReviewState.OPEN
        assert any("acc" in text for text in found.missing)
        assert "team_result" not in _marks(author, run.id)

    def test_a_verification_may_be_asked_for(self, world: World) -> None:
        """Its level counts, and the review is applied as soon as it is there."""
        author, reviewer = world.member(), world.member("reviewer")
        _standards(world, require_level="environment")
        run = _finished(world, author)
        review = _open(author, run).review
        found = reviewer.review.approve(review.id)
        assert any("verification" in text and "runward verify" in text for text in found.missing)
        author.repro.record(run.id, NewVerification("reproduced", "basic", "r", {}, 1.0))
        still = author.review.run_checks(review.id)
        assert (still.review.state, still.verification) == (ReviewState.OPEN, "basic")
        author.repro.record(run.id, NewVerification("reproduced", "environment", "r", {}, 1.0))
        assert author.review.get_review(review.id).review.state is ReviewState.APPLIED
        assert "team_result" in _marks(author, run.id)

    def test_a_verification_alone_applies_no_review(self, world: World) -> None:
        """Somebody has to approve it, and a change that was asked for stays asked for."""
        author, reviewer = world.member(), world.member("reviewer")
        _standards(world, require_level="basic")
        waiting, refused = (_open(author, _finished(world, author)).review for _ in range(2))
        reviewer.review.request_changes(refused.id, "another seed")
        for review, state in ((waiting, ReviewState.OPEN), (refused, ReviewState.CHANGES_REQUESTED)):
            author.repro.record(review.run_id, NewVerification("reproduced", "basic", "r", {}, 1.0))
            found = author.review.get_review(review.id)
            assert found.review.state is state
            assert not any("verification" in text for text in found.missing)

    def test_a_gate_asks_for_a_verification_of_this_content(self, world: World) -> None:
        """None is undecided, too low or not reproduced is a no; the evidence names the verification."""
        space = world.member()
        _standards(world, require_level="environment")
        run = _finished(world, space)

        def gate() -> tuple[str, list[str]]:
            found = space.review.gates(run.id)
            (one,) = (result for result in found.results if result.name == "verification environment")
            assert found.passed is (one.verdict == "pass")
            assert found.outdated is False
            assert _marks(space, run.id)["gates"] == ("passed" if found.passed else "closed")
            return one.verdict, [item.verification for item in one.evidence]

        def record(verdict: str, level: str) -> str:
            return space.repro.record(run.id, NewVerification(verdict, level, "r", {}, 1.0)).verification.id

        assert gate() == ("undecided", [])
        unknown = record("undecided", "none")
        assert gate() == ("undecided", [unknown])
        low = record("reproduced", "basic")
        assert gate() == ("fail", [low])
        earned = record("reproduced", "environment")
        assert gate() == ("pass", [earned])
        for verdict, level in (("undecided", "none"), ("reproduced", "basic")):
            record(verdict, level)
            assert gate() == ("pass", [earned])
        refuted = record("not_reproduced", "none")
        assert gate() == ("fail", [refuted])
        again = record("reproduced", "environment")
        assert gate() == ("pass", [again])
        space.tracking.append(run.id, batch(1, {"acc": [(1, 0.95)]}))
        changed = space.review.gates(run.id)
        assert changed.outdated
        assert space.review.evaluate_gates(run.id).passed is False
        assert gate()[0] == "undecided"

    def test_gates_without_a_required_level_know_of_no_verification(self, world: World) -> None:
        """Standards as they always were."""
        space = world.member()
        run = _finished(world, space)
        space.repro.record(run.id, NewVerification("not_reproduced", "none", "r", {}, 1.0))
        found = space.review.gates(run.id)
        assert found.passed
        assert not found.outdated
        assert [result.name for result in found.results] == ["finished"]

    def test_a_verification_of_other_content_does_not_count(self, world: World) -> None:
        """Evidence is bound to content: what was verified before a change says nothing of what came after."""
        author, reviewer = world.member(), world.member("reviewer")
        _standards(world, require_level="basic")
        run = _finished(world, author)
        author.repro.record(run.id, NewVerification("reproduced", "basic", "r", {}, 1.0))
        author.tracking.append(run.id, batch(1, {"acc": [(1, 1.0)]}))
        review = _open(author, run).review
        found = reviewer.review.approve(review.id)
        assert found.review.state is ReviewState.OPEN
        assert any("verification" in text for text in found.missing)

    def test_one_review_of_a_run_at_a_time(self, world: World) -> None:
        """Numbers grow; a withdrawn review makes room for the next."""
        author = world.member()
        run = _finished(world, author)
        first = _open(author, run).review
        with pytest.raises(ConflictError) as caught:
            _open(author, run)
        assert caught.value.details["review_id"] == first.id
        assert author.review.withdraw(first.id, "later").review.state is ReviewState.WITHDRAWN
        second = _open(author, run).review
        assert second.number > first.number
        assert [r.id for r in author.review.list_reviews(project=world.project)] == [second.id, first.id]
        assert [r.id for r in author.review.list_reviews(ReviewState.OPEN)] == [second.id]

    def test_a_running_run_is_not_reviewed(self, world: World) -> None:
        """And viewers ask for no review."""
        author = world.member()
        run = world.run(author)
        with pytest.raises(InvalidTransitionError, match="still running"):
            _open(author, run)
        with pytest.raises(ForbiddenError):
            _open(world.member("viewer"), run)

    def test_a_review_ends_by_its_author_a_maintainer_or_a_rejection(self, world: World) -> None:
        """Another contributor cannot withdraw it; a rejection needs a reason and is final."""
        author, other, reviewer = world.member(), world.member(), world.member("reviewer")
        review = _open(author, _finished(world, author)).review
        with pytest.raises(ForbiddenError):
            other.review.withdraw(review.id)
        with pytest.raises(InvalidError, match="reason"):
            reviewer.review.reject(review.id, " ")
        assert reviewer.review.reject(review.id, "wrong split").review.state is ReviewState.REJECTED
        for attempt in (reviewer.review.approve, author.review.withdraw, author.review.run_checks):
            with pytest.raises(InvalidTransitionError):
                attempt(review.id)
        again = _open(author, _finished(world, author)).review
        assert world.member("maintainer").review.withdraw(again.id).review.state is ReviewState.WITHDRAWN

    def test_remarks_are_kept_with_their_place(self, world: World) -> None:
        """Empty ones are refused; changes are asked for in words."""
        author, reviewer = world.member(), world.member("reviewer")
        review = _open(author, _finished(world, author)).review
        found = reviewer.review.comment(review.id, "why?", "metrics.acc@0")
        assert [(c.author, c.body, c.anchor) for c in found.comments] == [(name_of(reviewer), "why?", "metrics.acc@0")]
        for attempt in (reviewer.review.comment, reviewer.review.request_changes):
            with pytest.raises(InvalidError):
                attempt(review.id, " ")
