"""Equivalence tests: figures against scipy and tables, states, choice of method, and a small operating curve."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import msgspec
import pytest

from runward.core.student import incomplete_beta, t_quantile, t_tail
from runward.errors import InvalidError
from runward.repro.equivalence import (
    ALPHA,
    LOOKS,
    PAIRED_ALPHA,
    SHARES,
    Evidence,
    Method,
    Outcome,
    Sample,
    assess,
    check_margin,
    choose_method,
    conclude,
    decide_on,
    default_margin,
    mann_whitney_rank,
    nominal_alpha,
    runs_needed,
    shift_interval,
    signed_rank,
)


def samples(values: list[float], seeds: list[int] | None = None) -> list[Sample]:
    return [
        Sample("", seeds[i] if seeds else None, value if math.isfinite(value) else None)
        for i, value in enumerate(values)
    ]


def evidence(
    before: list[float],
    after: list[float],
    margin: float = 2.0,
    seeds: list[int] | None = None,
    declared_on: int = 3,
    test_size: int | None = None,
) -> Evidence:
    return Evidence(
        metric="acc", margin=margin, margin_from="declared", declared_on=declared_on, test_size=test_size,
        baseline=samples(before, seeds), candidate=samples(after, seeds),
    )  # fmt: skip


@pytest.mark.parametrize("freedom", [1.0, 1.3, 2.0, 4.5, 18.0, 38.2, 1000.5])
def test_student_is_that_of_scipy(freedom: float) -> None:
    """To ten figures, in both tails."""
    stats = pytest.importorskip("scipy.stats", reason="scipy comes with the group `frameworks`")
    for p in (0.01, 0.6, 0.9, 0.95, 0.9859, 0.999, 0.99999):
        assert t_quantile(p, freedom) == pytest.approx(stats.t.ppf(p, freedom), rel=1e-10)
    for t in (-4.0, -0.1, 0.0, 1e-6, 0.3, 2.0, 9.0, 50.0):
        assert t_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-10)
    assert (t_tail(math.inf, freedom), t_tail(-math.inf, freedom)) == (0.0, 1.0)


def test_incomplete_beta_is_that_of_scipy() -> None:
    special = pytest.importorskip("scipy.special", reason="scipy comes with the group `frameworks`")
    for a, b, x in itertools.product((0.5, 3.0, 20.0), (0.5, 2.5, 30.0), (0.0, 0.01, 0.4, 0.99, 1.0)):
        assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-10, abs=1e-300)


def test_intervals_of_means_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy comes with the group `frameworks`")
    before, after = [0.91, 0.93, 0.92, 0.95, 0.90], [0.94, 0.935, 0.92, 0.955, 0.93]
    results: dict[Method, Any] = {
        "Welch t": stats.ttest_ind(after, before, equal_var=False),
        "paired t": stats.ttest_rel(after, before),
    }
    for method, result in results.items():
        low, high = result.confidence_interval(0.9)
        assert shift_interval(before, after, 0.05, method)[1:] == pytest.approx((low, high), rel=1e-10)


@pytest.mark.parametrize(
    ("n", "m", "tail", "critical"),
    [(4, 4, 0.05, 1), (5, 5, 0.05, 4), (5, 5, 0.01, 1), (10, 10, 0.05, 27), (10, 10, 0.01, 19), (20, 20, 0.025, 127)],
)
def test_mann_whitney_quantiles_are_the_tables(n: int, m: int, tail: float, critical: int) -> None:
    """Largest U with P(U ≤ u) ≤ alpha, one-sided, of the usual tables; the rank is one more."""
    assert mann_whitney_rank(n, m, tail) == critical + 1


def test_the_distribution_of_ranks_is_that_of_all_arrangements() -> None:
    """By enumeration."""
    n, m = 4, 3
    found = sorted(
        sum(1 for a in chosen for b in range(n + m) if b not in chosen and b < a)
        for chosen in itertools.combinations(range(n + m), n)
    )
    for alpha in (0.02, 0.03, 0.06, 0.12, 0.3):
        k = mann_whitney_rank(n, m, alpha)
        assert sum(u < k for u in found) <= alpha * len(found) < sum(u <= k for u in found)


def test_hodges_and_lehmann_find_median_and_rank_of_the_differences() -> None:
    before, after = [1.0, 2.0, 4.0, 7.0, 11.0], [2.5, 3.0, 6.0, 8.5, 30.0]
    differences = sorted(b - a for a in before for b in after)
    found = shift_interval(before, after, 0.05, "Hodges-Lehmann")
    assert found == (differences[12], differences[4], differences[20])


def test_signed_ranks_are_those_of_the_table() -> None:
    """Largest W with P(W ≤ w) ≤ alpha, one-sided; the rank is one more. And the interval by enumeration."""
    table = {(5, 0.05): 0, (7, 0.01): 0, (8, 0.025): 3, (10, 0.05): 10, (10, 0.01): 5, (20, 0.025): 52}
    assert {key: signed_rank(*key) - 1 for key in table} == table
    assert (signed_rank(5, 0.01), signed_rank(6, 0.0126)) == (0, 0)
    gaps = [0.3, -0.1, 0.5, 0.2, 0.9]
    means = sorted((a + b) / 2 for i, a in enumerate(gaps) for b in gaps[i:])
    found = shift_interval([0.0] * 5, gaps, 0.05, "Hodges-Lehmann of pairs")
    assert found == (means[7], means[0], means[14])


def test_pairs_that_agree_to_the_last_bit_decide_for_any_margin() -> None:
    """From seven on, since fewer equal pairs may be chance."""
    values, seeds = [random.Random(i).random() for i in range(7)], list(range(7))
    few = assess(evidence(values[:5], values[:5], 1e-6, seeds[:5]))
    assert (few.outcome, few.low) == ("undecided", None)
    enough = assess(evidence(values, values, 1e-6, seeds))
    assert (enough.outcome, enough.low, enough.high, enough.looks) == ("equivalent", 0.0, 0.0, [3, 5, 7])
    both = [*values[:6], math.nan]
    assert assess(evidence(both, both, 1e-6, seeds)).outcome == "undecided"


def test_a_diverged_run_stands_above_all_others() -> None:
    """On both sides alike; of two such runs nothing is known, until nothing is bounded."""
    before = [float(i) for i in range(10)]
    worse = [*before[:-1], 1e9]
    diverged = [*before[:-1], math.nan]
    whole = shift_interval(before, before, 0.05, "Hodges-Lehmann")
    assert shift_interval(before, diverged, 0.05, "Hodges-Lehmann") == shift_interval(
        before, worse, 0.05, "Hodges-Lehmann"
    )
    both = shift_interval(diverged, diverged, 0.05, "Hodges-Lehmann")
    assert both.low <= whole.low <= whole.high <= both.high
    many = [*before[:4], *[math.nan] * 6]
    found = shift_interval(many, many, 0.05, "Hodges-Lehmann")
    assert (found.low, found.high) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(-0.5, 0.9, "equivalent"), (-0.5, 1.1, "undecided"), (1.1, 3.0, "different"), (-9.0, -1.2, "different"),
     (0.9, 1.1, "undecided"), (0.0, 1.0 - 1e-12, "undecided"), (-math.inf, math.inf, "undecided")],
)  # fmt: skip
def test_an_interval_is_within_beyond_or_neither(low: float, high: float, outcome: Outcome) -> None:
    """What differs from the margin only by rounding is not within it."""
    assert decide_on(shift_interval([0, 1], [0, 1], 0.05, "Welch t")._replace(low=low, high=high), 1.0) == outcome


@pytest.mark.parametrize(
    ("before", "after", "paired", "method"),
    [
        ([1.0, 2.1, 3.3], [1.1, 2.0, 3.6], False, "Welch t"),
        ([1.0, 2.1, 3.3], [1.1, 2.0, 3.6], True, "paired t"),
        ([1.0, 2.1, math.nan], [1.1, 2.0, 3.6], False, "Hodges-Lehmann"),
        ([1.0, 2.1, math.nan], [1.1, 2.0, 3.6], True, "Hodges-Lehmann of pairs"),
        ([1.0, 2.1, 3.3], [1.1, 2.0, 300.0], False, "Hodges-Lehmann"),
        ([0.97, 0.98, 1.0], [0.96, 0.97, 0.99], False, "Hodges-Lehmann"),
        ([0.97, 0.97, 0.97], [0.96, 0.98, 0.99], False, "Hodges-Lehmann"),
        ([1.0, 2.1, 3.3], [1.0, 2.1, 3.3], True, "Hodges-Lehmann of pairs"),
    ],
    ids=["free", "seeds", "nan", "nan-pairs", "far", "bounded", "coarse", "copies"],
)
def test_the_method_follows_from_the_values(before: list[float], after: list[float], paired: bool, method: str) -> None:
    assert choose_method(before, after, paired) == method


def test_the_first_look_that_decides_ends_it() -> None:
    """Later values do not count any more: nobody goes on until it fits."""
    noise = random.Random(3)
    before, after = [noise.gauss(0, 1) for _ in range(20)], [noise.gauss(0, 1) for _ in range(20)]
    found = assess(evidence(before, after, 3.0))
    assert found.outcome == "equivalent"
    n = found.looks[-1]
    assert n < 10
    spoiled = [*after[:n], *[50.0] * (20 - n)]
    assert assess(evidence(before, spoiled, 3.0)) == found


def test_matching_seeds_make_pairs() -> None:
    """What differs between seeds then does not count; the order of the seeds does not matter."""
    before, after = [1.0, 5.0, 9.5, 13.0, 20.0], [1.1, 5.05, 9.45, 13.1, 20.02]
    assert assess(evidence(before, after, 0.5)).outcome == "undecided"
    pairs = assess(evidence(before, after, 0.5, [1, 2, 3, 4, 5]))
    assert (pairs.method, pairs.outcome) == ("paired t", "equivalent")
    given = evidence(before, after, 0.5, [1, 2, 3, 4, 5])
    mixed = msgspec.structs.replace(given, candidate=[given.candidate[i] for i in (2, 1, 0, 4, 3)])
    assert assess(mixed).difference == pytest.approx(pairs.difference)


def test_one_recorded_value_decides_nothing() -> None:
    """Nor do two."""
    with pytest.raises(InvalidError, match="1 baseline"):
        assess(evidence([1.0], [1.0, 1.0, 1.0], declared_on=1))
    with pytest.raises(InvalidError, match="2 candidate"):
        assess(evidence([1.0, 2.0, 3.0], [1.0, 1.0]))


def test_undecided_says_about_how_many_more() -> None:
    """To a look that comes; beyond the last one where none would do; nothing where the difference lies on the margin."""
    found = assess(evidence([0.0, 1.0, 2.1], [0.3, 1.2, 1.9], 2.5))
    assert (found.outcome, found.more) == ("undecided", 2)
    narrow = assess(evidence([0.0, 1.0, 2.1], [0.3, 1.2, 1.9], 0.6))
    assert narrow.more is not None
    assert 3 + narrow.more > LOOKS[-1]
    unknown = runs_needed([1.0, 2.0, math.nan], [math.nan, 3.0, math.nan], 1.0, "Hodges-Lehmann")
    assert unknown is None
    twice = [1.0, 2.0] * 500
    assert runs_needed(twice, [value + 1.0 for value in twice], 1.0, "Welch t") is None


def test_copies_are_decided_by_the_next_look() -> None:
    """Pairs without any spread wait only for enough of them."""
    values = [0.5, 0.25, 0.125]
    assert runs_needed(values, values, 1e-6, "paired t") == 2


@pytest.mark.parametrize("metric", ["normal", "5 % diverged", "coarse"])
def test_about_so_many_more_is_right(metric: str) -> None:
    """Half of those that were told a number had decided by then; most of those that were told that 20 would not do had not."""
    bench = pytest.importorskip("tests.bench.equivalence", reason="numpy and scipy come with the group `frameworks`")
    found = bench.forecast(bench.METRICS[metric], 250)
    assert found.within >= 200
    assert 0.4 <= found.decided <= 0.7
    assert found.beyond >= 200
    assert found.open_at_last >= 0.6


def test_margins() -> None:
    """The larger of 1 % of the mean and two standard deviations; never finer than one example."""
    assert default_margin([0.9, 1.0, 1.1]) == pytest.approx(0.2)
    assert default_margin([100.0, 100.1]) == pytest.approx(1.0005)
    assert check_margin("acc", 0.01, 100) == 0.01
    for margin, size, word in ((0.009, 100, "one of the 100"), (0.0, None, "positive"), (math.inf, None, "positive")):
        with pytest.raises(InvalidError, match=word):
            check_margin("acc", margin, size)
    for values, word in (([1.0], "1 values"), ([0.0, 0.0, 0.0], "all values")):
        with pytest.raises(InvalidError, match=word):
            default_margin(values)


def test_all_metrics_must_agree() -> None:
    assert conclude(["equivalent", "equivalent"]) == "equivalent"
    assert conclude(["equivalent", "undecided"]) == "undecided"
    assert conclude(["undecided", "different"]) == "different"
    assert conclude([]) == "undecided"


@pytest.mark.parametrize("metric", ["normal", "skewed", "5 % diverged", "5 % diverged, in sd of the others", "coarse"])
def test_operating_curve(metric: str) -> None:
    """At most 5 % and the simulation's error false, at most 7 runs a side where nothing changed; see the bench."""
    bench = pytest.importorskip("tests.bench.equivalence", reason="numpy and scipy come with the group `frameworks`")
    draw, draws = bench.METRICS[metric], 300
    false = bench.tally(draw, 2.0, 1.0, draws)
    assert false.equivalent <= 0.05 + 3 * (0.05 * 0.95 / draws) ** 0.5
    same = bench.tally(draw, 2.0, 0.0, draws)
    # A diverged run is evidence: two more of them on one side of ten ask for another look, where the margin is that narrow.
    assert same.by_ten >= (0.75 if metric.endswith("others") else 0.92)
    assert same.by_fifteen >= 0.93
    assert same.equivalent >= 0.97
    assert same.mean_runs <= (7.4 if metric in ("normal", "skewed") else 10.0)
    assert same.different <= 0.02
    assert LOOKS == (3, 5, 7, 10, 15, 20)
    assert tuple(SHARES) == LOOKS


def test_alpha_is_the_calibrated_one() -> None:
    """A simulation that shares no code with the product comes to the same figures."""
    bench = pytest.importorskip("tests.bench.equivalence", reason="numpy and scipy come with the group `frameworks`")
    assert bench.calibrated_alpha(3.0, 20_000) == pytest.approx(ALPHA, rel=0.1)
    assert bench.calibrated_alpha(3.0, 20_000, paired=True) == pytest.approx(PAIRED_ALPHA, rel=0.1)
    assert bench.calibrated_alpha(1.0, 20_000) > ALPHA, "narrow margins would allow more"
    assert nominal_alpha("Welch t", 10, longer_baseline=True) == nominal_alpha("paired t", 10)
    assert [nominal_alpha("Welch t", n) for n in (3, 4, 10, 30)] == [0.00525, 0.00525, 0.021, 0.01575]
