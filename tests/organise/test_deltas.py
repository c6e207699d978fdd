"""The interval of a difference, against scipy's numbers."""

from __future__ import annotations

import pytest

from runward.tracking.deltas import interval, t_quantile


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
    assert interval([1.0, 1.0], [1.0, 1.0]) == (0.0, 0.0, 0.0, "not distinguishable")
    assert interval([2.0, 2.0], [1.0, 1.0]) == (1.0, 1.0, 1.0, "higher")
