"""Intervals of proportions and of differences of proportions, in plain Python."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def wilson(hits: int, n: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a proportion (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927); None of nothing."""
    if n == 0:
        return None, None
    share, spread = hits / n, Z95 * Z95 / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def newcombe(hits: int, n: int, other_hits: int, other_n: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a difference of two proportions (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10).

    It is built of the two Wilson intervals, and holds where a proportion is 0 or 1; None where a side is empty.
    """
    (low, high), (other_low, other_high) = wilson(hits, n), wilson(other_hits, other_n)
    if low is None or high is None or other_low is None or other_high is None:
        return None, None
    share, other = hits / n, other_hits / other_n
    below = math.hypot(share - low, other_high - other)
    above = math.hypot(high - share, other - other_low)
    return share - other - below, share - other + above
