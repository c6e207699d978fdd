"""Gates: a run against its team's standards. Pure; NaN, missing and empty never pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from runward.core.ids import Digest
from runward.core.patterns import fits
from runward.core.said import is_said
from runward.core.sizes import bytes_of, in_words
from runward.repro.model import Level
from runward.repro.records import Verification, rank_of, standing
from runward.review.model import BaselineRule, CheckResult, EvidenceItem, MetricRule, Standards, Verdict
from runward.review.workflow import branch_gate
from runward.tracking.model import MetricSummary, Run, RunStatus
from runward.tracking.organise_model import Deltas

NO_DELTAS = Deltas(None, [], [], [])
"""Where nothing is compared with a baseline."""
NEVER_WAIVED = frozenset({"finished"})
"""Checks without which there is no result."""
VERIFIED = "verification"
"""How the name of the gate on verifications begins."""
DOCUMENTED = "documentation"
"""The gate on what a run is for."""


def evaluate(
    run: Run,
    standards: Standards,
    verifications: Sequence[Verification] = (),
    deltas: Deltas = NO_DELTAS,
    now: datetime | None = None,
) -> list[CheckResult]:
    """All gates of a run: it finished in time, its metrics are there and hold, it is named, described and verified.

    Args:
        run: The run.
        standards: Those in force.
        verifications: The run's, newest first.
        deltas: The run and its repetitions against the project's baseline.
        now: When the gates are evaluated; needed where the standards bound the age of a verification.
    """
    gates = [_finished(run)]
    gates += [_required(name, run.metrics.get(name)) for name in standards.required_metrics]
    gates += [_threshold(rule, run.metrics.get(rule.metric)) for rule in standards.thresholds]
    gates += [_against_baseline(rule, run, deltas) for rule in standards.baseline]
    if standards.max_wall_s:
        gates.append(_in_time(run, standards.max_wall_s))
    if standards.max_peak_memory:
        gates.append(_in_memory("memory", run.peak_memory_bytes, standards.max_peak_memory))
    if standards.max_gpu_memory:
        gates.append(_in_memory("GPU memory", run.peak_gpu_memory_bytes, standards.max_gpu_memory))
    if standards.naming:
        gates.append(_naming(run.name, standards))
    if branch := branch_gate(run.branch, standards):
        gates.append(branch)
    if standards.documentation_required:
        gates.append(_documented(run))
    if standards.require_level:
        oldest = now - timedelta(days=standards.evidence_days) if now and standards.evidence_days else None
        gates.append(_verified(standards, verifications, oldest))
    return gates


def passed(gates: list[CheckResult]) -> bool:
    """Whether the gate is open: nothing failed and nothing was left undecided."""
    return all(gate.verdict in (Verdict.PASS, Verdict.WARN) for gate in gates)


def _gate(name: str, good: bool, message: str, evidence: list[EvidenceItem] | None = None) -> CheckResult:
    return CheckResult(name, "gate", Verdict.PASS if good else Verdict.FAIL, message, evidence or [], required=True)


def _finished(run: Run) -> CheckResult:
    return _gate("finished", run.status is RunStatus.FINISHED, f"the run is {run.status.replace('_', ' ')}")


def _evidence(metric: MetricSummary) -> EvidenceItem:
    shown = metric.last_special or f"{metric.last:g}"
    return EvidenceItem(f"last value {shown} at step {metric.last_step}", metric=metric.key, value=metric.last)


def _required(name: str, metric: MetricSummary | None) -> CheckResult:
    gate = f"metric {name}"
    if metric is None:
        return _gate(gate, False, f"the team requires {name}; the run did not log it")
    if metric.last is None:
        return _gate(gate, False, f"{name} ended as {metric.last_special}, which proves nothing", [_evidence(metric)])
    return _gate(gate, True, f"{name} was logged", [_evidence(metric)])


def _threshold(rule: MetricRule, metric: MetricSummary | None) -> CheckResult:
    gate = f"{rule.metric} {rule.op} {rule.value:g}"
    if metric is None:
        return _gate(gate, False, f"{rule.metric} was not logged")
    if metric.last is None:
        return _gate(gate, False, f"{rule.metric} ended as {metric.last_special}", [_evidence(metric)])
    good = metric.last >= rule.value if rule.op == ">=" else metric.last <= rule.value
    words = "meets" if good else "misses"
    return _gate(gate, good, f"{rule.metric} = {metric.last:g} {words} {rule.op} {rule.value:g}", [_evidence(metric)])


def _against_baseline(rule: BaselineRule, run: Run, deltas: Deltas) -> CheckResult:
    """By interval and count; from one run on each side nothing can be decided."""
    gate = f"{rule.metric} {rule.ask} than the baseline"
    if deltas.baseline is None:
        return _undecided(gate, "the project has no baseline to compare with")
    if run.id in deltas.baseline_runs:
        return _gate(gate, True, "the run belongs to the baseline itself")
    delta = next((one for one in deltas.metrics if one.key == rule.metric), None)
    if delta is None:
        return _gate(gate, False, f"{rule.metric} cannot be compared: the run or the baseline has no number for it")
    measured = f"{delta.value:g} (n = {delta.n}) against {delta.baseline:g} (n = {delta.baseline_n})"
    if delta.low is None or delta.high is None:
        return _undecided(
            gate, f"{measured}: one run on each side says nothing about spread; add runs with other seeds"
        )
    # One value is taken to scatter like the group on the other side: Welch's interval needs two on both.
    by = "Welch" if min(delta.n, delta.baseline_n) > 1 else "prediction"
    said = f"{measured}: difference {delta.difference:+g}, 95 % interval {delta.low:+g} … {delta.high:+g} ({by})"
    evidence = [EvidenceItem(said, metric=rule.metric, value=delta.difference)]
    if delta.verdict == "not distinguishable":
        return _gate(gate, rule.ask == "not worse", f"{rule.metric} is not distinguishable from the baseline", evidence)
    good = delta.verdict == rule.better
    return _gate(gate, good, f"{rule.metric} is {'better' if good else 'worse'} than the baseline", evidence)


def _undecided(gate: str, message: str) -> CheckResult:
    return CheckResult(gate, "gate", Verdict.UNDECIDED, message, [], required=True)


def _in_time(run: Run, most: float) -> CheckResult:
    gate = f"wall time <= {most:g} s"
    if run.started_at is None or run.ended_at is None:
        return _undecided(gate, "it is not known when the run began and ended")
    took = (run.ended_at - run.started_at).total_seconds()
    return _gate(gate, took <= most, f"it took {took:.1f} s", [EvidenceItem(f"{took:.1f} s of {most:g}", value=took)])


def _in_memory(what: str, used: int | None, most: str) -> CheckResult:
    gate = f"{what} <= {most}"
    if used is None:
        return _undecided(gate, f"it was not seen how much {what} the run used")
    said = f"it used {in_words(used)} of {what} at most"
    evidence = [EvidenceItem(f"{used:,} bytes of {bytes_of(most, what):,}", value=used)]
    return _gate(gate, used <= bytes_of(most, what), said, evidence)


def name_problem(name: str, standards: Standards) -> str:
    """Why a name breaks the team's rule, with the rule quoted; empty when it does not."""
    if not standards.naming or fits(standards.naming, name):
        return ""
    rule = standards.naming_help or f"names match {standards.naming}"
    return f"the name {name!r} breaks the rule of {standards.name}: {rule}"


