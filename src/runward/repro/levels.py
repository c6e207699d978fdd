"""Which verdict and level follow from the two axes: one pure function."""

from __future__ import annotations

from collections.abc import Iterable

from runward.repro.model import Conditions, Decision, InputCheck, Level, ResultReport, ResultStatus, Verdict

_EXPERIMENT = ("code", "config", "data", "seed")
_ENVIRONMENT = ("python", "package", "package_content")
_HARDWARE = ("threads", "kernel", "cpu_level", "library", "machine")
_KERNEL_VARIABLES = ("OPENBLAS_CORETYPE", "ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR")
_NO_SEED = "no seed was recorded; results differ: set run.seed_everything(n) or --seed"


def decide(inputs: Iterable[InputCheck], result: ResultReport, conditions: Conditions) -> Decision:
    """Award the highest level that the evidence carries: ``basic``, ``environment`` or none.

    ``basic`` asks for the same experiment in the same environment and identical results. ``environment`` asks
    for an environment rebuilt in a clean place and identical results, or, where hardware or threads differ,
    results within the declared tolerance. Statistical and conceptual levels are not attempted here.

    Args:
        inputs: Every input of both runs.
        result: The result axis.
        conditions: How the rerun was carried out.
    """
    checks = list(inputs)
    different = [check for check in checks if check.status == "different"]
    cause = [check.title for check in different]
    if conditions.timed_out:
        return _none(Verdict.UNDECIDED, "the rerun did not end in time", cause)
    if conditions.hindered:
        return _none(Verdict.UNDECIDED, conditions.hindered, cause)
    if result.status == ResultStatus.UNDECIDED:
        return _none(Verdict.UNDECIDED, _why_undecided(result), cause)
    if result.status == ResultStatus.DIFFERENT:
        return _none(Verdict.NOT_REPRODUCED, _why_different(checks, cause), cause)
    if changed := [check for check in different if check.kind in _EXPERIMENT]:
        reason = f"the results agree, but {changed[0].title} differs: not the same experiment"
        return _none(Verdict.UNDECIDED, reason, cause)
    return _reproduced(checks, different, cause, result.status, conditions)


def _reproduced(
    checks: list[InputCheck],
    different: list[InputCheck],
    cause: list[str],
    status: ResultStatus,
    how: Conditions,
) -> Decision:
    same_environment = not any(check.kind in _ENVIRONMENT for check in different)
    other_hardware = any(check.kind in _HARDWARE or check.name in _KERNEL_VARIABLES for check in different)
    unknown_environment = any(check.kind in _ENVIRONMENT and check.status == "unchecked" for check in checks)
    identical = status == ResultStatus.IDENTICAL
    if not same_environment or unknown_environment:
        return _none(Verdict.REPRODUCED, "the results agree, in another environment: no level is earned", cause)
    if how.environment_rebuilt and (identical or other_hardware):
        extent = "identical"
        if not identical:
            extent = f"within the declared tolerance on other hardware ({', '.join(_other(different))})"
        reason = f"results {extent} in a rebuilt environment; isolation: {how.sandbox}"
        return Decision(verdict=Verdict.REPRODUCED, level=Level.ENVIRONMENT, reason=reason, cause=cause)
    if identical:
        reason = "results identical in the same environment"
        return Decision(verdict=Verdict.REPRODUCED, level=Level.BASIC, reason=reason, cause=cause)
    return _none(
        Verdict.REPRODUCED,
        "within the declared tolerance, but the levels ask for identical results here",
        cause,
    )


def _other(different: list[InputCheck]) -> list[str]:
    """Which hardware, threads or kernels are others here, with what they were and are."""
    kinds = [check for check in different if check.kind in _HARDWARE or check.name in _KERNEL_VARIABLES]
    return [f"{check.title}: {check.before} became {check.after}" for check in kinds[:6]]


def _why_undecided(result: ResultReport) -> str:
    for artifact in result.artifacts:
        if artifact.status == "unchecked":
            return f"artifact {artifact.name} {artifact.detail}"
    return "there is nothing to compare: no metric, no artifact, no output"


def _why_different(checks: list[InputCheck], cause: list[str]) -> str:
    changed = any(check.kind in _EXPERIMENT and check.status == "different" for check in checks)
    if not changed and not any(check.kind == "seed" for check in checks):
        return f"{_NO_SEED} ({cause[0]} differs too)" if cause else _NO_SEED
    if cause:
        return f"results differ; the first input that differs is {cause[0]}"
    unchecked = [check.title for check in checks if check.status == "unchecked"]
    beside = f"{', '.join(unchecked[:3])}{', …' if len(unchecked) > 3 else ''}" or "none"
    return f"results differ although every checked input is the same (not checked: {beside})"


def _none(verdict: Verdict, reason: str, cause: list[str]) -> Decision:
    return Decision(verdict=verdict, level=Level.NONE, reason=reason, cause=cause)
