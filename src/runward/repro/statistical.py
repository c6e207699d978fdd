"""Which verdict follows from statistical evidence: one pure function, for who collects it and for who records it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec

from runward.core.student import t_quantile
from runward.errors import InvalidError
from runward.repro.equivalence import (
    LOOKS,
    Equivalence,
    Evidence,
    Outcome,
    Sample,
    assess,
    conclude,
    default_margin,
)
from runward.repro.independence import KINDS as INDEPENDENCE
from runward.repro.independence import not_independent
from runward.repro.model import (
    Conditions,
    Decision,
    InputCheck,
    Level,
    MetricCheck,
    ResultReport,
    ResultStatus,
    Verdict,
)

EXPERIMENT = ("code", "config", "data")
"""Kinds of input that make an experiment; with another one it is another."""
_PREDICTION = 0.99
_STATUS: dict[Outcome, ResultStatus] = {
    "equivalent": ResultStatus.EQUIVALENT,
    "different": ResultStatus.DIFFERENT,
    "undecided": ResultStatus.UNDECIDED,
}


def assess_all(metrics: Sequence[Evidence]) -> list[Equivalence]:
    """What each metric's numbers say; empty as long as there are too few for a first look. Raises: InvalidError."""
    few = [min(len(one.baseline), len(one.candidate)) < LOOKS[0] for one in metrics]
    return [] if not metrics or any(few) else [assess(one) for one in metrics]


def check_default_margin(evidence: Evidence) -> None:
    """Refuse a margin that is said to be the default and is not. Raises: InvalidError."""
    if evidence.margin_from == "declared":
        return
    if evidence.declared_on < LOOKS[0]:
        raise InvalidError(f"margin of {evidence.metric!r}: taken from {evidence.declared_on} values, not from three")
    known = [item.value for item in evidence.baseline[: evidence.declared_on] if item.value is not None]
    expected = max(default_margin(known), 1.0 / evidence.test_size if evidence.test_size else 0.0)
    if not math.isclose(evidence.margin, expected, rel_tol=1e-9):
        raise InvalidError(f"margin of {evidence.metric!r}: the default is {expected!r}, got {evidence.margin!r}")


def decide_statistically(
    metrics: Sequence[Evidence], inputs: Sequence[InputCheck], conditions: Conditions
) -> tuple[Decision, list[Equivalence]]:
    """Award the level ``statistical`` or say why not.

    Args:
        metrics: The evidence.
        inputs: Every input of the candidate side; the seeds are varied, so they are not among them.
        conditions: How the reruns were carried out.

    Raises: InvalidError (evidence that cannot be: a wrong margin, more baseline values at its start than there are).
    """
    for one in metrics:
        check_default_margin(one)
    found = assess_all(metrics)
    outcome = conclude([one.outcome for one in found])
    cause = [check.title for check in inputs if check.status == "different"]
    if conditions.timed_out:
        return _none(Verdict.UNDECIDED, "a rerun did not end in time", cause), found
    if conditions.hindered:
        return _none(Verdict.UNDECIDED, conditions.hindered, cause), found
    if changed := [check for check in inputs if check.status == "different" and check.kind in EXPERIMENT]:
        reason = f"{changed[0].title} differs: not the same experiment"
        return _none(Verdict.UNDECIDED, reason, cause), found
    if doubt := _doubt(metrics):
        return _none(Verdict.UNDECIDED, doubt, cause), found
    reason = "; ".join(_said(one, result) for one, result in zip(metrics, found, strict=False))
    if outcome == "different":
        return _none(Verdict.NOT_REPRODUCED, reason, cause), found
    if outcome == "undecided":
        return _none(Verdict.UNDECIDED, reason or _too_few(metrics), cause), found
    if not conditions.environment_rebuilt:
        return _none(Verdict.REPRODUCED, f"{reason}; the environment was not rebuilt: no level is earned", cause), found
    return Decision(verdict=Verdict.REPRODUCED, level=Level.STATISTICAL, reason=reason, cause=cause), found