def _naming(name: str, standards: Standards) -> CheckResult:
    problem = name_problem(name, standards)
    return _gate("naming", not problem, problem or "the name follows the rule")


def _documented(run: Run) -> CheckResult:
    said = "the purpose is no more than a note that it is to be written" if run.purpose.strip() else "no purpose given"
    good = is_said(run.purpose)
    return _gate(DOCUMENTED, good, "a purpose is given" if good else said)


def _verified(standards: Standards, verifications: Sequence[Verification], oldest: datetime | None) -> CheckResult:
    required = standards.require_level
    gate, wanted = f"{VERIFIED} {required}", f"a verification of level {required} is required"
    found = standing(verifications)
    if found is None:
        older = [_about(one) for one in verifications[:5]]
        said = "what there is says nothing of the present content" if older else "none was made yet"
        return CheckResult(gate, "gate", Verdict.UNDECIDED, f"{wanted}; {said}", older, required=True)
    if found.verdict == "not_reproduced":
        return _gate(gate, False, f"{wanted}; the run did not come out again: {found.reason}", [_about(found)])
    if rank_of(found.level) < rank_of(required):
        earned = f"level {found.level}" if found.level != Level.NONE else "no level"
        return _gate(gate, False, f"{wanted}; {earned} was earned", [_about(found)])
    if oldest is not None and found.at < oldest:
        return _gate(gate, False, f"{wanted}; the last is older than {standards.evidence_days:g} days", [_about(found)])
    return _gate(gate, True, f"verified at level {found.level}", [_about(found)])


def _about(one: Verification) -> EvidenceItem:
    state = "of other content" if one.outdated else one.verdict.replace("_", " ")
    return EvidenceItem(f"verification {one.id} by {one.by}: {state}, {one.reason}", verification=one.id)


def summary(gates: list[CheckResult], digest: Digest) -> str:
    """The gates in one line."""
    failed = [gate for gate in gates if gate.verdict not in (Verdict.PASS, Verdict.WARN)]
    if not failed:
        return f"all {len(gates)} gates pass on {digest[:8]}"
    return f"{len(failed)} of {len(gates)} gates closed: " + "; ".join(gate.message for gate in failed)
