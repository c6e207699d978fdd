"""Student's t distribution in plain Python.

Its tail is the regularised incomplete beta function (Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.1
and 26.5.8, evaluated by Lentz's method); its quantiles are found by Newton's method.
"""

from __future__ import annotations

import functools
import math
import statistics

_TINY = 1e-300


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0) or _TINY)
    found = d
    for m in range(1, 500):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / (1.0 + factor * d or _TINY)
            c = 1.0 + factor / c or _TINY
            found *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return found


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function."""
    return _beta(a, b, x, 1.0 - x)


def _beta(a: float, b: float, x: float, rest: float) -> float:
    """With ``1 - x`` given beside ``x``, since the smaller of the two carries the figures."""
    if x <= 0.0 or rest <= 0.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta(b, a, rest, x)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    return math.exp(front) * _beta_fraction(a, b, x) / a


def t_tail(t: float, freedom: float) -> float:
    """The probability of a value above ``t``."""
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    scale = freedom + t * t
    half = 0.5 * _beta(freedom / 2.0, 0.5, freedom / scale, t * t / scale)
    return half if t >= 0 else 1.0 - half


@functools.lru_cache(maxsize=4096)
def t_quantile(p: float, freedom: float) -> float:
    """The p-quantile (0 < p < 1) of Student's t with a real number of degrees of freedom ≥ 1."""
    if p < 0.5:
        return -_upper_quantile(p, freedom)
    return _upper_quantile(1.0 - p, freedom)


def _upper_quantile(tail: float, freedom: float) -> float:
    half = freedom / 2.0
    log_scale = math.lgamma(half + 0.5) - math.lgamma(half) - 0.5 * math.log(freedom * math.pi)
    # The normal quantile is below it, and the distribution is concave right of 0: Newton's steps never pass it.
    t = statistics.NormalDist().inv_cdf(1.0 - tail) if tail > 1e-12 else 0.0
    for _ in range(100):
        step = (t_tail(t, freedom) - tail) / math.exp(log_scale - (half + 0.5) * math.log1p(t * t / freedom))
        t += step
        if abs(step) <= 1e-13 * t:
            break
    return t
