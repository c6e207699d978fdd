"""Several runs as one result: what holds of all of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import fsum

import msgspec

from runward.core.hashing import digest_value
from runward.review.model import WORST_FIRST, CheckResult, EvidenceItem, Verdict
from runward.review.revisions import Parts, parts_of
from runward.tracking.model import Run, RunDetail

MOST_RUNS = 100
"""So many runs can be one result."""


def labels(runs: Iterable[Run]) -> dict[str, str]:
    """What each run is called beside the others: its name, with its id where others have the name too; by id."""
    found = list(runs)
    named = Counter(run.name for run in found)
    return {run.id: run.name if named[run.name] == 1 else f"{run.name} {run.id}" for run in found}


def parts_of_all(details: Sequence[RunDetail]) -> Parts:
    """The digest of each part over all runs, and of which runs they are; of one run its own."""
    if len(details) == 1:
        return parts_of(details[0])
    each = [parts_of(detail) for detail in details]
    names = sorted({name for parts in each for name in parts} - {"run"})
    together = {name: digest_value([parts.get(name, "") for parts in each]) for name in names}
    return {"run": digest_value([parts["run"] for parts in each]), **together}


def means(details: Sequence[RunDetail]) -> dict[str, float | None]:
    """The mean of each metric's last value; None where a run has no finite one."""
    found: dict[str, float | None] = {}
    for key in sorted({key for detail in details for key in detail.run.metrics}):
        each = [metric.last for detail in details if (metric := detail.run.metrics.get(key))]
        finite = [value for value in each if value is not None]
        found[key] = fsum(finite) / len(finite) if len(finite) == len(details) else None
    return found


def combined(found: Sequence[tuple[str, Sequence[CheckResult]]]) -> list[CheckResult]:
    """Each check over all runs: as good as in the worst of them, with every run's evidence.

    Args:
        found: The label and the checks of each run.
    """
    if len(found) == 1:
        return list(found[0][1])
    named: dict[str, list[tuple[str, CheckResult]]] = {}
    for label, checks in found:
        for check in checks:
            named.setdefault(check.name, []).append((label, check))
    return [_together(each, len(found)) for each in named.values()]


def _together(each: Sequence[tuple[str, CheckResult]], runs: int) -> CheckResult:
    label, worst = min(each, key=lambda one: WORST_FIRST.index(one[1].verdict))
    like = sum(check.verdict is worst.verdict for _, check in each)
    said = worst.message if len({check.message for _, check in each}) == 1 else f"{label}: {worst.message}"
    evidence = [
        msgspec.structs.replace(item, message=f"{of}: {item.message}")
        for of, check in each
        for item in check.evidence or ([] if check.verdict is Verdict.PASS else [EvidenceItem(check.message)])
    ]
    return msgspec.structs.replace(
        worst,
        message=f"{said} ({like} of {runs} runs)",
        evidence=evidence,
        required=any(check.required for _, check in each),
    )
