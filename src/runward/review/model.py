"""Standards, gates and reviews: evidence bound to the digest of what it is about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from runward.core.ids import Digest, ReviewId, RunId
from runward.tracking.model import FileChange, Run


class Verdict(StrEnum):
    """Outcome of a check. Only ``pass`` and ``warn`` open a gate; what could not be decided does not."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNDECIDED = "undecided"
    NEEDS_PERSON = "needs_person"


class MetricRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold with its direction, such as accuracy >= 0.95."""

    metric: str
    op: Literal[">=", "<="]
    value: float


class BaselineRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric against the project's baseline, by the 95 % interval of the difference of the two groups' means."""

    metric: str
    better: Literal["higher", "lower"]
    """Which way the metric gets better."""
    ask: Literal["not worse", "better"] = "not worse"
    """``not worse``: not distinguishable from the baseline is good enough; ``better``: it is not."""


class Standards(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a team asks of the results in a project."""

    name: str = "default"
    default_hyperparameters: dict[str, Any] = {}
    required_metrics: list[str] = []
    thresholds: list[MetricRule] = []
    baseline: list[BaselineRule] = []
    max_wall_s: float = 0.0
    """The longest that a run may take, in seconds; 0 for any time."""
    naming: str = ""
    """A regular expression that run and experiment names must match; empty for none."""
    naming_help: str = ""
    """The rule in words, quoted when a name is refused."""
    review_required: bool = True
    documentation_required: bool = False
    sharing_enabled: bool = True
    approvals: int = 1
    require_level: Literal["", "basic", "environment", "statistical"] = ""
    """The verification that a run needs: at least this level, on its present content; empty for none."""


class StandardsVersion(msgspec.Struct, frozen=True):
    """Standards as stored: each change is a version."""

    project: str
    version: int
    """0 when nobody has set any."""
    standards: Standards
    author: str
    at: datetime | None


class EvidenceItem(msgspec.Struct, frozen=True):
    """Where a verdict comes from: ``file:line``, a metric, a verification, or a person."""

    message: str
    file: str = ""
    line: int = 0
    metric: str = ""
    value: float | None = None
    verification: str = ""
    """Id of the verification."""


class CheckResult(msgspec.Struct, frozen=True):
    """One check's verdict on one revision."""

    name: str
    group: Literal["gate", "code", "custom"]
    verdict: Verdict
    message: str
    evidence: list[EvidenceItem]
    required: bool = False


class GateReport(msgspec.Struct, frozen=True):
    """All gates of a run, evaluated on one digest of its content."""

    run_id: RunId
    revision: Digest
    passed: bool
    results: list[CheckResult]
    outdated: bool
    """True when the run changed since."""
    at: datetime


class ReviewState(StrEnum):
    """Where a review stands."""

    OPEN = "open"
    CHANGES_REQUESTED = "changes_requested"
    APPLIED = "applied"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"

    @property
    def is_terminal(self) -> bool:
        """Whether the review is over."""
        return self in (ReviewState.APPLIED, ReviewState.REJECTED, ReviewState.WITHDRAWN)


class NewReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A review to open on a run, or on the version of a model that the run made."""

    run_id: str
    title: str = ""
    description: str = ""
    reviewers: list[str] = []
    model: str = ""
    """Name of a registered model, where a version of it is to get an alias; empty for the run itself."""
    version: int = 0
    alias: str = ""


class Vote(msgspec.Struct, frozen=True):
    """What a reviewer decided on one revision."""

    reviewer: str
    verdict: Literal["approve", "request_changes"]
    comment: str
    revision: Digest
    at: datetime
    outdated: bool
    counts: bool
    """False for the author's own, for outdated votes, and of somebody who may no longer approve."""


class ReviewComment(msgspec.Struct, frozen=True):
    """A remark, anchored to a file's line, a param, a metric, or to nothing."""

    id: int
    author: str
    at: datetime
    body: str
    anchor: str
    """``file:line``, ``params.lr``, ``metrics.loss@10`` or empty."""


class Review(msgspec.Struct, frozen=True):
    """A review as lists show it."""

    id: ReviewId
    number: int
    title: str
    description: str
    state: ReviewState
    run_id: RunId
    run_name: str
    project: str
    author: str
    reviewers: list[str]
    revision: Digest
    created_at: datetime
    updated_at: datetime
    approvals: int
    approvals_needed: int
    model: str = ""
    """The model whose version is to get the alias; empty where the run itself is to become a team result."""
    version: int = 0
    alias: str = ""
    alias_now: int = 0
    """The version that has the alias now; 0 for none."""


class ReviewDetail(msgspec.Struct, frozen=True):
    """A review with its evidence and what is still missing."""

    review: Review
    run: Run
    checks: list[CheckResult]
    votes: list[Vote]
    comments: list[ReviewComment]
    missing: list[str]
    """What keeps it from being applied, in sentences that say who can give it."""
    changes: list[FileChange]
    """Uncommitted code that the run ran with."""
    may_approve: bool
    why_not: str
    """Why the caller cannot approve; empty when they can."""
    verification: str
    """The level that the run has earned; empty for none."""
