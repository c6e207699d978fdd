"""What a server checks before it records a verification: nothing is taken at a client's word that can be worked out."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec

from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.repro.compare import result_report
from runward.repro.equivalence import Evidence, Statistics
from runward.repro.independence import KINDS, Implementation, compare_implementations, implementation_of
from runward.repro.levels import decide
from runward.repro.model import Conditions, Decision, InputCheck, Level, ResultReport
from runward.repro.records import NewVerification, Replicate, ReplicateGroup, ReplicateMetric
from runward.repro.statistical import as_sample, decide_conceptually, decide_statistically
from runward.tracking.api import Tracking
from runward.tracking.deltas import mean_interval
from runward.tracking.files import find_blob, find_capture
from runward.tracking.model import Run
from runward.tracking.replicates import Replicates, replicates_of, seed_of

T = TypeVar("T")
_HINT = "a level is earned by the evidence in the report; verify again with this version of Runward"


def check_evidence(call: Call, run_id: str, new: NewVerification) -> None:
    """Refuse a report whose parts contradict its verdict or its level, as far as it has them.

    Raises: InvalidError.
    """
    for name, told in (("verdict", new.verdict), ("level", new.level), ("run", run_id)):
        if new.report.get(name, told) != told:
            raise InvalidError(f"report: its {name} is {new.report[name]!r}, recorded as {told!r}", hint=_HINT)
    statistics = _part(new.report, "statistics", Statistics)
    if new.level in (Level.STATISTICAL, Level.CONCEPTUAL) and statistics is None:
        raise InvalidError(f"report: level {new.level!r} without statistics", hint=_HINT)
    if statistics is not None:
        _check_statistics(call, run_id, new, statistics)
    elif (decision := _decided(new.report)) is not None:
        _must_be(new, decision)


def group_of(found: Replicates) -> ReplicateGroup:
    """Replicates with their values, and each metric's mean over them."""
    runs = [Replicate(run.id, run.name, seed_of(run), _values(run)) for run in found.finished]
    keys = dict.fromkeys(key for run in runs for key in run.values)
    metrics = [_summary(key, [run.values.get(key) for run in runs]) for key in keys]
    return ReplicateGroup(runs, [run.id for run in found.failed], metrics)


def _values(run: Run) -> dict[str, float | None]:
    return {key: as_sample("", None, metric.last).value for key, metric in run.metrics.items()}


def _summary(key: str, values: list[float | None]) -> ReplicateMetric:
    known = [value for value in values if value is not None]
    if not known:
        return ReplicateMetric(key, 0, len(values), None, None, None, None, None)
    return ReplicateMetric(key, len(known), len(values) - len(known), *mean_interval(known), min(known), max(known))


def _part(report: dict[str, Any], name: str, kind: type[T]) -> T | None:
    if report.get(name) is None:
        return None
    try:
        return msgspec.convert(report[name], kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidError(f"report: {name} is not understood: {error}", hint=_HINT) from error


def _decided(report: dict[str, Any]) -> Decision | None:
    """What follows from a report that has both axes and says how it was carried out."""
    if not {"result", "inputs", "conditions"} <= report.keys():
        return None
    result, conditions = _part(report, "result", ResultReport), _part(report, "conditions", Conditions)
    inputs = _part(report, "inputs", list[InputCheck])
    if result is None or conditions is None or inputs is None:
        return None
    again = result_report(result.metrics, result.artifacts, result.stdout, result.exit_code)
    if again.status != result.status:
        raise InvalidError(f"report: its results are {again.status}, it says {result.status}", hint=_HINT)
    return decide(inputs, result, conditions)


def _must_be(new: NewVerification, decision: Decision) -> None:
    if (new.verdict, new.level) != (decision.verdict, decision.level):
        raise InvalidError(
            f"report: its parts say {decision.verdict!s}, level {decision.level!s} ({decision.reason}); "
            f"it was to be recorded as {new.verdict}, level {new.level}",
            hint=_HINT,
        )


def _check_statistics(call: Call, run_id: str, new: NewVerification, statistics: Statistics) -> None:
    inputs, conditions = _part(new.report, "inputs", list[InputCheck]), _part(new.report, "conditions", Conditions)
    if other := str(new.report.get("other") or ""):
        _check_independence(call, run_id, other, inputs or [])
    decide_on = decide_conceptually if other else decide_statistically
    decision, _found = decide_on(statistics.metrics, inputs or [], conditions or Conditions())
    _must_be(new, decision)
    if new.level == Level.NONE:
        return
    known = {run.id: run for run in replicates_of(call, run_id).finished}
    begun_us = call.now_us - int(new.duration_s * 1e6)
    due = {one for one, run in known.items() if one == run_id or run.created_at.timestamp() * 1e6 < begun_us}
    for evidence in statistics.metrics:
        _check_recorded(evidence, known, due)


def _check_independence(call: Call, run_id: str, other: str, told: list[InputCheck]) -> None:
    """Author, shared code and data are looked up again; only which files evaluate is a person's word."""
    if call.role_on("run", other) is None:
        raise NotFoundError(f"there is no run {other!r}", hint="check the id, and whether you belong to its team")
    evaluation = [check.name for check in told if check.kind == "evaluation"]
    found = compare_implementations(_implementation(call, run_id), _implementation(call, other), evaluation)
    if found != [check for check in told if check.kind in KINDS]:
        raise InvalidError("report: what it says of the two implementations is not what was captured", hint=_HINT)


def _implementation(call: Call, run_id: str) -> Implementation:
    def read(digest: str) -> bytes:
        # The document comes from a client: only bytes of the run's own project are opened.
        return call.blobs.read(find_blob(call, run_id, digest).digest)

    def document(kind: str) -> bytes:
        return call.blobs.read(find_capture(call, run_id, kind).digest)

    return implementation_of(call.use(Tracking).get_run(run_id).run.created_by, document, read)


def _check_recorded(evidence: Evidence, known: dict[Any, Run], due: set[Any]) -> None:
    """The recorded side is what the store has of all replicates: no other runs, no other values, none left out."""
    recorded = {item.run: item.value for item in evidence.baseline if item.run}
    if strange := sorted(recorded.keys() - known.keys()):
        raise InvalidError(f"baseline of {evidence.metric!r}: run {strange[0]!r} is no replicate", hint=_HINT)
    if missing := sorted(due - recorded.keys()):
        raise InvalidError(
            f"baseline of {evidence.metric!r}: run {missing[0]!r} is left out", hint="a selection is no baseline"
        )
    for run_id, value in recorded.items():
        stored = _values(known[run_id]).get(evidence.metric)
        if value != stored and not (value and stored and math.isclose(value, stored, rel_tol=1e-12)):
            raise InvalidError(
                f"baseline of {evidence.metric!r}: run {run_id!r} has {stored!r}, the report says {value!r}", hint=_HINT
            )
