"""What follows from a review's checks and votes: score, issues, recommendations. Pure: the same review, the same report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from runward.core.hashing import digest_value
from runward.core.ids import Digest, ReviewId
from runward.review.model import WORST_FIRST, CheckResult, EvidenceItem, ReviewComment, ReviewDetail, Verdict, Vote

FORMULA = "100 × (passed + 0.5 × warned) / checks"
"""What a score is made of. A check that failed or could not be decided counts nothing."""
WORTH: Mapping[Verdict, float] = {Verdict.PASS: 1.0, Verdict.WARN: 0.5}
"""What a check's verdict adds to the score; those that are not named here add nothing and open no gate."""
WITHHELD = "The proposed text, and what was said of it, are left out: it is of a restricted page, read by who may read restricted data."
"""What a review says in place of what it leaves out."""
_VERBS = {Verdict.FAIL: "Mend", Verdict.WARN: "Look at"}


class Score(msgspec.Struct, frozen=True):
    """A number from 0 to 100 with what it was counted from. It informs; it never approves."""

    value: float
    formula: str
    checks: int
    passed: int
    warned: int
    failed: int
    undecided: int
    needs_person: int


class Issue(msgspec.Struct, frozen=True):
    """One thing that is wrong or undecided, with its place."""

    check: str
    verdict: Verdict
    required: bool
    """Whether it keeps the review from being applied."""
    message: str
    waived: str
    """Why it does not count, and who said so; empty where nobody did."""
    file: str = ""
    line: int = 0
    metric: str = ""
    verification: str = ""


class ReportSubject(msgspec.Struct, frozen=True):
    """What the review is about."""

    run_id: str
    run_name: str
    project: str
    created_by: str
    commit: str
    branch: str
    seed: int | None
    uncommitted: list[str]
    """Files that ran otherwise than the commit has them."""
    model: str = ""
    version: int = 0
    alias: str = ""
    proposes: str = ""
    """``standards`` or ``page``; then there is no run."""
    also: list[str] = []
    """Further runs of the same result, each by name and id."""


class ReviewReport(msgspec.Struct, frozen=True):
    """A review in one document, made from nothing but what is stored of it."""

    id: ReviewId
    number: int
    title: str
    description: str
    state: str
    author: str
    reviewers: list[str]
    created_at: datetime
    updated_at: datetime
    subject: ReportSubject
    revision: Digest
    overridden: bool
    """True where an admin applied it without what was missing: it is not reviewed."""
    ending: str
    """Why it was rejected, withdrawn or overridden."""
    verification: str
    """The level that the run has earned; empty for none."""
    score: Score
    approvals: int
    approvals_needed: int
    votes: list[Vote]
    gates: list[CheckResult]
    checks: list[CheckResult]
    """The checklist on the code, and checks of one's own."""
    issues: list[Issue]
    recommendations: list[str]
    comments: list[ReviewComment]
    inputs: Digest
    """The digest of all of the above: two reports with the same one are the same."""


def score_value(verdicts: Iterable[Verdict]) -> float:
    """A score by :data:`FORMULA`, to one decimal; 0 where nothing was checked."""
    found = list(verdicts)
    return round(100 * sum(WORTH.get(verdict, 0.0) for verdict in found) / len(found), 1) if found else 0.0


def score_of(checks: Iterable[CheckResult]) -> Score:
    """The score of some checks."""
    verdicts = [check.verdict for check in checks]
    counts = [verdicts.count(v) for v in (Verdict.PASS, Verdict.WARN, *WORST_FIRST[:3])]
    return Score(score_value(verdicts), FORMULA, len(verdicts), *counts)


def severity(verdict: Verdict) -> int:
    """Where an issue of a verdict stands among others: failures come first."""
    return WORST_FIRST.index(verdict)


def advice(verdict: Verdict, check: str, message: str, place: str) -> str:
    """What to do about an issue, in a sentence."""
    return f"{_VERBS.get(verdict, 'Decide')} {check}: {message}{f' ({place})' if place else ''}"


def issues_of(checks: Iterable[CheckResult]) -> list[Issue]:
    """What did not pass, one issue a place; what keeps the review from being applied first, then failures."""
    found = [
        Issue(
            check.name, check.verdict, check.blocks, item.message, check.waived, item.file, item.line, item.metric,
            item.verification,
        )
        for check in checks
        if check.verdict is not Verdict.PASS
        for item in check.evidence or [EvidenceItem(check.message)]
    ]  # fmt: skip
    return sorted(found, key=lambda issue: (not issue.required, severity(issue.verdict)))


def _recommendations(detail: ReviewDetail, similar: Iterable[str]) -> list[str]:
    """What is missing first, then a sentence a check with its first place."""
    advised = [
        advice(check.verdict, check.name, check.message, _place(check))
        for check in sorted(detail.checks, key=lambda c: 0 if c.verdict is Verdict.PASS else severity(c.verdict))
        if check.verdict is not Verdict.PASS and not check.required
    ]
    held = [WITHHELD] if detail.withheld else []
    return list(dict.fromkeys([*held, *similar, *detail.missing, *advised]))


def _place(check: CheckResult) -> str:
    return next((f"{e.file}:{e.line}" for e in check.evidence if e.file), "")


def report_of(detail: ReviewDetail, similar: Iterable[str] = ()) -> ReviewReport:
    """The report of a review.

    Args:
        detail: The review as stored; what it says of the caller is left out.
        similar: Sentences on earlier reviews of similar changes.
    """
    review, run = detail.review, detail.run
    subject = ReportSubject(
        run_id=review.run_id,
        run_name=review.run_name,
        project=run.project if run else review.project,
        created_by=run.created_by if run else review.author,
        commit=run.commit if run else "",
        branch=run.branch if run else "",
        seed=run.seed if run else None,
        uncommitted=sorted(change.path for change in detail.changes),
        model=review.model,
        version=review.version,
        alias=review.alias,
        proposes=review.proposes,
        also=[f"{run.name} ({run.id})" for run in detail.further],
    )
    report = ReviewReport(
        id=review.id,
        number=review.number,
        title=review.title,
        description=review.description,
        state=review.state,
        author=review.author,
        reviewers=review.reviewers,
        created_at=review.created_at,
        updated_at=review.updated_at,
        subject=subject,
        revision=review.revision,
        overridden=review.overridden,
        ending=review.ending,
        verification=detail.verification,
        score=score_of(detail.checks),
        approvals=review.approvals,
        approvals_needed=review.approvals_needed,
        votes=sorted(detail.votes, key=lambda vote: (vote.at, vote.reviewer)),
        gates=[check for check in detail.checks if check.group == "gate"],
        checks=[check for check in detail.checks if check.group != "gate"],
        issues=issues_of(detail.checks),
        recommendations=_recommendations(detail, similar),
        comments=detail.comments,
        inputs=Digest(""),
    )
    return msgspec.structs.replace(report, inputs=inputs_of(report))


def inputs_of(report: ReviewReport) -> Digest:
    """The digest that a report must carry: of everything in it but the digest itself."""
    fields: dict[str, Any] = msgspec.to_builtins(report)
    return digest_value({key: value for key, value in fields.items() if key != "inputs"})
