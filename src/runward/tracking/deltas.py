"""Differences between groups of runs with their 95 % intervals, in plain Python.

Welch's interval for two groups (B. L. Welch, Biometrika 34, 1947), the prediction interval for one run against a
group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from runward.core.student import incomplete_beta, t_quantile

Verdict = Literal["higher", "lower", "not distinguishable", "one run says nothing about spread"]
LEVEL = 0.95


class Interval(NamedTuple):
    """A difference and what is known of it."""

    difference: float
    low: float | None
    high: float | None
    verdict: Verdict
    p: float | None = None
    """Two-sided p-value of the test that belongs to the interval."""


def _spread(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def mean_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The mean with Student's 95 % interval; one value says nothing about spread, so it has none."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None, None
    half = t_quantile((1.0 + LEVEL) / 2.0, len(values) - 1.0) * math.sqrt(_spread(values) / len(values))
    return mean, mean - half, mean + half


def _p_value(difference: float, variance: float, freedom: float) -> float:
    if variance == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + difference**2 / variance))


def interval(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """The difference of two groups' means (ours minus theirs) with its 95 % interval.

    Two or more values on both sides: Welch. Two or more on one side: the single value is taken to scatter like the
    others. One on each side: no interval.
    """
    n, m = len(ours), len(theirs)
    difference = math.fsum(ours) / n - math.fsum(theirs) / m
    if max(n, m) < 2:
        return Interval(difference, None, None, "one run says nothing about spread")
    if min(n, m) < 2:
        freedom = float(max(n, m) - 1)
        variance = _spread(ours if n > 1 else theirs) * (1.0 + 1.0 / max(n, m))
    else:
        a, b = _spread(ours) / n, _spread(theirs) / m
        variance = a + b
        freedom = variance**2 / (a**2 / (n - 1) + b**2 / (m - 1)) if variance > 0 else 1.0
    half = t_quantile((1.0 + LEVEL) / 2.0, freedom) * math.sqrt(variance)
    low, high = difference - half, difference + half
    p = _p_value(difference, variance, freedom)
    if low <= 0.0 <= high:
        return Interval(difference, low, high, "not distinguishable", p)
    return Interval(difference, low, high, "higher" if difference > 0 else "lower", p)
