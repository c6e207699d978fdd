"""Whether two groups of runs give the same metric up to a margin: equivalence tests, looked at in sequence.

Two one-sided tests (D. J. Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987): equivalent is what has its whole
confidence interval within the margin. Means are compared by Student's paired t where the seeds match and by Welch's t
(Biometrika 34, 1947) otherwise; where a run diverged or a metric is bounded or coarse, shifts are compared by the
interval that inverts the Mann–Whitney test, for pairs Wilcoxon's signed-rank test (J. L. Hodges and E. L. Lehmann, Ann.
Math. Stat. 34, 1963). What may be wrong in 5 % of all sequences is shared out over the looks (group-sequential tests:
S. J. Pocock, Biometrika 64, 1977), less to the first, which seldom decides rightly; ``tests.bench equivalence``
computes how much, and ``docs/statistics.md`` has the figures.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from runward.core.student import t_quantile
from runward.errors import InvalidError

LOOKS = (3, 5, 7, 10, 15, 20)
"""Runs per side after which the evidence is looked at."""
SHARES = {3: 0.3, 5: 0.8, 7: 1.0, 10: 1.2, 15: 0.9, 20: 0.9}
"""How the chance of a mistake is spent over the looks: little on the first, which hardly ever decides rightly."""
ALPHA = 0.0175
"""Of each look times its share, as ``tests.bench equivalence`` calibrates it for wide margins; narrow ones need less."""
PAIRED_ALPHA = 0.0155
"""Of pairs, and where the baseline is longer: all the doubt is on one side, so a look can mislead more easily."""
_MOST_RUNS = 1000
_FAR_OUT = 8.0
_EVEN = 0.5
_ROUNDING = 1e-9

Method = Literal["paired t", "Welch t", "Hodges-Lehmann", "Hodges-Lehmann of pairs"]
_OF_PAIRS = ("paired t", "Hodges-Lehmann of pairs")
Outcome = Literal["equivalent", "different", "undecided"]


class Sample(msgspec.Struct, frozen=True):
    """What one run says of a metric."""

    run: str
    """The id of a recorded run; empty for one that the verification made."""
    seed: int | None
    value: float | None
    """None where the run diverged: NaN, an infinity, or no value at all."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one metric, from which anybody can work the outcome out again."""

    metric: str
    margin: float
    """In the metric's own unit, declared before the runs of the candidate side."""
    margin_from: Literal["declared", "default"]
    declared_on: int
    """How many baseline values there were when the margin was declared."""
    baseline: list[Sample]
    candidate: list[Sample]
    """Both in the order in which they came."""
    test_size: int | None = None
    """Of a binomial metric: examples in the test set."""


