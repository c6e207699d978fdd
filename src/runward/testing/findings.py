"""What every backend keeps of findings: rates of reproduction, and why results differ."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.repro.findings_model import (
    ExplainedDifference,
    ExplainedRerun,
    ExplanationReport,
    LevelRate,
    NewExplanation,
)
from runward.repro.records import NewVerification
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import CapturePart, Run, RunEnd, RunStatus
from runward.workspace import Workspace

_LR = ExplainedDifference("config", "lr", "0.1", "0.2")
_DATA = ExplainedDifference("data", "train.csv", "12 kB", "13 kB")
_FIRST, _SECOND = "as the first run", "as the second run"


def _captured(world: World, space: Workspace, end: RunStatus = RunStatus.FINISHED) -> Run:
    run = world.run(space, metrics={"acc": 0.9})
    facts = space.files.put_bytes(world.project, b"{}")
    space.tracking.put_captures(run.id, [CapturePart("code", facts, {"digest": "tree"})])
    space.tracking.end_run(run.id, RunEnd(end))
    return space.tracking.get_run(run.id).run


def _verify(space: Workspace, run: Run, verdict: str, level: str, attempted: str = "") -> str:
    new = NewVerification(verdict, level, "r", {}, 1.0, "host", attempted)
    return space.repro.record(run.id, new).verification.id


def _counts(rate: LevelRate) -> tuple[int, ...]:
    return rate.attempted, rate.reproduced, rate.differs, rate.undecided, rate.unearned, rate.outdated


def shown(first: str, second: str, **more: Any) -> ExplanationReport:
    """An explanation that its reruns show; fields may be put otherwise."""
    reruns = [
        ExplainedRerun([], _SECOND, 1.0),
        ExplainedRerun([_LR.title, _DATA.title], _FIRST, 1.1),
        ExplainedRerun([_DATA.title], _SECOND, 1.2),
        ExplainedRerun([_LR.title], _FIRST, 1.3, True),
        ExplainedRerun([_LR.title], _FIRST, 1.4),
    ]
    report = ExplanationReport(
        format=1,
        first=first,
        second=second,
        answer="shown",
        reason="config lr: put back, restores the first result",
        cause=[_LR],
        differences=[_LR, _DATA],
        not_tried=["the machine"],
        reruns=reruns,
    )
    return msgspec.structs.replace(report, **more)


class FindingsSuite:
    """Rates count what was earned; a cause is recorded only with the reruns that show it."""

    def test_rates_count_runs_by_their_newest_attempt(self, world: World) -> None:
        """At each level and at any; of finished runs whose code was captured."""
        space = world.member()
        runs = [_captured(world, space) for _ in range(6)]
        _verify(space, runs[0], "not_reproduced", "none", "environment")
        _verify(space, runs[0], "reproduced", "environment", "environment")
        _verify(space, runs[0], "undecided", "none", "statistical")
        _verify(space, runs[1], "not_reproduced", "none", "environment")
        _verify(space, runs[2], "undecided", "none", "environment")
        _verify(space, runs[3], "reproduced", "basic", "environment")
        _verify(space, runs[4], "reproduced", "environment", "environment")
        space.tracking.append(runs[4].id, batch(1, {"acc": [(1, 0.95)]}))
        _verify(space, world.run(space, end=RunStatus.FINISHED), "reproduced", "basic")
        _verify(space, _captured(world, space, RunStatus.FAILED), "reproduced", "basic")
        found = space.findings.verification_rates(world.project)
        assert found.eligible == 6
        basic, environment, statistical, conceptual = found.levels
        assert _counts(environment) == (5, 1, 1, 1, 1, 1)
        nothing = (0, 0, 0, 0, 0, 0)
        assert (_counts(basic), _counts(statistical), _counts(conceptual)) == (nothing, (1, 0, 0, 1, 0, 0), nothing)
        assert (environment.rate, basic.rate, basic.low) == (0.2, None, None)
        assert environment.low == pytest.approx(0.0362, abs=1e-4)
        assert environment.high == pytest.approx(0.6245, abs=1e-4)
        assert _counts(found.overall) == (5, 1, 1, 2, 0, 1)
        assert world.member("viewer").findings.verification_rates(world.project) == found
        with pytest.raises(NotFoundError):
            world.outsider().findings.verification_rates(world.project)

    def test_a_level_of_an_older_content_is_not_counted_after_another_attempt(self, world: World) -> None:
        """The run changed, and was then verified at one level: the others are no more earned than before that."""
        space = world.member()
        run = _captured(world, space)
        _verify(space, run, "reproduced", "environment", "environment")
        _verify(space, run, "reproduced", "basic", "basic")
        assert [_counts(one)[1] for one in space.findings.verification_rates(world.project).levels[:2]] == [1, 1]
        space.tracking.append(run.id, batch(1, {"acc": [(1, 0.95)]}))
        _verify(space, run, "reproduced", "basic", "basic")
        basic, environment, *_ = space.findings.verification_rates(world.project).levels
        assert (_counts(basic), _counts(environment)) == ((1, 1, 0, 0, 0, 0), (1, 0, 0, 0, 0, 1))

    def test_verifications_are_listed_by_verdict_and_level(self, world: World) -> None:
        """A page at a time, newest first; the level is the one that was asked for."""
        space, run = world.member(), _captured(world, world.member())
        ids = [
            _verify(space, run, "not_reproduced", "none", "environment"),
            _verify(space, run, "undecided", "none", "basic"),
            _verify(space, run, "reproduced", "basic"),
        ]
        listed = space.repro.list_verifications(run_id=run.id)
        assert [(one.id, one.attempted) for one in listed] == list(
            zip(reversed(ids), ("basic", "basic", "environment"), strict=True)
        )
        assert [one.id for one in space.repro.list_verifications(run_id=run.id, verdict="undecided")] == [ids[1]]
        assert [one.id for one in space.repro.list_verifications(run_id=run.id, level="basic", limit=1)] == [ids[2]]
        older = space.repro.list_verifications(run_id=run.id, level="basic", before=ids[2])
        assert [one.id for one in older] == [ids[1]]
        with pytest.raises(InvalidError, match="no level"):
            _verify(space, run, "undecided", "none", "platinum")

    def test_an_explanation_is_kept_with_its_reruns(self, world: World) -> None:
        """It is listed with both runs, and outdated as soon as one of them changes."""
        space = world.member()
        first, second = _captured(world, space), _captured(world, space)
        report = shown(first.id, second.id)
        found = space.findings.record_explanation(first.id, NewExplanation(report, 6.0, "host-a"))
        assert found.report == report
        line = found.explanation
        assert (line.first_name, line.second_id, line.answer) == (first.name, second.id, "shown")
        assert (line.by, line.host, line.duration_s, line.outdated) == (name_of(space), "host-a", 6.0, False)
        for run in (first, second):
            assert world.member("viewer").findings.list_explanations(run.id) == [line]
        space.tracking.append(second.id, batch(1, {"acc": [(1, 0.95)]}))
        assert space.findings.get_explanation(line.id).explanation.outdated
        assert [one.outdated for one in space.findings.list_explanations(first.id)] == [True]

    @pytest.mark.parametrize(
        "told",
        [
            {"reruns": []},
            {"reruns": [ExplainedRerun([_DATA.title], _FIRST, 1.0)]},
            {"reruns": [ExplainedRerun([_LR.title], _SECOND, 1.0)]},
            {"reruns": [ExplainedRerun([_LR.title], _FIRST, 1.0), ExplainedRerun([_LR.title], _SECOND, 1.0)]},
            {"reruns": [ExplainedRerun([_LR.title], _FIRST, 1.0), ExplainedRerun([], _FIRST, 1.0)]},
            {"differences": [_DATA]},
            {"cause": []},
            {"source": "the number of threads"},
            {"cause": [], "source": "the number of threads"},
            {"answer": "undecided"},
            {"answer": "nothing_differs", "cause": []},
        ],
    )
    def test_no_cause_without_the_reruns_that_show_it(self, world: World, told: dict[str, Any]) -> None:
        """None at all, another one, a contradicted one, one that is larger than needed."""
        space = world.member()
        first, second = _captured(world, space), _captured(world, space)
        with pytest.raises(InvalidError, match="report"):
            space.findings.record_explanation(first.id, NewExplanation(shown(first.id, second.id, **told), 1.0))
        assert space.findings.list_explanations(first.id) == []

    def test_what_the_first_run_left_is_put_back_with_the_cause(self, world: World) -> None:
        """It belongs to what the rerun must show, and alone must not restore the result."""
        space = world.member()
        first, second = _captured(world, space), _captured(world, space)
        reruns = [
            ExplainedRerun([], _SECOND, 1.0),
            ExplainedRerun([_DATA.title], _SECOND, 1.0),
            ExplainedRerun([_DATA.title, _LR.title], _FIRST, 1.0),
        ]
        more: dict[str, Any] = {"set_aside": [_DATA.title], "reruns": reruns}
        made = space.findings.record_explanation(first.id, NewExplanation(shown(first.id, second.id, **more), 1.0))
        assert made.report.set_aside == [_DATA.title]
        for other in (
            {**more, "set_aside": []},
            {**more, "reruns": [*reruns, ExplainedRerun([_DATA.title], _FIRST, 1.0)]},
        ):
            with pytest.raises(InvalidError, match="report"):
                space.findings.record_explanation(first.id, NewExplanation(shown(first.id, second.id, **other), 1.0))

    def test_a_run_is_explained_by_itself(self, world: World) -> None:
        """What keeps it from repeating, or that nothing does."""
        space = world.member()
        run = _captured(world, space)
        steady, names = "the same each time, not as recorded", ["the number of threads", "the order of hashing"]
        reruns = [
            ExplainedRerun([], "two reruns differ", 1.0),
            ExplainedRerun([f"fixed: {name}" for name in names], steady, 1.0),
        ]
        more: dict[str, Any] = {"cause": [], "differences": [], "reason": "r"}
        source = shown(run.id, run.id, **more, source=" and ".join(names), reruns=reruns)
        assert space.findings.record_explanation(run.id, NewExplanation(source, 1.0)).report == source
        reruns = [ExplainedRerun([], _FIRST, 1.0), ExplainedRerun([], "as recorded, both times", 1.0)]
        same = shown(run.id, run.id, **more, answer="nothing_differs", reruns=reruns)
        made = space.findings.record_explanation(run.id, NewExplanation(same, 1.0))
        assert [line.id for line in space.findings.list_explanations(run.id, 1)] == [made.explanation.id]
        unknown = shown(run.id, run.id, **more, source="the weather", reruns=reruns)
        with pytest.raises(InvalidError, match="no rerun fixed"):
            space.findings.record_explanation(run.id, NewExplanation(unknown, 1.0))

    def test_an_explanation_is_for_those_who_see_both_runs(self, world: World) -> None:
        """And recorded by who may verify, on the run that it begins with, when both are over."""
        space, viewer, stranger = world.member(), world.member("viewer"), world.outsider()
        first, second = _captured(world, space), _captured(world, space)
        new = NewExplanation(shown(first.id, second.id), 1.0)
        made = space.findings.record_explanation(first.id, new).explanation.id
        with pytest.raises(ForbiddenError):
            viewer.findings.record_explanation(first.id, new)
        for ask in (
            lambda: stranger.findings.get_explanation(made),
            lambda: stranger.findings.list_explanations(first.id),
            lambda: stranger.findings.record_explanation(first.id, new),
            lambda: space.findings.record_explanation(first.id, NewExplanation(shown(first.id, "nobody"), 1.0)),
        ):
            with pytest.raises(NotFoundError):
                ask()
        with pytest.raises(InvalidError, match="first run"):
            space.findings.record_explanation(second.id, new)
        running = world.run(space)
        with pytest.raises(InvalidError, match="still running"):
            space.findings.record_explanation(first.id, NewExplanation(shown(first.id, running.id), 1.0))
        for seconds in (-1.0, 1e400):
            with pytest.raises(InvalidError):
                space.findings.record_explanation(first.id, NewExplanation(new.report, seconds))
