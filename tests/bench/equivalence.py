"""The operating curve of the statistical level: how often it is wrong, and how many runs it takes."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from typing import NamedTuple

import numpy
from scipy import stats

from runward.repro.equivalence import (
    ALPHA,
    LOOKS,
    PAIRED_ALPHA,
    SHARES,
    Equivalence,
    Evidence,
    Sample,
    assess,
    choose_method,
    decide_on,
    default_margin,
    shift_interval,
)
from tests.bench.scale import Row

Draw = Callable[[random.Random], float]


def normal(noise: random.Random) -> float:
    """Standard normal."""
    return noise.gauss(0.0, 1.0)


def skewed(noise: random.Random) -> float:
    """Log-normal with the skewness 1.9, brought to mean 0 and standard deviation 1."""
    s = 0.55
    mean, sd = math.exp(s * s / 2), math.sqrt((math.exp(s * s) - 1) * math.exp(s * s))
    return (noise.lognormvariate(0.0, s) - mean) / sd


def astray(noise: random.Random) -> float:
    """Standard normal, but one run in twenty goes astray: half of those end in NaN, half far off."""
    if noise.random() < 0.05:
        return math.nan if noise.random() < 0.5 else 10.0 + 5.0 * noise.random()
    return noise.gauss(0.0, 1.0)


def diverged(noise: random.Random) -> float:
    """The same brought to standard deviation 1, as seeds give it and the default margin sees it: of all runs with a value."""
    share, middle, width = 0.025 / 0.975, 12.5, 5.0
    square = (1.0 - share) + share * (middle**2 + width**2 / 12.0)
    return astray(noise) / math.sqrt(square - (share * middle) ** 2)


def coarse(noise: random.Random) -> float:
    """Standard normal in steps of one standard deviation: a test set of a few hundred examples."""
    return float(round(noise.gauss(0.0, 1.0)))


def very_coarse(noise: random.Random) -> float:
    """Three values, one in two of them the middle one."""
    return noise.choice((-1.0, 0.0, 0.0, 1.0)) * math.sqrt(2.0)


METRICS: dict[str, Draw] = {
    "normal": normal,
    "skewed": skewed,
    "5 % diverged": diverged,
    "5 % diverged, in sd of the others": astray,
    "coarse": coarse,
    "very coarse": very_coarse,
}


class Tally(NamedTuple):
    """What came of many simulated verifications."""

    equivalent: float
    different: float
    by_ten: float
    """Equivalent with at most 10 runs per side."""
    by_fifteen: float
    mean_runs: float


def _samples(values: list[float], seeded: bool) -> list[Sample]:
    return [
        Sample("", seed if seeded else None, value if math.isfinite(value) else None)
        for seed, value in enumerate(values)
    ]


def verification(
    noise: random.Random, draw: Draw, margin: float | None, shift: float, *, paired: float = 0.0, known: int = 3
) -> Equivalence:
    """One simulated verification, looked at as it goes.

    Args:
        noise: Where randomness comes from.
        draw: The metric.
        margin: In standard deviations; None for the default, which the first baseline values give.
        shift: Of the candidate side, in margins.
        paired: The share of the variance that goes with the seed; with one the seeds match.
        known: Baseline values that are there when the margin is declared.
    """
    most = LOOKS[-1]
    common = [draw(noise) for _ in range(most)]
    own, free = math.sqrt(paired), math.sqrt(1.0 - paired)
    sides = [[own * c + free * draw(noise) if paired else draw(noise) for c in common] for _ in range(2)]
    finite = [value for value in sides[0][:known] if math.isfinite(value)]
    given = margin if margin is not None else default_margin(finite) if len(finite) > 1 else 2.0
    evidence = Evidence(
        metric="m",
        margin=given,
        margin_from="default" if margin is None else "declared",
        declared_on=known,
        baseline=_samples(sides[0], bool(paired)),
        candidate=_samples([value + shift * given for value in sides[1]], bool(paired)),
    )
    return assess(evidence)


def tally(
    draw: Draw, margin: float | None, shift: float, draws: int, *, seed: int = 1, paired: float = 0.0, known: int = 3
) -> Tally:
    """Many verifications of one kind."""
    noise = random.Random(seed)
    found = [verification(noise, draw, margin, shift, paired=paired, known=known) for _ in range(draws)]
    equivalent = [one for one in found if one.outcome == "equivalent"]
    return Tally(
        len(equivalent) / draws,
        sum(one.outcome == "different" for one in found) / draws,
        sum(one.looks[-1] <= 10 for one in equivalent) / draws,
        sum(one.looks[-1] <= 15 for one in equivalent) / draws,
        statistics.fmean(one.looks[-1] for one in found),
    )


def single_look(draw: Draw, n: int, margin: float, shift: float, draws: int, seed: int = 1) -> float:
    """How often one look at n runs per side, at alpha 5 %, says equivalent."""
    noise, hits = random.Random(seed), 0
    for _ in range(draws):
        before = [draw(noise) for _ in range(n)]
        after = [draw(noise) + shift * margin for _ in range(n)]
        method = choose_method(before, after, paired=False)
        hits += decide_on(shift_interval(before, after, 0.05, method), margin) == "equivalent"
    return hits / draws


def calibrated_alpha(margin: float, draws: int, seed: int = 1, *, paired: bool = False) -> float:
    """The alpha, times each look's share, that makes 5 % of all shifts by the margin look equivalent at one look at least.

    It is the 5 % quantile of the smallest of the looks' p-values by their shares (numpy and scipy: independent of what it
    calibrates).
    """
    noise, smallest = numpy.random.default_rng(seed), numpy.ones(draws)
    before, after = noise.normal(0.0, 1.0, (draws, LOOKS[-1])), noise.normal(margin, 1.0, (draws, LOOKS[-1]))
    for n in LOOKS:
        if paired:
            error, freedom = after[:, :n].std(1, ddof=1) / math.sqrt(n), n - 1.0
            difference = after[:, :n].mean(1)
        else:
            a, b = before[:, :n].var(1, ddof=1) / n, after[:, :n].var(1, ddof=1) / n
            error, freedom = numpy.sqrt(a + b), (a + b) ** 2 * (n - 1) / (a**2 + b**2)
            difference = after[:, :n].mean(1) - before[:, :n].mean(1)
        above, below = (margin + difference) / error, (margin - difference) / error
        found = numpy.maximum(stats.t.sf(above, freedom), stats.t.sf(below, freedom))
        smallest = numpy.minimum(smallest, found / SHARES[n])
    return float(numpy.quantile(smallest, 0.05))


def _error(draws: int) -> float:
    return 2.0 * math.sqrt(0.05 * 0.95 / draws)


def calibration(draws: int) -> list[Row]:
    """The alpha that is used, beside the one that a simulation gives."""
    rows = []
    for margin in (1.0, 1.5, 2.0, 3.0):
        welch, pairs = calibrated_alpha(margin, draws), calibrated_alpha(margin, draws, paired=True)
        rows.append(
            (
                f"alpha to be shared out, margin {margin:g} sd",
                f"{welch:.4f} (Welch), {pairs:.4f} (pairs)",
                f"used: {ALPHA:.4f}, {PAIRED_ALPHA:.4f}",
                f"{draws:,} sequences",
            )
        )
    return rows


def sequences(draws: int) -> list[Row]:
    """False "equivalent" at shift = margin, and power and effort where nothing changed."""
    cases = [
        *((name, draw, margin, 0.0, 3) for name, draw in METRICS.items() for margin in (1.0, 2.0, 3.0)),
        ("normal, 10 baseline runs from the start", normal, 2.0, 0.0, 10),
        ("normal, default margin from 3 values", normal, None, 0.0, 3),
        ("normal, default margin from 5 values", normal, None, 0.0, 5),
        ("normal, pairs with correlation 0.8", normal, 2.0, 0.8, 3),
        ("normal, pairs with correlation 0.8", normal, 1.0, 0.8, 3),
        ("coarse, pairs with correlation 0.8", coarse, 2.0, 0.8, 3),
    ]
    rows = []
    for name, draw, margin, paired, known in cases:
        false = tally(draw, margin, 1.0, draws, paired=paired, known=known)
        same = tally(draw, margin, 0.0, draws, paired=paired, known=known)
        what = f"{name}, margin {margin:g} sd" if margin is not None else name
        rows.append(
            (
                f"{what}: false “equivalent” at shift = margin",
                f"{100 * false.equivalent:.1f} %",
                f"≤ 5 % + {100 * _error(draws):.1f}",
                f"nothing changed: equivalent {100 * same.by_ten:.0f} % by n = 10, {100 * same.by_fifteen:.0f} % by 15, "
                f"{100 * same.equivalent:.0f} % by 20, mean {same.mean_runs:.1f} runs per side, false “different” {100 * same.different:.1f} %",
            )
        )
    return rows


def single_looks(draws: int) -> list[Row]:
    """One look at alpha 5 %: false "equivalent" at shift = margin and power where nothing changed."""
    rows = []
    for name, draw in METRICS.items():
        cells = [
            f"{n}: {100 * single_look(draw, n, 2.0, 1.0, draws):.1f} / {100 * single_look(draw, n, 2.0, 0.0, draws):.0f}"
            for n in (3, 5, 10, 20)
        ]
        rows.append(
            (f"one look, {name}, margin 2 sd: n: false / power in %", ", ".join(cells), "power ≥ 95 % at 10", "")
        )
    return rows


class Forecast(NamedTuple):
    """How many undecided looks were told that so many more runs would decide, and what came of it."""

    within: int
    """Told that a look to come would."""
    decided: float
    """The share of these that had decided by then."""
    beyond: int
    """Told that none would."""
    open_at_last: float
    """The share of these that the last look left undecided."""


def forecast(draw: Draw, draws: int, seed: int = 3) -> Forecast:
    """What the forecasts of undecided looks are worth, over differences up to 3 sd and margins of 1 to 3 sd."""
    noise, told = random.Random(seed), {True: list[bool](), False: list[bool]()}
    for _ in range(draws):
        margin, shift = noise.choice((1.0, 1.5, 2.0, 3.0)), noise.uniform(-3.0, 3.0)
        sides = [draw(noise) for _ in range(LOOKS[-1])], [draw(noise) + shift for _ in range(LOOKS[-1])]
        baseline, candidate = (_samples(values, False) for values in sides)

        def at(n: int) -> Equivalence:
            return assess(
                Evidence(
                    metric="m", margin=margin, margin_from="declared", declared_on=3,  # noqa: B023 - called at once
                    baseline=baseline[:n], candidate=candidate[:n],  # noqa: B023
                )
            )  # fmt: skip

        for n in LOOKS[:-1]:
            found = at(n)
            if found.outcome != "undecided":
                break
            size = n + (found.more if found.more is not None else 1000)
            reached = size <= LOOKS[-1]
            told[reached].append(at(min(size, LOOKS[-1])).outcome != "undecided")
    shares = {which: sum(decided) / max(1, len(decided)) for which, decided in told.items()}
    return Forecast(len(told[True]), shares[True], len(told[False]), 1.0 - shares[False])


def forecasts(draws: int) -> list[Row]:
    """Whether "needs about m more" is right."""
    rows = []
    for name, draw in METRICS.items():
        found = forecast(draw, draws)
        rows.append(
            (
                f"{name}: “needs about m more”, and so many more had decided",
                f"{100 * found.decided:.0f} %",
                "about half",
                f"of {found.within:,} undecided looks; of {found.beyond:,} that were told that 20 would not do, "
                f"{100 * found.open_at_last:.0f} % were undecided at 20",
            )
        )
    return rows


def measure(folder: str, draws: int = 4_000) -> list[Row]:
    """All of it; nothing is written to the folder."""
    return [*calibration(50 * draws), *single_looks(draws), *sequences(draws), *forecasts(draws // 2)]
