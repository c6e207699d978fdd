"""What every backend does with results of CI, and with changes that resemble rejected ones."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from runward.errors import (
    ForbiddenError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
    StaleVersionError,
)
from runward.review.feedback_model import NewCiResult
from runward.review.model import EvidenceItem, NewReview, Review, ReviewState, Standards, Verdict
from runward.testing.worlds import BAD_NAMES, World, batch, name_of
from runward.tracking.model import CapturePart, Run, RunEnd, RunStatus
from runward.tracking.organise_model import NewBaseline
from runward.workspace import Workspace

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def _finished(world: World, space: Workspace, **more: Any) -> Run:
    return world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED, **more)


def _requires(world: World, *names: str, **more: Any) -> None:
    world.owner.review.set_standards(world.project, Standards(required_ci=list(names), **more))


def _gate(space: Workspace, review: Review, name: str = "ci tests") -> tuple[Verdict, str]:
    found = next(check for check in space.review.get_review(review.id).checks if check.name == name)
    return found.verdict, found.message


def _with_code(
    world: World,
    space: Workspace,
    files: dict[str, str],
    *,
    params: dict[str, object] | None = None,
    commit: str = COMMIT,
) -> Run:
    """A finished run with captured, uncommitted files at a commit."""
    run = world.run(space, metrics={"acc": 0.9}, params=params)
    entries = [
        {"path": path, "digest": space.files.put_bytes(world.project, text.encode()), "size": len(text), "mode": "file"}
        for path, text in files.items()
    ]
    document = {"files": entries, "untracked": list(files)}
    documents: dict[Literal["code", "process"], Any] = {"code": document, "process": {"entry": "train.py"}}
    parts = [
        CapturePart(kind, space.files.put_bytes(world.project, msgspec.json.encode(found)), {"commit": commit})
        for kind, found in documents.items()
    ]
    space.tracking.put_captures(run.id, parts)
    return space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))


class FeedbackSuite:
    """Results of CI as checks; earlier rejections of similar changes."""

    # CI -------------------------------------------------------------------------------------------------------------

    def test_a_required_result_closes_the_gate_until_it_passes(self, world: World) -> None:
        """With the approvals there already, the result that passes applies the review."""
        author, ci, reviewer = world.member(), world.member(), world.member("reviewer")
        _requires(world, "tests")
        run = _finished(world, author)
        review = author.review.request_review(NewReview(run.id)).review
        assert _gate(author, review) == (Verdict.UNDECIDED, "tests has not reported yet")
        reviewer.review.approve(review.id)
        assert author.review.get_review(review.id).review.state is ReviewState.OPEN
        ci.feedback.report_ci(run.id, NewCiResult("tests", "fail", "2 of 300 failed", "https://ci.example.org/1"))
        assert _gate(author, review) == (Verdict.FAIL, "2 of 300 failed")
        assert not author.review.gates(run.id).passed
        ci.feedback.report_ci(run.id, NewCiResult("tests", "undecided", "the runner died"))
        assert _gate(author, review) == (Verdict.UNDECIDED, "the runner died")
        done = ci.feedback.report_ci(run.id, NewCiResult("tests", "pass"))
        assert (done.author, done.verdict, done.revision, done.outdated) == (
            name_of(ci),
            "pass",
            review.revision,
            False,
        )
        assert author.review.gates(run.id).passed
        assert author.review.get_review(review.id).review.state is ReviewState.APPLIED

    def test_a_result_brings_its_places(self, world: World) -> None:
        """They stand among the evidence of the check, before who reported it."""
        author, ci = world.member(), world.member()
        _requires(world, "tests")
        run = _finished(world, author)
        places = [EvidenceItem("assert 1 == 2", "tests/test_x.py", 9)]
        ci.feedback.report_ci(run.id, NewCiResult("tests", "fail", "1 failed", evidence=places))
        assert author.feedback.list_ci_results(run.id)[0].evidence == places
        (gate,) = (one for one in author.review.gates(run.id).results if one.name == "ci tests")
        assert (gate.verdict, gate.evidence[0], len(gate.evidence)) == (Verdict.FAIL, places[0], 2)
        ci.feedback.report_ci(run.id, NewCiResult("tests", "pass"))
        assert author.feedback.list_ci_results(run.id)[0].evidence == []

    @pytest.mark.parametrize(
        "listed",
        [[EvidenceItem("x")] * 101, [EvidenceItem("x" * 4001)], [EvidenceItem("x", "a\0b")]],
        ids=["many", "long", "nul"],
    )
    def test_places_have_bounds(self, world: World, listed: list[EvidenceItem]) -> None:
        """Refused with the field that is wrong."""
        author = world.member()
        run = _finished(world, author)
        with pytest.raises(InvalidError, match="evidence"):
            author.feedback.report_ci(run.id, NewCiResult("tests", "fail", evidence=listed))

    def test_who_is_judged_cannot_report_a_pass(self, world: World) -> None:
        """Neither who started the run nor who asked for the review; a failure of theirs counts, and hides nobody's."""
        author, asking, ci = world.member(), world.member(), world.member()
        _requires(world, "tests")
        run = _finished(world, author)
        review = asking.review.request_review(NewReview(run.id)).review
        for space in (author, asking):
            space.feedback.report_ci(run.id, NewCiResult("tests", "pass"))
            verdict, message = _gate(author, review)
            assert verdict is Verdict.UNDECIDED
            assert f"{name_of(space)} reported it" in message
        ci.feedback.report_ci(run.id, NewCiResult("tests", "fail", "broken"))
        author.feedback.report_ci(run.id, NewCiResult("tests", "pass"))
        assert _gate(author, review) == (Verdict.FAIL, "broken")
        ci.feedback.report_ci(run.id, NewCiResult("tests", "pass"))
        author.feedback.report_ci(run.id, NewCiResult("tests", "fail", "broken for me"))
        assert _gate(author, review) == (Verdict.FAIL, "broken for me")

    def test_a_result_is_about_the_content_that_was_tested(self, world: World) -> None:
        """After a change it is outdated; a result on another revision is refused."""
        author, ci = world.member(), world.member()
        _requires(world, "tests")
        run = _finished(world, author)
        review = author.review.request_review(NewReview(run.id)).review
        ci.feedback.report_ci(run.id, NewCiResult("tests", "pass", revision=review.revision))
        assert _gate(author, review)[0] is Verdict.PASS
        author.tracking.append(
            run.id,
            batch(1, {"late": [(0, 1.0)]}),
        )
        assert [one.outdated for one in author.feedback.list_ci_results(run.id)] == [True]
        author.review.run_checks(review.id)
        assert _gate(author, review) == (Verdict.UNDECIDED, "tests ran on other content")
        with pytest.raises(StaleVersionError, match="present one"):
            ci.feedback.report_ci(run.id, NewCiResult("tests", "pass", revision=review.revision))

    def test_results_that_nobody_requires_inform(self, world: World) -> None:
        """They are shown as checks and keep nothing from being applied."""
        author, ci, reviewer = world.member(), world.member(), world.member("reviewer")
        run = _finished(world, author)
        review = author.review.request_review(NewReview(run.id)).review
        ci.feedback.report_ci(run.id, NewCiResult("docs", "fail", "a link is broken"))
        found = next(check for check in author.review.get_review(review.id).checks if check.name == "ci docs")
        assert (found.group, found.verdict, found.required) == ("custom", Verdict.FAIL, False)
        reviewer.review.approve(review.id)
        applied = author.review.get_review(review.id)
        assert applied.review.state is ReviewState.APPLIED
        assert "ci docs" in {check.name for check in applied.checks}

    def test_everybody_involved_hears_of_it(self, world: World) -> None:
        """Who started the run and who asked for its review; not the job itself, nor others."""
        author, asking, other = world.member(), world.member(), world.member()
        run = _finished(world, author, name="the run")
        asking.review.request_review(NewReview(run.id, reviewers=[name_of(asking)]))
        other.feedback.report_ci(run.id, NewCiResult("tests", "fail", "2 failed"))
        for space in (author, asking):
            told = [item for item in space.coordination.inbox().items if item.kind == "ci.reported"]
            assert [(item.title, item.body) for item in told] == [("CI tests on the run: fail", "2 failed")]
        assert [item for item in other.coordination.inbox().items if item.kind == "ci.reported"] == []

    def test_a_job_that_knows_only_the_commit_reaches_its_reviews(self, world: World) -> None:
        """In the project and below it; other commits, and runs that nobody reviews, are left alone."""
        author, ci = world.member(), world.member()
        run = _with_code(world, author, {"train.py": "x = 1\n"})
        assert ci.feedback.report_ci_on_commit(world.project, COMMIT, NewCiResult("tests", "pass")) == []
        author.review.request_review(NewReview(run.id))
        found = ci.feedback.report_ci_on_commit(world.project, COMMIT, NewCiResult("tests", "pass"))
        assert [one.run_id for one in found] == [run.id]
        assert ci.feedback.report_ci_on_commit(world.project, "0" * 40, NewCiResult("tests", "pass")) == []

    def test_only_contributors_report(self, world: World) -> None:
        """A viewer is refused, a stranger finds nothing, and what cannot be shown is not taken."""
        author, ci = world.member(), world.member()
        run = _finished(world, author)
        result = NewCiResult("tests", "pass")
        for space, error in ((world.member("viewer"), ForbiddenError), (world.outsider(), NotFoundError)):
            with pytest.raises(error):
                space.feedback.report_ci(run.id, result)
            with pytest.raises(error):
                space.feedback.report_ci_on_commit(world.project, COMMIT, result)
        with pytest.raises(NotFoundError):
            world.outsider().feedback.list_ci_results(run.id)
        for name in BAD_NAMES:
            with pytest.raises(InvalidError, match="name"):
                ci.feedback.report_ci(run.id, NewCiResult(name, "pass"))
        for wrong in (NewCiResult("t", "pass", url="javascript:alert(1)"), NewCiResult("t", "pass", "x" * 5000)):
            with pytest.raises(InvalidError):
                ci.feedback.report_ci(run.id, wrong)
        running = world.run(author)
        with pytest.raises(InvalidTransitionError, match="still running"):
            ci.feedback.report_ci(running.id, result)
        assert author.feedback.list_ci_results(run.id) == []

    # similar changes ------------------------------------------------------------------------------------------------

    def test_a_change_like_a_rejected_one_is_told_why(self, world: World) -> None:
        """By what both touch, files and params; the report recommends to look."""
        author, reviewer = world.member(), world.member("reviewer")
        first = _with_code(world, author, {"train.py": "lr = 1\n"}, params={"lr": 1.0, "seed": 1})
        rejected = author.review.request_review(NewReview(first.id, title="a high rate")).review
        reviewer.review.reject(rejected.id, "the loss explodes after 10 epochs")
        again = _with_code(world, author, {"train.py": "lr = 1\n"}, params={"lr": 1.0, "seed": 2})
        review = author.review.request_review(NewReview(again.id)).review
        (found,) = author.feedback.similar_rejections(review.id)
        assert (found.number, found.title, found.reason) == (
            rejected.number,
            "a high rate",
            "the loss explodes after 10 epochs",
        )
        assert (found.decided_by, found.similarity) == (name_of(reviewer), 1.0)
        assert found.shared == ["train.py (same content)", "lr = 1.0"]
        said = f"A similar change was rejected in #{rejected.number} because: the loss explodes after 10 epochs"
        assert said in author.reviewed.review_report(review.id).recommendations
        with pytest.raises(NotFoundError):
            world.outsider().feedback.similar_rejections(review.id)

    def test_what_has_little_in_common_is_not_called_similar(self, world: World) -> None:
        """Another file, other params; nor a change in another project, nor one that was not rejected."""
        author, reviewer = world.member(), world.member("reviewer")
        first = _with_code(world, author, {"train.py": "lr = 1\n"}, params={"lr": 1.0, "depth": 3})
        rejected = author.review.request_review(NewReview(first.id)).review
        reviewer.review.reject(rejected.id, "no")
        for files, params in (
            ({"train.py": "lr = 2\n"}, {"lr": 2.0, "depth": 4}),
            ({"other.py": "x = 1\n"}, {"width": 1}),
        ):
            run = _with_code(world, author, files, params=dict(params))
            review = author.review.request_review(NewReview(run.id)).review
            assert author.feedback.similar_rejections(review.id) == []
            author.review.withdraw(review.id)
        # The earlier one knows nothing of later ones.
        assert author.feedback.similar_rejections(rejected.id) == []
        elsewhere = world.run(author, project=world.new_project(), params={"lr": 1.0}, end=RunStatus.FINISHED)
        review = author.review.request_review(NewReview(elsewhere.id)).review
        assert author.feedback.similar_rejections(review.id) == []

    def test_params_that_the_baseline_has_are_no_change(self, world: World) -> None:
        """What differs from it is compared: twenty defaults that all runs share make no two changes alike."""
        author, reviewer = world.member(), world.member("reviewer")
        shared = {f"p{number}": number for number in range(20)}
        base = _finished(world, author, params={**shared, "lr": 0.1})
        world.owner.organise.set_baseline(world.project, NewBaseline(run_ids=[base.id]))
        high = _finished(world, author, params={**shared, "lr": 1.0})
        rejected = author.review.request_review(NewReview(high.id)).review
        reviewer.review.reject(rejected.id, "too high")
        low = _finished(world, author, params={**shared, "lr": 0.01})
        review = author.review.request_review(NewReview(low.id)).review
        assert author.feedback.similar_rejections(review.id) == []
        same = _finished(world, author, params={**shared, "lr": 1.0})
        review = author.review.request_review(NewReview(same.id)).review
        assert [found.shared for found in author.feedback.similar_rejections(review.id)] == [["lr = 1.0"]]
