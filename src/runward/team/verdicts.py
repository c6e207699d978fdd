"""What a check found, and what follows from all of them: score, issues, recommendations, approval status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runward.execution.model import Results, TaskState, Unevaluated
from runward.review.model import EvidenceItem, Verdict
from runward.review.report import WORTH, advice, score_value, severity


@dataclass(frozen=True)
class CheckVerdict:
    """One check's verdict on the results of an experiment. True in a condition only if it passed.

    Attributes:
        name: The check.
        verdict: ``pass``, ``warn``, ``fail`` or ``undecided``.
        message: One sentence for people.
        evidence: Where it comes from: ``file:line``, a metric with its value.
    """

    name: str
    verdict: Verdict
    message: str
    evidence: tuple[EvidenceItem, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the gate is open: passed, perhaps with a warning. Undecided is not a pass."""
        return self.verdict in WORTH

    @property
    def state(self) -> str:
        """The verdict as text."""
        return str(self.verdict)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}: {self.message}"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a whole by those of its parts: one failure fails it; none at all leaves it undecided."""
    found = list(verdicts)
    for verdict in (Verdict.FAIL, Verdict.UNDECIDED, Verdict.NEEDS_PERSON, Verdict.WARN):
        if verdict in found:
            return Verdict.UNDECIDED if verdict is Verdict.NEEDS_PERSON else verdict
    return Verdict.PASS if found else Verdict.UNDECIDED


def read_verdict(value: Any) -> Verdict:
    """The verdict that any gate's value means: ours, a truth value, a mapping, or what could not be evaluated.

    What is not understood is undecided, never a pass.
    """
    if isinstance(value, bool):
        return Verdict.PASS if value else Verdict.FAIL
    if isinstance(value, Mapping):
        return read_verdict(value.get("verdict", value.get("passed")))
    if isinstance(value, str):
        return Verdict(value) if value in list(Verdict) else Verdict.UNDECIDED
    if value is None or isinstance(value, Unevaluated):
        return Verdict.UNDECIDED
    return read_verdict(getattr(value, "verdict", getattr(value, "passed", None)))


def _message(value: Any) -> str:
    for name in ("message", "reason"):
        text = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if text:
            return str(text)
    return "" if isinstance(value, bool) else str(value)


def calculate_review_score(results: Results) -> float:
    """How the checks of an experiment came out, from 0 to 100.

    ``100 × (passed + 0.5 × warned) / checks``. A check that failed or could not be decided counts nothing, and
    without any check or with a failed task the score is 0. A score informs; it never approves.
    """
    if not results.gates or not results.succeeded:
        return 0.0
    return score_value(read_verdict(gate) for gate in results.gates.values())


def identify_issues(results: Results) -> list[dict[str, Any]]:
    """What is wrong or undecided, failures first.

    Returns:
        One dict an issue: ``check``, ``verdict``, ``message``, ``file``, ``line`` (0 for none) and ``metric``.
    """
    issues = [
        _issue(name, "fail", f"task {name!r} {task.state}: {task.error}", EvidenceItem(task.log_tail[-300:]))
        for name, task in results.tasks.items()
        if task.state is not TaskState.SUCCEEDED
    ]
    for name, gate in results.gates.items():
        verdict = read_verdict(gate)
        if verdict is not Verdict.PASS:
            issues += [
                _issue(name, str(verdict), item.message or _message(gate), item)
                for item in getattr(gate, "evidence", None) or [EvidenceItem(_message(gate))]
            ]
    return sorted(issues, key=lambda issue: severity(Verdict(issue["verdict"])))


def _issue(check: str, verdict: str, message: str, item: EvidenceItem) -> dict[str, Any]:
    return {
        "check": check,
        "verdict": verdict,
        "message": message,
        "file": item.file,
        "line": item.line,
        "metric": item.metric,
    }


def generate_recommendations(results: Results) -> list[str]:
    """What to do next, one sentence for each issue with the place where, without repeats."""
    if not results.gates and results.succeeded:
        return ["Add checks: exp.add(run.quality_check_config, name='quality_check')."]
    sentences = [_advice(issue) for issue in identify_issues(results)]
    return list(dict.fromkeys(sentences))


def _advice(issue: Mapping[str, Any]) -> str:
    place = f"{issue['file']}:{issue['line']}" if issue["file"] else ""
    return advice(Verdict(issue["verdict"]), issue["check"], issue["message"], place)


def determine_approval_status(results: Results, review_required: bool = True) -> str:
    """Where the results stand. No score and no check approves what people must review.

    Args:
        results: Results with the verdicts of their checks.
        review_required: Whether the team wants a person to look; standards ask for it unless they say otherwise.

    Returns:
        ``changes_requested`` if a task or check failed; ``needs_review`` if something is undecided, nothing was
        checked, or a review is required; ``approved`` only if every check passed and no review is required.
    """
    verdict = worst(read_verdict(gate) for gate in results.gates.values())
    if verdict is Verdict.FAIL or not results.succeeded:
        return "changes_requested"
    return "needs_review" if review_required or verdict is Verdict.UNDECIDED else "approved"


def generate_review_report(results: Results, reviewer: str, review_required: bool = True) -> dict[str, Any]:
    """The review of results in one dict, which depends on nothing but them.

    Returns:
        ``reviewer``, ``timestamp`` (of the results), ``overall_score``, ``issues``, ``recommendations``,
        ``approval_status`` and ``checks`` (verdict and message by name).
    """
    return {
        "reviewer": reviewer,
        "timestamp": results.timestamp,
        "overall_score": calculate_review_score(results),
        "issues": identify_issues(results),
        "recommendations": generate_recommendations(results),
        "approval_status": determine_approval_status(results, review_required),
        "checks": {
            name: {"verdict": str(read_verdict(gate)), "message": _message(gate)}
            for name, gate in results.gates.items()
        },
    }
