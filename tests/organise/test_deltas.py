"""The interval of a difference, against scipy's numbers."""

from __future__ import annotations

import math

import pytest

from runward.core.student import t_quantile
from runward.tracking.deltas import Interval, interval, mean_interval


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 12.706204736174694),
        (2, 4.302652729749462),
        (4.5, 2.6589123472044034),
        (10, 2.228138851986274),
        (30, 2.0422724563012378),
        (100, 1.9839715185235518),
    ],
)
def test_quantiles_are_those_of_scipy(freedom: float, expected: float) -> None:
    """scipy.stats.t.ppf(0.975, freedom), scipy 1.17.1."""
    assert t_quantile(0.975, freedom) == pytest.approx(expected, rel=1e-9)


def test_one_against_many_takes_their_scatter_for_its_own() -> None:
    """The half width is t(0.975, n - 1) · s · sqrt(1 + 1/n)."""
    found = interval([2.0], [0.9, 1.0, 1.1])
    half = 4.302652729749462 * 0.1 * (4 / 3) ** 0.5
    assert [found.low, found.high] == pytest.approx([1 - half, 1 + half])
    assert found.verdict == "higher"
    assert interval([0.9, 1.0, 1.1], [2.0]).verdict == "lower"


def test_equal_values_have_an_interval_without_width() -> None:
    assert interval([1.0, 1.0], [1.0, 1.0]) == Interval(0.0, 0.0, 0.0, "not distinguishable", 1.0)
    assert interval([2.0, 2.0], [1.0, 1.0]) == Interval(1.0, 1.0, 1.0, "higher", 0.0)


def test_the_p_value_is_that_of_students_t() -> None:
    """With one degree of freedom t is Cauchy's, whose tail is 1 - 2/pi * atan(t); below 5 % the interval leaves out 0."""
    found = interval([3.0], [0.0, 2.0])
    assert found.p == pytest.approx(1 - 2 / math.pi * math.atan(2 / math.sqrt(3)), rel=1e-12)
    assert interval([1.0, 2.0, 3.0], [1.5, 2.0, 2.6]).p > 0.05  # type: ignore[operator]
    assert interval([1.0, 1.1, 0.9], [2.0, 2.1, 1.9]).p < 0.001  # type: ignore[operator]


def test_a_mean_has_students_interval() -> None:
    """Half width t(0.975, n - 1) * s / sqrt(n); one value has none."""
    mean, low, high = mean_interval([0.9, 1.0, 1.1])
    half = 4.302652729749462 * 0.1 / 3**0.5
    assert [mean, low, high] == pytest.approx([1.0, 1 - half, 1 + half])
    assert mean_interval([2.0]) == (2.0, None, None)