def decide_conceptually(
    metrics: Sequence[Evidence], inputs: Sequence[InputCheck], conditions: Conditions
) -> tuple[Decision, list[Equivalence]]:
    """Award the level ``conceptual`` or say why not: the same statistics, of a second implementation.

    Args:
        metrics: The evidence; the candidate side are reruns of the second implementation.
        inputs: What tells the implementations apart, and the inputs of the reruns, as of :func:`decide_statistically`.
        conditions: How the reruns were carried out.

    Raises: as :func:`decide_statistically`.
    """
    own = [check for check in inputs if check.kind not in INDEPENDENCE]
    decision, found = decide_statistically(metrics, own, conditions)
    if doubt := not_independent(check for check in inputs if check.kind in INDEPENDENCE):
        return _none(Verdict.UNDECIDED, doubt, decision.cause), found
    level = Level.CONCEPTUAL if decision.level == Level.STATISTICAL else decision.level
    return msgspec.structs.replace(decision, level=level), found


def result_of(metrics: Sequence[Evidence], found: Sequence[Equivalence]) -> ResultReport:
    """The result axis of a statistical verification."""
    checks = [
        MetricCheck(
            name=one.metric,
            status="unchecked" if result.outcome == "undecided" else result.outcome,
            points=result.n_candidate,
            max_difference=None if result.difference is None else abs(result.difference),
            detail=_said(one, result),
        )
        for one, result in zip(metrics, found, strict=False)
    ]
    return ResultReport(status=_STATUS[conclude([one.outcome for one in found])], metrics=checks)


def _doubt(metrics: Sequence[Evidence]) -> str:
    """Why the numbers are no evidence, whatever they say; empty where they are."""
    for one in metrics:
        seeds = {item.seed for item in one.baseline if item.seed is not None}
        if len(seeds) < LOOKS[0] or len({item.value for item in one.baseline}) > 1:
            break
    else:
        if metrics:
            return (
                f"{len(metrics[0].baseline)} runs with different seeds gave the same value to the last bit: the seed "
                "does not reach the result, so these are copies, not repetitions; verify at level environment"
            )
    return next((text for one in metrics if (text := _unlike_its_reruns(one))), "")


def _unlike_its_reruns(evidence: Evidence) -> str:
    """One or two recorded values must at least be such as the reruns give: a selected best is not."""
    recorded = [item.value for item in evidence.baseline if item.run]
    values = [item.value for item in evidence.candidate if item.value is not None]
    if len(recorded) >= LOOKS[0] or len(values) < LOOKS[0]:
        return ""
    mean, n = statistics.fmean(values), len(values)
    quantile = t_quantile((1.0 + _PREDICTION) / 2.0, n - 1.0)
    half = quantile * statistics.stdev(values) * math.sqrt(1.0 + 1.0 / n) + 1e-12 * abs(mean)
    for value in recorded:
        if value is not None and abs(value - mean) > half:
            return (
                f"the recorded {evidence.metric} = {value:.6g} is not such as its reruns give ({mean:.6g} ± {half:.3g} "
                "at 99 %): one recorded value, which may be the best of many, proves nothing; record replicates"
            )
    return ""


def _said(evidence: Evidence, found: Equivalence) -> str:
    low, high = (("unbounded" if end is None else f"{end:+.4g}") for end in (found.low, found.high))
    shift = "?" if found.difference is None else f"{found.difference:+.4g}"
    text = (
        f"{evidence.metric} {found.outcome}: {shift} [{low}, {high}] within ±{evidence.margin:.4g} ({evidence.margin_from}), "
        f"{found.method}, {found.n_baseline} + {found.n_candidate} runs"
    ).replace("within", {"equivalent": "within", "different": "beyond", "undecided": "against"}[found.outcome])
    if found.outcome != "undecided":
        return text
    if found.more is None:
        return text + ", and up to 1,000 more would hardly decide"
    text += f", needs about {found.more} more per side"
    beyond = found.n_candidate + found.more > LOOKS[-1]
    return text + (f", which is beyond the {LOOKS[-1]} that are looked at" if beyond else "")


def _too_few(metrics: Sequence[Evidence]) -> str:
    if not metrics:
        return "there is no metric to compare"
    one = metrics[0]
    have = min(len(one.baseline), len(one.candidate))
    return f"{have} runs per side do not decide anything, needs about {LOOKS[2] - have} more per side"


def _none(verdict: Verdict, reason: str, cause: list[str]) -> Decision:
    return Decision(verdict=verdict, level=Level.NONE, reason=reason, cause=cause)


def as_sample(run: str, seed: int | None, value: float | None) -> Sample:
    """A value of one run; a diverged one has none."""
    return Sample(run, seed, value if value is not None and math.isfinite(value) else None)
