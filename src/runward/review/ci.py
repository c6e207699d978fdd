"""Results of CI as checks of a review: bound to the revision that was tested, and not from those who are judged."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from runward.review import feedback_repository as sql
from runward.review.feedback_model import CiResult
from runward.review.model import CheckResult, EvidenceItem, Verdict
from runward.store.database import Tx
from runward.tracking.content import content_digest

_VERDICTS = {"pass": Verdict.PASS, "fail": Verdict.FAIL, "undecided": Verdict.UNDECIDED}


def required_ci(tx: Tx, run_id: str, names: Sequence[str]) -> list[CheckResult]:
    """A gate for each result that the standards require."""
    if not names:
        return []
    found, involved = sql.ci_results(tx, run_id, content_digest(tx, run_id)), sql.people_of(tx, run_id)
    return [_gate(name, [one for one in found if one.name == name], involved) for name in names]


def further_ci(tx: Tx, run_id: str, known: Collection[str]) -> list[CheckResult]:
    """What CI said of the present content beside the checks that are known; it informs the reviewer."""
    newest: dict[str, CiResult] = {}
    for one in sql.ci_results(tx, run_id, content_digest(tx, run_id)):
        if not one.outdated and f"ci {one.name}" not in known:
            newest.setdefault(one.name, one)
    return [
        CheckResult(f"ci {name}", "custom", _VERDICTS[one.verdict], one.message or one.verdict, _places(one))
        for name, one in sorted(newest.items())
    ]


def _gate(name: str, found: Sequence[CiResult], involved: Collection[str]) -> CheckResult:
    gate, present = f"ci {name}", [one for one in found if not one.outdated]
    for one in present:
        # Who is judged may report a failure of their own, but no success.
        if one.author_id not in involved or one.verdict == "fail":
            said = one.message or f"{name} said {one.verdict}"
            return CheckResult(gate, "gate", _VERDICTS[one.verdict], said, _places(one), required=True)
    if present:
        said = f"{present[0].author} reported it, whose own result this is: CI needs a member of its own"
    elif found:
        said = f"{name} ran on other content"
    else:
        said = f"{name} has not reported yet"
    return CheckResult(gate, "gate", Verdict.UNDECIDED, said, [_evidence(one) for one in found[:3]], required=True)


def _evidence(one: CiResult) -> EvidenceItem:
    said = f"{one.verdict}{' on other content' if one.outdated else ''}{f', {one.message}' if one.message else ''}"
    return EvidenceItem(f"{one.name} by {one.author}: {said}{f' ({one.url})' if one.url else ''}")


def _places(one: CiResult) -> list[EvidenceItem]:
    return [*one.evidence, _evidence(one)]
