"""Checks for ``exp.add(run.quality_check_config, name="quality")``: they run in the driver once the tasks have ended.

Each takes the results and says pass, warn, fail or undecided with its evidence. Nothing is assumed: what cannot be
looked at is undecided, and an undecided gate is closed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from runward.config.buildable import Config
from runward.config.standards import better_value
from runward.errors import NotFoundError
from runward.execution.experiment import Experiment
from runward.execution.model import Results
from runward.face import current_workspace
from runward.review.checks import check_sources
from runward.review.model import CheckResult, EvidenceItem, MetricRule, Standards, Verdict
from runward.team.sources import sources_of
from runward.team.standards import as_standards, standards_for
from runward.team.verdicts import CheckVerdict, worst

_HOW = (
    "set them with run.set_standards(team_config), or give them: run.Config(run.quality_check, standards=team_config)"
)
_DESCRIBING = ("description", "purpose", "goal", "hypothesis", "motivation", "documentation", "notes", "summary")
_STATIC = {
    "parses": Verdict.FAIL,
    "type_hints_used": Verdict.FAIL,
    "configuration_validated": Verdict.FAIL,
    "naming_conventions_followed": Verdict.FAIL,
    "error_handling_implemented": Verdict.FAIL,
    "environment_specific_code_avoided": Verdict.WARN,
}
_SECURITY = {"parses": Verdict.FAIL, "loads_safely": Verdict.FAIL, "no_secrets": Verdict.FAIL}
_DOCUMENTS = {
    "parses": Verdict.FAIL,
    "functions_documented": Verdict.FAIL,
    "parameters_documented": Verdict.WARN,
    "examples_provided": Verdict.WARN,
}


def check(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function of ``results`` as a check, so that ``exp.add(fn)`` runs it as a gate after the tasks."""
    fn.__runward_check__ = True  # type: ignore[attr-defined]
    return fn


@check
def quality_check(results: Results, standards: Any = None) -> CheckVerdict:
    """Whether the required metrics are there, all metrics are finite, and the thresholds hold.

    Args:
        results: Results of the tasks.
        standards: A TeamConfig (or any object with its fields); the standards of the project when not given.
    """
    name = "quality_check"
    broken = [item for item in map(_finite, results.metrics.items()) if item is not None]
    if broken:
        return CheckVerdict(name, Verdict.FAIL, "a metric is not a finite number", tuple(broken))
    wanted = _in_force(results, standards)
    if wanted is None or not (wanted.required_metrics or wanted.thresholds):
        message = f"no standards say which metrics are required; {_HOW}"
        return CheckVerdict(name, Verdict.UNDECIDED, message)
    evidence = [_required(metric, results) for metric in wanted.required_metrics]
    evidence += [_limit(rule, results) for rule in wanted.thresholds]
    return _verdict_of(name, evidence, f"{wanted.name}: {{good}} of {{all}} demands on metrics are met")


def _in_force(results: Results, standards: Any) -> Standards | None:
    if standards is not None:
        return as_standards(standards)
    found = standards_for(results)
    return found.standards if found else None


def _finite(metric: tuple[str, float]) -> EvidenceItem | None:
    name, value = metric
    return None if math.isfinite(value) else EvidenceItem(f"{name} is {value}", metric=name)


_Judged = tuple[Verdict, EvidenceItem]


def _required(metric: str, results: Results) -> _Judged:
    if metric in results.metrics:
        value = results.metrics[metric]
        return Verdict.PASS, EvidenceItem(f"{metric} = {value:g} was reported", metric=metric, value=value)
    reported = ", ".join(results.metrics) or "none"
    return Verdict.FAIL, EvidenceItem(
        f"{metric} is required and was not reported (reported: {reported})", metric=metric
    )


def _limit(rule: MetricRule, results: Results) -> _Judged:
    value = results.metrics.get(rule.metric)
    wanted = f"{rule.metric} {rule.op} {rule.value:g}"
    if value is None:
        return Verdict.FAIL, EvidenceItem(f"{wanted} is wanted, and {rule.metric} was not reported", metric=rule.metric)
    good = value >= rule.value if rule.op == ">=" else value <= rule.value
    words = "holds" if good else "does not hold"
    item = EvidenceItem(f"{wanted} {words}: it is {value:g}", metric=rule.metric, value=value)
    return (Verdict.PASS if good else Verdict.FAIL), item


def _verdict_of(name: str, judged: list[_Judged], message: str) -> CheckVerdict:
    """The whole by its parts: what is not good comes first in the evidence."""
    good = [item for verdict, item in judged if verdict is Verdict.PASS]
    rest = [item for verdict, item in judged if verdict is not Verdict.PASS]
    text = message.format(good=len(good), all=len(judged))
    return CheckVerdict(name, worst(verdict for verdict, _ in judged), text, (*rest, *good))


@check
def performance_check(
    results: Results, standards: Any = None, baseline: Any = None, tolerance: float = 0.05
) -> CheckVerdict:
    """Whether the metrics hold the thresholds and are not worse than a baseline.

    Two single runs differ by chance too: this is an alarm, not a test of which is better.

    Args:
        results: Results of the tasks.
        standards: Whose thresholds hold; the project's when not given.
        baseline: Metrics by name, or a run's id, unique prefix, name or ``@last``.
        tolerance: By which share of the baseline's value a metric may be worse.
    """
    name = "performance_validation"
    wanted = _in_force(results, standards)
    judged = [_limit(rule, results) for rule in (wanted.thresholds if wanted else [])]
    for metric, before in _baseline_metrics(baseline).items():
        judged.append(_against(metric, before, results, tolerance))
    if not judged:
        message = f"there is neither a threshold nor a baseline to compare with; {_HOW}, or give baseline=…"
        return CheckVerdict(name, Verdict.UNDECIDED, message)
    return _verdict_of(name, judged, "{good} of {all} figures hold")


