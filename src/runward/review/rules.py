"""A project's rules of review: what they may say, and what they ask of one revision. Pure."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from runward.core.patterns import check_pattern
from runward.core.sizes import bytes_of
from runward.errors import InvalidError
from runward.governance.names import check_name
from runward.review.model import CheckResult, Committee, Condition, Owner, ReviewComment, Standards, Vote


class Touched(NamedTuple):
    """What the subject of a review changes or uses, for rules that name owners."""

    paths: Sequence[str] = ()
    model: str = ""
    alias: str = ""
    datasets: Sequence[str] = ()


def check_standards(standards: Standards) -> None:
    """Raises: InvalidError (naming the field that nothing can meet)."""
    check_pattern(standards.naming, "naming")
    if not 0 <= standards.approvals <= 20:
        raise InvalidError(f"approvals = {standards.approvals}: 0 to 20 can be asked")
    for rule in standards.thresholds:
        if not math.isfinite(rule.value):
            raise InvalidError(f"threshold of {rule.metric} is {rule.value}, which nothing can meet")
    for name, unit in (("max_wall_s", "seconds"), ("evidence_days", "days")):
        value = getattr(standards, name)
        if not (math.isfinite(value) and value >= 0):
            raise InvalidError(f"{name} = {value}: give {unit}, or 0 for any")
    for name, size in (("max_peak_memory", standards.max_peak_memory), ("max_gpu_memory", standards.max_gpu_memory)):
        if size:
            bytes_of(size, name)
    for metric in [*standards.required_metrics, *(rule.metric for rule in standards.baseline)]:
        check_name(metric, "a required metric", limit=1000)
    for name in standards.required_ci:
        check_name(name, "a required CI result")
    for i, owner in enumerate(standards.owners):
        _check_owner(owner, f"owners[{i}]")
    for i, committee in enumerate(standards.committees):
        _check_committee(committee, f"committees[{i}]")


def _check_owner(owner: Owner, field: str) -> None:
    if not owner.members:
        raise InvalidError(f"{field}.members is empty", hint="name who owns it")
    if not (owner.paths or owner.models or owner.datasets):
        raise InvalidError(f"{field} owns nothing", hint='give paths, models or datasets, such as paths: ["src/data/"]')


def _check_committee(committee: Committee, field: str) -> None:
    check_name(committee.name, f"{field}.name")
    if not 1 <= committee.quorum <= len(set(committee.members)):
        raise InvalidError(
            f"{field}.quorum = {committee.quorum} of {len(set(committee.members))} members cannot be met"
        )


def _owned(owner: Owner, touched: Touched) -> list[str]:
    """What of the touched belongs to an owner."""
    paths = [path for path in touched.paths if any(_matches(path, pattern) for pattern in owner.paths)]
    models = [f"model {touched.model}"] if any(fnmatch.fnmatchcase(touched.model, m) for m in owner.models) else []
    data = [d for d in touched.datasets if any(fnmatch.fnmatchcase(d, pattern) for pattern in owner.datasets)]
    return [*paths, *models, *(f"dataset {name}" for name in data)]


def _matches(path: str, pattern: str) -> bool:
    return path.startswith(pattern) if pattern.endswith("/") else fnmatch.fnmatchcase(path, pattern)


def _listed(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def owner_conditions(standards: Standards, touched: Touched, approvers: set[str]) -> list[Condition]:
    """One of each touched owner's members has to approve."""
    found = []
    for owner in standards.owners:
        if owned := _owned(owner, touched):
            gave = [name for name in owner.members if name in approvers]
            what = _listed(owned)
            said = (
                f"{gave[0]} owns {what} and approves."
                if gave
                else f"An owner of {what} has to approve: {_listed(owner.members)}."
            )
            found.append(Condition("owners", bool(gave), said))
    return found


def committee_conditions(standards: Standards, alias: str, approvers: set[str]) -> list[Condition]:
    """A quorum of each committee has to approve."""
    found = []
    for committee in standards.committees:
        if committee.aliases and alias not in committee.aliases:
            continue
        gave = sorted(approvers & set(committee.members))
        left = committee.quorum - len(gave)
        others = [name for name in committee.members if name not in gave]
        said = (
            f"{committee.name}: {_listed(gave)} approve."
            if left <= 0
            else f"{committee.name}: {left} more of {_listed(others)} have to approve."
        )
        found.append(Condition("committee", left <= 0, said))
    return found


def vote_conditions(standards: Standards, votes: Sequence[Vote], others: str) -> list[Condition]:
    """Enough approvals, and nobody asks for changes.

    Args:
        standards: Those in force.
        votes: Those that count.
        others: Who cannot give one.
    """
    approvers = [vote.reviewer for vote in votes if vote.verdict == "approve"]
    left = standards.approvals - len(approvers)
    role = "a reviewer" if standards.approver_role == "reviewer" else f"a {standards.approver_role}"
    said = (
        f"{left} approval{'s' * (left > 1)} by {role} other than {others}."
        if left > 0
        else f"Approved by {_listed(approvers)}."
    )
    found = [] if not standards.approvals else [Condition("approvals", left <= 0, said)]
    asked = [vote.reviewer for vote in votes if vote.verdict == "request_changes"]
    return found + [Condition("changes", False, f"{name} asked for changes.") for name in asked]


def thread_conditions(standards: Standards, remarks: Sequence[ReviewComment]) -> list[Condition]:
    """Every thread is resolved."""
    threads = [remark for remark in remarks if remark.anchor and not remark.thread]
    open_ones = [f"{one.anchor} ({one.author})" for one in threads if one.resolved_at is None]
    if not threads or not standards.threads_resolved:
        return []
    said = f"Threads to resolve: {_listed(open_ones)}." if open_ones else f"All {len(threads)} threads are resolved."
    return [Condition("threads", not open_ones, said)]


def check_conditions(checks: Sequence[CheckResult], way_out: dict[str, str], mend: str) -> list[Condition]:
    """The checks ran on this revision, and none that is required blocks.

    Args:
        checks: Those of the present revision.
        way_out: What to do about one, by name.
        mend: What to do about any other.
    """
    if not checks:
        return [Condition("checks", False, "The checks did not run on the present revision: run them again.")]
    blocking = [check for check in checks if check.blocks]
    if not blocking:
        required = sum(check.required for check in checks)
        return [
            Condition(
                "checks", True, "1 required check passes." if required == 1 else f"{required} required checks pass."
            )
        ]
    return [
        Condition("checks", False, f"{check.name}: {check.message}. {way_out.get(check.name, mend)}")
        for check in blocking
    ]