class Equivalence(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers of one metric say."""

    outcome: Outcome
    method: Method
    alpha: float
    """Of the last look, on either side; the interval has the level 1 - 2 alpha."""
    looks: list[int]
    """Runs per side at the looks that were taken."""
    n_baseline: int
    n_candidate: int
    difference: float | None
    """Candidate minus baseline, in the metric's own unit; None where only diverged runs are left."""
    low: float | None
    high: float | None
    """The interval; None for an end that is not bounded."""
    more: int | None = None
    """About how many more runs per side would decide, beyond the last look too; None where none up to 1,000 would."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence of a statistical verification, metric by metric, and what was found in it."""

    metrics: list[Evidence]
    found: list[Equivalence] = []
    """For people: whoever relies on it works it out again from ``metrics``."""
    failed: list[str] = []
    """Recorded replicates that did not finish and therefore have no value here."""


class Interval(NamedTuple):
    """An estimated difference and its ends, which may be infinite."""

    difference: float
    low: float
    high: float


def default_margin(baseline: Sequence[float]) -> float:
    """The larger of 1 % of the baseline's mean and twice its standard deviation.

    Raises: InvalidError (fewer than two finite values; all are zero, so no margin follows).
    """
    values = [value for value in baseline if math.isfinite(value)]
    if len(values) < 2:
        raise InvalidError(
            f"baseline: {len(values)} values do not tell a spread", hint="declare a margin or record replicates"
        )
    margin = max(0.01 * abs(_mean(values)), 2.0 * math.sqrt(_variance(values)))
    if margin == 0.0:
        raise InvalidError("margin: all values of the baseline are 0, so none follows from them", hint="declare one")
    return margin


def check_margin(metric: str, margin: float, test_size: int | None = None) -> float:
    """The margin itself, if it can be one.

    Raises: InvalidError (not positive and finite; finer than one example of the test set).
    """
    if not 0.0 < margin < math.inf:
        raise InvalidError(f"margin of {metric!r} must be a positive number, got {margin!r}")
    if test_size is not None and margin < (1.0 - _ROUNDING) / test_size:
        raise InvalidError(
            f"margin of {metric!r}: {margin!r} is finer than one of the {test_size} examples of the test set",
            hint=f"at least {1.0 / test_size:.6g}",
        )
    return margin


def nominal_alpha(method: Method, n: int, longer_baseline: bool = False) -> float:
    """The alpha of the look at n runs per side, so that all looks together keep 5 %."""
    share = SHARES[LOOKS[max(0, bisect.bisect_right(LOOKS, n) - 1)]]
    return round(share * (PAIRED_ALPHA if longer_baseline or method in _OF_PAIRS else ALPHA), 6)


def assess(evidence: Evidence, most: int = LOOKS[-1]) -> Equivalence:
    """Look at the evidence as it came and stop at the first look that decides.

    Args:
        evidence: At least three values on either side.
        most: The last look that counts, in runs per side.

    Raises: InvalidError (too few values; a margin that cannot be one).
    """
    check_margin(evidence.metric, evidence.margin, evidence.test_size)
    usable = min(len(evidence.candidate), most, max(len(evidence.baseline), 0))
    looks = [n for n in LOOKS if n <= usable]
    if not looks or evidence.declared_on > len(evidence.baseline):
        raise InvalidError(
            f"{evidence.metric!r}: {len(evidence.baseline)} baseline and {len(evidence.candidate)} candidate values",
            hint=f"a first look needs {LOOKS[0]} on either side",
        )
    for at in range(len(looks)):
        found = _look(evidence, looks[: at + 1], last=at + 1 == len(looks))
        if found.outcome != "undecided":
            break
    return found


def conclude(outcomes: Sequence[Outcome]) -> Outcome:
    """Of several metrics: equivalent where all are, different where one is (intersection–union; no correction).

    R. L. Berger, Technometrics 24, 1982: each test at its full level keeps the whole at that level.
    """
    if "different" in outcomes:
        return "different"
    return "equivalent" if outcomes and all(one == "equivalent" for one in outcomes) else "undecided"


def choose_method(baseline: Sequence[float], candidate: Sequence[float], paired: bool) -> Method:
    """Ranks where a run diverged or the metric is bounded or coarse, else means."""
    everything = [*baseline, *candidate]
    finite = all(map(math.isfinite, everything))
    piled = all(0.0 <= value <= 1.0 for value in everything) and any(value in (0.0, 1.0) for value in everything)
    coarse = _coarse(baseline) or _coarse(candidate)
    if not paired:
        return "Hodges-Lehmann" if not finite or piled or coarse or _far_out(baseline, candidate) else "Welch t"
    same = len({b - a for a, b in zip(baseline, candidate, strict=True)}) == 1
    ranks = not finite or piled or coarse or same or _far_out(baseline, candidate)
    return "Hodges-Lehmann of pairs" if ranks else "paired t"


def shift_interval(baseline: Sequence[float], candidate: Sequence[float], alpha: float, method: Method) -> Interval:
    """Candidate minus baseline with the interval of level 1 - 2 alpha."""
    if method == "Hodges-Lehmann":
        return _hodges_lehmann(baseline, candidate, alpha)
    if method == "Hodges-Lehmann of pairs":
        return _hodges_lehmann_of_pairs(baseline, candidate, alpha)
    n, m = len(baseline), len(candidate)
    difference = _mean(candidate) - _mean(baseline)
    if method == "paired t":
        spread = _variance([b - a for a, b in zip(baseline, candidate, strict=True)])
        half = t_quantile(1.0 - alpha, n - 1.0) * math.sqrt(spread / n)
    else:
        a, b = _variance(baseline) / n, _variance(candidate) / m
        half = t_quantile(1.0 - alpha, (a + b) ** 2 / (a**2 / (n - 1) + b**2 / (m - 1))) * math.sqrt(a + b)
    return Interval(difference, difference - half, difference + half)


def decide_on(interval: Interval, margin: float) -> Outcome:
    """What an interval says of a margin: within it, wholly beyond it, or neither.

    A difference that equals the margin but for rounding is not within it.
    """
    within, beyond = margin * (1.0 - _ROUNDING), margin * (1.0 + _ROUNDING)
    if -within < interval.low and interval.high < within:
        return "equivalent"
    return "different" if interval.low > beyond or interval.high < -beyond else "undecided"


def _look(evidence: Evidence, looks: list[int], *, last: bool) -> Equivalence:
    baseline, candidate, paired = _sides(evidence, looks[-1])
    method = choose_method(baseline, candidate, paired)
    longer = evidence.declared_on > LOOKS[1]
    alpha = nominal_alpha(method, looks[-1], longer)
    interval = shift_interval(baseline, candidate, alpha, method)
    outcome = decide_on(interval, evidence.margin)
    return Equivalence(
        outcome=outcome,
        method=method,
        alpha=alpha,
        looks=looks,
        n_baseline=len(baseline),
        n_candidate=len(candidate),
        difference=_finite(interval.difference),
        low=_finite(interval.low),
        high=_finite(interval.high),
        more=runs_needed(baseline, candidate, evidence.margin, method, longer)
        if last and outcome == "undecided"
        else None,
    )


def _sides(evidence: Evidence, n: int) -> tuple[list[float], list[float], bool]:
    """Both sides at a look, and whether they are pairs: what the baseline had from the start counts at once."""
    baseline, candidate = evidence.baseline[: max(n, evidence.declared_on)], evidence.candidate[:n]
    by_seed = {item.seed: item for item in baseline if item.seed is not None}
    seeds = [item.seed for item in candidate if item.seed in by_seed]
    paired = len(by_seed) == len(baseline) and len(set(seeds)) == n
    chosen = [by_seed[seed] for seed in seeds if seed is not None] if paired else baseline
    return [_number(item) for item in chosen], [_number(item) for item in candidate], paired


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _number(item: Sample) -> float:
    return math.nan if item.value is None else item.value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _residuals(baseline: Sequence[float], candidate: Sequence[float]) -> list[float]:
    """How far the finite values are from their side's median, sorted."""
    found: list[float] = []
    for side in (baseline, candidate):
        finite = [value for value in side if math.isfinite(value)]
        middle = statistics.median(finite) if finite else 0.0
        found += [abs(value - middle) for value in finite]
    return sorted(found)


def _far_out(baseline: Sequence[float], candidate: Sequence[float]) -> bool:
    """Whether a value is so far from its side's median that its run must have gone another way."""
    residuals = _residuals(baseline, candidate)
    return residuals[-1] > _FAR_OUT * 1.4826 * statistics.median(residuals) > 0.0


def _coarse(values: Sequence[float]) -> bool:
    """Whether so few different values came up that their spread says little."""
    return len(set(values)) <= max(2, len(values) // 5)


def _hodges_lehmann(baseline: Sequence[float], candidate: Sequence[float], alpha: float) -> Interval:
    """The median and two order statistics of all differences.

    A diverged run stands above all others, on both sides alike; between two such the difference may be anything.
    """
    ours, theirs = (sorted(map(_above, side)) for side in (candidate, baseline))
    differences = sorted(b - a for a in theirs for b in ours if math.isfinite(a) or math.isfinite(b))
    unknown = len(ours) * len(theirs) - len(differences)
    k = mann_whitney_rank(len(theirs), len(ours), alpha)
    middle = statistics.median(differences) if differences else math.nan
    if k <= unknown:
        return Interval(middle, -math.inf, math.inf)
    return Interval(middle, differences[k - unknown - 1], differences[unknown - k])


def _hodges_lehmann_of_pairs(baseline: Sequence[float], candidate: Sequence[float], alpha: float) -> Interval:
    """The median and two order statistics of the means of any two differences; of two diverged runs nothing is known."""
    differences = [_above(b) - _above(a) for a, b in zip(baseline, candidate, strict=True)]
    means = [(a + b) / 2.0 for i, a in enumerate(differences) for b in differences[i:]]
    known = sorted(mean for mean in means if not math.isnan(mean))
    unknown = len(means) - len(known)
    k = signed_rank(len(differences), alpha)
    middle = statistics.median(known) if known else math.nan
    if k <= unknown:
        return Interval(middle, -math.inf, math.inf)
    return Interval(middle, known[k - unknown - 1], known[unknown - k])


def _above(value: float) -> float:
    return value if math.isfinite(value) else math.inf


@functools.lru_cache(maxsize=1024)
def mann_whitney_rank(n: int, m: int, alpha: float) -> int:
    """The rank k of the sorted differences that bounds a shift from below at level 1 - alpha; 0 where none does.

    The largest k with P(U < k) ≤ alpha under the exact distribution of Mann and Whitney's U without ties; with ties
    the interval only gets wider.
    """
    counts, total, below = _mann_whitney_counts(n, m), math.comb(n + m, n), 0
    for k, count in enumerate(counts):
        below += count
        if below > alpha * total:
            return k
    return len(counts)


@functools.lru_cache(maxsize=1024)
def signed_rank(n: int, alpha: float) -> int:
    """As :func:`mann_whitney_rank`, for the sorted means of two differences each, by Wilcoxon's signed-rank test."""
    counts = [1] + [0] * (n * (n + 1) // 2)
    for rank in range(1, n + 1):
        for total in range(len(counts) - 1, rank - 1, -1):
            counts[total] += counts[total - rank]
    below = itertools.accumulate(counts)
    return next((k for k, found in enumerate(below) if found > alpha * 2**n), len(counts))


def _mann_whitney_counts(n: int, m: int) -> list[int]:
    """How many of all arrangements have U = 0, 1, …: the coefficients of a Gaussian binomial."""
    counts = [1] + [0] * (n * m)
    for i in range(1, n + 1):
        for u in range(n * m, m + i - 1, -1):
            counts[u] -= counts[u - m - i]
        for u in range(i, n * m + 1):
            counts[u] += counts[u - i]
    return counts


def runs_needed(
    baseline: Sequence[float], candidate: Sequence[float], margin: float, method: Method, longer_baseline: bool = False
) -> int | None:
    """About how many more runs per side make it as likely as not that a look decides.

    The chance is predictive: what the difference will be found to be at a later look is spread around what it is now by
    what is not known yet (D. J. Spiegelhalter et al., Control. Clin. Trials 7, 1986), and the interval narrows as runs are
    added. More than to the last look means that no look will decide, and how many would. None where more than 1,000
    would be needed.
    """
    n = len(candidate)
    difference, spread = _looks_like(baseline, candidate, nominal_alpha(method, n, longer_baseline), method)

    def variance(size: int) -> float:
        return spread / size if method in _OF_PAIRS else 0.5 * spread * (1.0 / size + 1.0 / max(size, len(baseline)))

    def enough(size: int) -> bool:
        freedom = float(size - 1 if method in _OF_PAIRS else 2 * size - 2)
        quantile = t_quantile(1.0 - nominal_alpha(method, size, longer_baseline), freedom)
        unknown = math.sqrt(max(0.0, variance(n) - variance(size)))
        return _chance(difference, unknown, quantile * math.sqrt(variance(size)), margin) >= _EVEN

    if not math.isfinite(spread):
        return None
    ahead = [size for size in LOOKS if size > n]
    beyond = range(max(n, LOOKS[-1]) + 1, _MOST_RUNS + 1)
    at = next((size for size in ahead if enough(size)), None)
    if at is None:
        found = bisect.bisect_left(beyond, True, key=enough)
        at = beyond[found] if found < len(beyond) else None
    return None if at is None else at - n


def _chance(difference: float, unknown: float, half: float, margin: float) -> float:
    """Of an interval within the margin, or wholly beyond it, whose middle will be found around the difference."""
    if unknown == 0.0:
        return float(abs(difference) + half < margin or abs(difference) - half > margin)
    found = statistics.NormalDist(abs(difference), unknown)
    within = max(0.0, found.cdf(margin - half) - found.cdf(half - margin))
    return within + 1.0 - found.cdf(margin + half) + found.cdf(-margin - half)


def _looks_like(
    baseline: Sequence[float], candidate: Sequence[float], alpha: float, method: Method
) -> tuple[float, float]:
    """The difference, and the variance of a difference of one run from either side, as the interval tells it.

    Ranks pay for diverged runs and for values that come up again and again, which their interval shows and a standard
    deviation does not; where that has no ends yet, the spread of what is finite has to do.
    """
    n, m = len(candidate), len(baseline)
    freedom = float(n - 1 if method in _OF_PAIRS else n + m - 2)
    found = shift_interval(baseline, candidate, alpha, method)
    if math.isfinite(found.low) and math.isfinite(found.high) and found.low < found.high:
        error = (found.high - found.low) / 2.0 / t_quantile(1.0 - alpha, freedom)
        return found.difference, error**2 * (n if method in _OF_PAIRS else 2.0 / (1.0 / n + 1.0 / m))
    sides = [[value for value in side if math.isfinite(value)] for side in (baseline, candidate)]
    if method in _OF_PAIRS:
        gaps = [b - a for a, b in zip(baseline, candidate, strict=True) if math.isfinite(a) and math.isfinite(b)]
        return (_mean(gaps), _variance(gaps) * (n / len(gaps)) ** 2) if len(gaps) > 1 else (0.0, math.inf)
    if min(map(len, sides)) < 2:
        return 0.0, math.inf
    lost = (n + m) / sum(map(len, sides))
    return statistics.median(sides[1]) - statistics.median(sides[0]), sum(map(_variance, sides)) * lost**2
