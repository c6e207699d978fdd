"""Metrics by group: values and intervals against what others compute, gaps, and what is logged."""

from __future__ import annotations

import contextlib
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runward
from runward.core.intervals import newcombe, wilson
from runward.errors import InvalidError
from runward.tracking.slices_model import SLICES_TYPE, SliceValue, Slicing
from runward.workspace import open_folder


def of(slicing: Slicing, group: str, metric: str) -> SliceValue:
    (found,) = (value for one in slicing.groups if one.group == group for value in one.values if value.metric == metric)
    return found


def test_rates_are_counted_for_each_group() -> None:
    truth = [1, 1, 0, 0, 1, 1, 0, 0]
    guess = [1, 0, 1, 0, 1, 1, 0, 0]
    report = runward.slices(truth, guess, {"sex": ["f"] * 4 + ["m"] * 4}, min_group=4)
    (by,) = report.slicings
    assert report.positive == "1"
    expected = {
        "accuracy": (0.5, 4),
        "selection_rate": (0.5, 4),
        "true_positive_rate": (0.5, 2),
        "false_positive_rate": (0.5, 2),
    }
    for metric, (value, n) in expected.items():
        found = of(by, "f", metric)
        assert (found.value, found.n) == (value, n), metric
        assert (found.low, found.high) == wilson(round(value * n), n)
    gap = next(gap for gap in by.gaps if gap.metric == "accuracy")
    assert (gap.gap, gap.highest, gap.lowest, gap.ratio) == (0.5, "m", "f", 0.5)
    assert (gap.low, gap.high) == newcombe(4, 4, 2, 4)


def test_intervals_are_those_of_the_literature() -> None:
    # Newcombe 1998, table II, row 10 of the methods: 56/70 - 48/80 and 9/10 - 3/10.
    for counts, low, high in [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((5, 56, 0, 29), -0.0381, 0.1926),
    ]:
        assert newcombe(*counts) == pytest.approx((low, high), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert newcombe(1, 2, 0, 0) == (None, None)


def test_small_groups_are_marked_and_left_out_of_the_gaps() -> None:
    truth = [1, 0] * 45
    report = runward.slices(
        truth, truth[:60] + [1 - t for t in truth[60:]], {"g": ["a"] * 40 + ["b"] * 40 + [None] * 10}
    )
    (by,) = report.slicings
    assert [(one.group, one.n, one.small) for one in by.groups] == [
        ("(missing)", 10, True),
        ("a", 40, False),
        ("b", 40, False),
    ]
    assert {(gap.highest, gap.lowest) for gap in by.gaps if gap.metric == "accuracy"} == {("a", "b")}
    alone = runward.slices(truth, truth, {"g": ["a"] * 80 + ["b"] * 10})
    assert all(gap.gap is None and gap.highest == "" for gap in alone.slicings[0].gaps)


def test_values_have_a_bootstrap_that_covers() -> None:
    chance = random.Random(1)
    truth = [chance.gauss(0, 1) for _ in range(400)]
    guess = [value + chance.gauss(0.5, 0.2) for value in truth]
    report = runward.slices(truth, guess, {"g": ["a", "b"] * 200}, seed=3)
    (by,) = report.slicings
    bias = of(by, "a", "bias")
    assert bias.low is not None
    assert bias.high is not None
    assert bias.low < 0.5 < bias.high
    # The normal interval of a mean of 200 values with deviation 0.2 is 0.055 wide.
    assert bias.high - bias.low == pytest.approx(0.055, rel=0.25)
    gap = next(gap for gap in by.gaps if gap.metric == "bias")
    assert gap.low is not None
    assert gap.low < 0.02
    assert report == runward.slices(truth, guess, {"g": ["a", "b"] * 200}, seed=3)


def test_functions_of_ones_own_and_arrays() -> None:
    class Array:
        def __init__(self, values: list[Any]) -> None:
            self.values = values

        def __iter__(self) -> Any:
            raise AssertionError("read by tolist, as arrays are fast that way")

        def tolist(self) -> list[Any]:
            return self.values

    worst = {"worst": lambda t, p: max(abs(a - b) for a, b in zip(t, p, strict=True))}
    report = runward.slices(Array([1.5, 2.0]), Array([1.0, 5.0]), {"g": ["a", "b"]}, metrics=worst, min_group=1)
    assert [of(report.slicings[0], group, "worst").value for group in "ab"] == [0.5, 3.0]
    undefined = runward.slices([1, 2], [1, 2], {"g": ["a", "b"]}, metrics={"never": lambda t, p: math.nan}, min_group=1)
    assert of(undefined.slicings[0], "a", "never").value is None


@pytest.mark.parametrize(
    ("truth", "guess", "groups", "metrics"),
    [
        ([], [], {}, []),
        ([1], [1, 2], {}, []),
        ([1], [1], {"g": []}, []),
        ([1] * 300, [1] * 300, {"g": range(300)}, []),
        ([1, 2, 3], [1, 2, 3], {}, ["true_positive_rate"]),
        ([1], [1], {"two\nlines": [1]}, []),
    ],
)
def test_what_cannot_be_computed_is_refused(
    truth: list[int], guess: list[int], groups: dict[str, Any], metrics: list[str]
) -> None:
    with pytest.raises(InvalidError):
        runward.slices(truth, guess, groups, metrics=metrics)


def test_the_run_gets_metrics_and_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    with runward.start(project="p", name="one", capture=False):
        runward.slices([1, 0] * 40, [1, 0, 0, 0] * 20, {"site": ["n", "s"] * 40}, name="held-out")
    with contextlib.closing(open_folder(tmp_path / "ws")) as space:
        detail = space.tracking.get_run(space.tracking.resolve_run("one").id)
        metrics = {metric.key: metric.last for metric in detail.metrics}
        assert metrics["slices/site/n/accuracy"] == 0.5
        assert metrics["gaps/site/accuracy"] == 0.5
        (artifact,) = detail.artifacts
        assert (artifact.path, artifact.media_type) == ("slices/held-out.json", SLICES_TYPE)
        stored = json.loads(b"".join(space.files.artifact(detail.run.id, artifact.path)))
        assert stored["slicings"][0]["by"] == "site"


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_an_interval_holds_what_it_is_of(hits: int, more: int, others: int, other_more: int) -> None:
    n, m = hits + more, others + other_more
    for (low, high), value in (
        (wilson(hits, n), hits / n if n else None),
        (newcombe(hits, n, others, m), hits / n - others / m if n and m else None),
    ):
        if value is None:
            assert (low, high) == (None, None)
        else:
            assert low is not None
            assert high is not None
            assert low - 1e-12 <= value <= high + 1e-12
