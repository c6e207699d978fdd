"""Gates: NaN, missing and infinite never pass, whichever way the threshold points."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.core.ids import ProjectId, RunId, VerificationId
from runward.repro.records import Verification
from runward.review.gates import evaluate, passed
from runward.review.model import MetricRule, Standards
from runward.tracking.model import MetricSummary, Run, RunStatus
from runward.tracking.points import special_name

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _run(name: str = "run-1", purpose: str = "", **metrics: float) -> Run:
    found = {
        key: MetricSummary(key, 1, None if special_name(value) else value, 0, None, None, special_name(value))
        for key, value in metrics.items()
    }
    return Run(
        id=RunId("r"),
        name=name,
        project_id=ProjectId("p"),
        project="p",
        experiment_id=None,
        experiment=None,
        status=RunStatus.FINISHED,
        purpose=purpose,
        created_by="a",
        created_at=_NOW,
        started_at=_NOW,
        ended_at=_NOW,
        duration_s=0.0,
        exit_code=0,
        error="",
        seed=None,
        commit="",
        branch="",
        dirty=None,
        rerun_of=None,
        fingerprint="",
        revision=1,
        metrics=found,
    )


@given(value=st.floats(), limit=st.floats(allow_nan=False, allow_infinity=False), up=st.booleans())
def test_a_threshold_is_its_comparison_for_finite_values_and_a_no_otherwise(
    value: float, limit: float, up: bool
) -> None:
    standards = Standards(thresholds=[MetricRule("m", ">=" if up else "<=", limit)])
    meant = math.isfinite(value) and (value >= limit if up else value <= limit)
    assert passed(evaluate(_run(m=value), standards)) is meant


@pytest.mark.parametrize(
    ("standards", "good", "bad", "named"),
    [
        (Standards(required_metrics=["acc"]), _run(acc=1.0), _run(), "acc"),
        (Standards(naming="[a-z]+-[0-9]+"), _run("cnn-1"), _run("CNN 1"), "CNN 1"),
        (Standards(naming="[a-z]+"), _run("cnn"), _run("cnn-1"), "cnn-1"),
        (Standards(documentation_required=True), _run(purpose="why"), _run(purpose=" "), "purpose"),
        (Standards(documentation_required=True), _run(purpose="which rate?"), _run(purpose="TODO: say why"), "purpose"),
    ],
)
def test_each_standard_closes_its_gate_and_says_why(standards: Standards, good: Run, bad: Run, named: str) -> None:
    assert passed(evaluate(good, standards))
    closed = [gate for gate in evaluate(bad, standards) if gate.verdict != "pass"]
    assert len(closed) == 1
    assert named in closed[0].message


def _verification(verdict: str, level: str, *, outdated: bool = False) -> Verification:
    name = f"{verdict}-{level}"
    return Verification(
        VerificationId(name), RunId("r"), "run-1", "p", verdict, level, level, "why", "ann", "", _NOW, 1.0, outdated
    )


@given(
    found=st.lists(
        st.tuples(
            st.sampled_from(["reproduced", "not_reproduced", "undecided"]),
            st.sampled_from(["none", "basic", "environment", "statistical"]),
            st.booleans(),
        ),
        max_size=6,
    ),
    required=st.sampled_from(["basic", "environment", "statistical"]),
)
def test_a_required_level_is_met_only_by_what_stands(
    found: list[tuple[str, str, bool]], required: Literal["basic", "environment", "statistical"]
) -> None:
    """By a level at least as high, on this content, with nothing since that did not come out again."""
    verifications = [
        _verification(verdict, level if verdict == "reproduced" else "none", outdated=outdated)
        for verdict, level, outdated in found
    ]
    ranks = ["none", "basic", "environment", "statistical"]
    counted = [one for one in verifications if not one.outdated and one.verdict != "undecided"]
    since = next((i for i, one in enumerate(counted) if one.verdict == "not_reproduced"), len(counted))
    meant = any(ranks.index(one.level) >= ranks.index(required) for one in counted[:since])
    gates = evaluate(_run(), Standards(require_level=required), verifications)
    assert passed(gates) is meant
    if not counted:
        assert gates[-1].verdict == "undecided"
    elif not meant:
        assert (gates[-1].verdict, bool(gates[-1].evidence)) == ("fail", True)