def _baseline_metrics(baseline: Any) -> dict[str, float]:
    if baseline is None or isinstance(baseline, Mapping):
        return dict(baseline or {})
    workspace = current_workspace()
    run = workspace.tracking.resolve_run(str(baseline))
    return {key: metric.last for key, metric in run.metrics.items() if metric.last is not None}


def _against(metric: str, before: float, results: Results, tolerance: float) -> _Judged:
    now, better = results.metrics.get(metric), better_value(metric)
    if now is None:
        return Verdict.FAIL, EvidenceItem(f"{metric} was not reported; the baseline has {before:g}", metric=metric)
    shown = f"{metric} is {now:g}, the baseline {before:g}"
    if not better:
        text = f"{shown}; its name does not say whether more is better: set a threshold"
        return Verdict.UNDECIDED, EvidenceItem(text, metric=metric, value=now)
    worse = before - now if better == "higher" else now - before
    good = worse <= tolerance * abs(before)
    text = f"{shown} (up to {tolerance:.0%} worse is accepted)"
    return (Verdict.PASS if good else Verdict.FAIL), EvidenceItem(text, metric=metric, value=now)


@check
def documentation_check(results: Results, of: Experiment | None = None) -> CheckVerdict:
    """Whether the experiment says what it is about: a description, a purpose, or such a key in its metadata.

    Args:
        results: Results of the tasks.
        of: The experiment; the one recorded in the workspace when not given.
    """
    name = "documentation"
    about = _about(results) if of is None else {**of.metadata, "description": of.description}
    if about is None:
        message = (
            "the experiment is not recorded in the workspace; give it: run.Config(run.documentation_check, of=exp)"
        )
        return CheckVerdict(name, Verdict.UNDECIDED, message)
    found = [key for key, text in about.items() if _describes(key) and str(text or "").strip()]
    if not found:
        message = "nothing says what this experiment is about; write Experiment(description=…) or metadata['purpose']"
        return CheckVerdict(name, Verdict.FAIL, message, (EvidenceItem("description, purpose and metadata are empty"),))
    evidence = tuple(EvidenceItem(f"{key}: {str(about[key]).strip():.200}") for key in found)
    return CheckVerdict(name, Verdict.PASS, f"it is described by {', '.join(found)}", evidence)


def _describes(key: str) -> bool:
    return key.rpartition(":")[2].lower() in _DESCRIBING


def _about(results: Results) -> dict[str, Any] | None:
    workspace = current_workspace()
    try:
        experiment = workspace.tracking.get_experiment(results.experiment_id)
    except NotFoundError:
        return None
    about = {**experiment.metadata, "description": experiment.description}
    for task in results.tasks.values():
        if task.run_id:
            about[f"{task.name}:purpose"] = workspace.tracking.get_run(task.run_id).run.purpose
    return about


@check
def code_quality_check(results: Results, of: Any = None) -> CheckVerdict:
    """Types, validation, names, error handling and portability of the tasks' source files.

    Args:
        results: Results of the tasks.
        of: An experiment, task, configuration or function to look at instead.
    """
    return _code_check("code_quality", results if of is None else of, _STATIC)


@check
def security_check(results: Results, of: Any = None) -> CheckVerdict:
    """Secrets and unsafe loading in the tasks' source files.

    Args:
        results: Results of the tasks.
        of: An experiment, task, configuration or function to look at instead.
    """
    return _code_check("security_check", results if of is None else of, _SECURITY)


@check
def doc_review_check(results: Results, of: Any = None) -> CheckVerdict:
    """Docstrings of the tasks' functions: there, explaining parameters, with an example.

    Args:
        results: Results of the tasks.
        of: An experiment, task, configuration or function to look at instead.
    """
    return _code_check("doc_review", results if of is None else of, _DOCUMENTS)


def _code_check(name: str, subject: Any, items: Mapping[str, Verdict]) -> CheckVerdict:
    files, absent = sources_of(subject)
    judged = [_judge(result, items) for result in check_sources(files) if result.name in items]
    evidence = [item for _, found in judged for item in found]
    evidence += [EvidenceItem(f"task {task!r}: {why}") for task, why in absent.items()]
    verdicts = [verdict for verdict, _ in judged] + [Verdict.UNDECIDED] * len(absent)
    if not verdicts:
        return CheckVerdict(name, Verdict.UNDECIDED, "there is no task whose code could be looked at")
    good = sum(verdict is Verdict.PASS for verdict in verdicts)
    message = f"{good} of {len(verdicts)} items pass in {len(files)} file(s)"
    if absent:
        message += f"; the code of {', '.join(absent)} could not be read"
    return CheckVerdict(name, worst(verdicts), message, tuple(evidence))


def _judge(result: CheckResult, items: Mapping[str, Verdict]) -> tuple[Verdict, list[EvidenceItem]]:
    if result.verdict is Verdict.PASS:
        return Verdict.PASS, []
    verdict = items[result.name] if result.verdict is Verdict.FAIL else result.verdict
    return verdict, result.evidence or [EvidenceItem(result.message)]


quality_check_config = Config(quality_check)
"""Required metrics, finite values and thresholds, as a gate."""
documentation_config = Config(documentation_check)
"""The experiment says what it is about, as a gate."""
code_quality_config = Config(code_quality_check)
"""Static analysis of the tasks' code, as a gate."""
performance_validation_config = Config(performance_check)
"""Thresholds and baseline, as a gate."""
security_check_config = Config(security_check)
"""Secrets and unsafe loading, as a gate."""
doc_review_config = Config(doc_review_check)
"""Docstrings of the tasks' code, as a gate."""
