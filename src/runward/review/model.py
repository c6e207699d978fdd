"""Standards, gates and reviews: evidence bound to the digest of what it is about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from runward.core.ids import Digest, ReviewId, RunId
from runward.knowledge.model import NewPage
from runward.tracking.model import FileChange, Run


class Verdict(StrEnum):
    """Outcome of a check. Only ``pass`` and ``warn`` open a gate; what could not be decided does not."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNDECIDED = "undecided"
    NEEDS_PERSON = "needs_person"


WORST_FIRST = (Verdict.FAIL, Verdict.UNDECIDED, Verdict.NEEDS_PERSON, Verdict.WARN, Verdict.PASS)


Workflow = Literal["feature-branch", "gitflow", "github-flow", "trunk"]


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


Part = Literal["params", "metrics", "artifacts", "code", "environment", "data", "machine", "process"]
"""A part of what a revision is made of, where a rule may name it."""


class Owner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members one of whom has to approve what touches their paths, models or datasets."""

    members: list[str]
    paths: list[str] = []
    """``src/data/`` for a folder, else a pattern in which ``*`` matches ``/`` too."""
    models: list[str] = []
    datasets: list[str] = []


class Committee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Members a quorum of whom has to approve."""

    name: str
    members: list[str]
    quorum: int
    aliases: list[str] = []
    """Asked only where a version is to get one of these aliases; empty for every review."""


class Standards(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a team asks of the results in a project."""

    name: str = "default"
    default_hyperparameters: dict[str, Any] = {}
    required_metrics: list[str] = []
    thresholds: list[MetricRule] = []
    baseline: list[BaselineRule] = []
    max_wall_s: float = 0.0
    """The longest that a run may take, in seconds; 0 for any time."""
    max_peak_memory: str = ""
    """The most memory that a run may use, such as ``8 GiB``; empty for any."""
    max_gpu_memory: str = ""
    """The most GPU memory that a run may use, such as ``40 GiB``; empty for any."""
    forbidden_packages: list[str] = []
    """Packages that no run may have installed, each with versions where not all are meant: ``torch<2.1``."""
    allowed_licenses: list[str] = []
    """SPDX licences of which every installed package has to have one: ``MIT``, ``BSD-*``; ``package:NAME`` lets one in."""
    forbidden_licenses: list[str] = []
    """SPDX licences that no installed package may have: ``AGPL-*``."""
    data_versioned: bool = False
    """Whether every file that a run read has to be in a version of a dataset of the team."""
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
    required_ci: list[str] = []
    """Names of CI results that have to pass on the present content, posted by somebody who is not judged by them."""
    evidence_days: float = 0.0
    """How old that verification may be, in days; 0 for any age."""
    approver_role: Literal["reviewer", "maintainer", "admin"] = "reviewer"
    """The least role whose approvals count."""
    owners: list[Owner] = []
    committees: list[Committee] = []
    threads_resolved: bool = True
    """Whether every thread has to be resolved."""
    sticky: list[Part] = []
    """Approvals stay when nothing but these parts changed; by default every change outdates them."""
    apply_by_hand: bool = False
    """Whether a review with nothing missing waits, as *approved*, until somebody applies it."""
    change_by_review: bool = False
    """Whether these standards themselves change only by a review."""
    workflow: Workflow | Literal[""] = ""
    """The git workflow, which says how branches are named; empty for any."""
    branches: str = ""
    """A regular expression for the names of branches instead of the workflow's."""
    required_items: list[str] = []
    """Items of the checklist that have to pass in every review, such as ``unit_tests_written``."""
    release_process: str = ""
    """How releases are made, in Markdown, for people."""
    inherits: list[str] = []
    """Fields that this document leaves to the nearest project above; its own values of them count for nothing."""


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
    waived: str = ""
    """Why it does not count on this revision, and who said so; empty where nobody did."""

    @property
    def blocks(self) -> bool:
        """Whether it keeps a review from being applied."""
        return self.required and not self.waived and self.verdict not in (Verdict.PASS, Verdict.WARN)


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

    DRAFT = "draft"
    OPEN = "open"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    """Nothing is missing; somebody has to apply it, where the standards say so."""
    APPLIED = "applied"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"

    @property
    def is_terminal(self) -> bool:
        """Whether the review is over."""
        return self in (ReviewState.APPLIED, ReviewState.REJECTED, ReviewState.WITHDRAWN)


UNDER_WAY = ", ".join(f"'{state}'" for state in ReviewState if not state.is_terminal)
"""The states of reviews that are not over, as a list in SQL."""


class NewReview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A review to open on a run, on several that are one result, or on the version of a model that the run made."""

    run_id: str
    title: str = ""
    description: str = ""
    reviewers: list[str] = []
    model: str = ""
    """Name of a registered model, where a version of it is to get an alias; empty for the run itself."""
    version: int = 0
    alias: str = ""
    draft: bool = False
    """A draft runs its checks and can be talked about; it is decided once it is opened."""
    base_id: str = ""
    """The run to compare with; empty for the run whose version has the alias now, else the project's baseline."""
    also: list[str] = []
    """Further runs of the same result, such as repetitions with other seeds: they are reviewed and applied as one."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to become of a project's standards, or a page to publish: exactly one of the two."""

    standards: Standards | None = None
    page: NewPage | None = None
    """Its team is the project's."""
    title: str = ""
    description: str = ""
    reviewers: list[str] = []
    draft: bool = False


class Waiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check that shall not count on one revision, with the reason."""

    check: str
    reason: str
    revision: str = ""


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new subject for a review: the next attempt at the same result."""

    run_id: str
    version: int = 0
    """For a review of a model's version: the one that the run made."""
    comment: str = ""
    also: list[str] = []
    """Further runs of the same result."""


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
    kept: bool = False
    """True where it was given on an earlier revision and stands by the project's rule on what may change."""


class NewRemark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to say: in the open, at a place, or in answer to a thread."""

    body: str
    """Markdown; ``@name`` tells somebody, a block fenced as ``suggestion`` holds what should stand there instead."""
    anchor: str = ""
    """``train.py:12``, ``train.py:12-14``, ``nb.ipynb#3`` (cell), ``params.lr``, ``metrics.loss@10``, ``artifacts/model.bin``."""
    thread: int = 0
    """Id of the thread that it answers."""


class ReviewComment(msgspec.Struct, frozen=True):
    """A remark; with an anchor it begins a thread."""

    id: int
    author: str
    at: datetime
    body: str
    anchor: str
    thread: int = 0
    """The thread that it answers; 0 for none."""
    place: Literal["", "here", "moved", "outdated"] = ""
    """Whether what it is about is still there: as it was, elsewhere in the file, or no more."""
    line: int = 0
    """Where it is now, for lines of files."""
    excerpt: list[str] = []
    """The lines that it was written about."""
    suggestion: str | None = None
    """What should stand there instead."""
    resolved_by: str = ""
    resolved_at: datetime | None = None


class Revision(msgspec.Struct, frozen=True):
    """What a review was about at a time."""

    digest: Digest
    run_id: RunId
    version: int
    commit: str
    metrics: dict[str, float | None]
    """Last values; None for what is not finite."""
    changed: list[str]
    """Which parts differ from the revision before."""
    by: str
    at: datetime


class Seen(msgspec.Struct, frozen=True):
    """What the caller saw when they last looked."""

    digest: Digest
    run_id: RunId
    remark: int
    """Id of the newest remark then."""
    at: datetime


Act = Literal[
    "approve", "request_changes", "reject", "waive", "override", "open", "apply", "withdraw", "change", "resolve"
]
"""What can be done with a review."""


class Condition(msgspec.Struct, frozen=True):
    """Something that has to hold before the review is applied."""

    name: Literal["subject", "checks", "approvals", "owners", "committee", "threads", "changes"]
    met: bool
    said: str
    """What holds, or what is missing and who can give it."""


class Review(msgspec.Struct, frozen=True):
    """A review as lists show it."""

    id: ReviewId
    number: int
    title: str
    description: str
    state: ReviewState
    run_id: RunId
    """Empty where the review is about a proposal."""
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
    overridden: bool = False
    """True where an admin applied it without what was missing: it is not reviewed."""
    ending: str = ""
    """Why it was rejected, withdrawn or overridden."""
    proposes: Literal["", "standards", "page"] = ""
    """What is proposed for the project; empty where the review is about a run, or the version that it made."""
    also: list[RunId] = []
    """Further runs of the same result."""


class ReviewDetail(msgspec.Struct, frozen=True):
    """A review with its evidence and what is still missing."""

    review: Review
    run: Run | None
    """None where the review is about a proposal."""
    checks: list[CheckResult]
    votes: list[Vote]
    comments: list[ReviewComment]
    missing: list[str]
    """What keeps it from being applied, in sentences that say who can give it."""
    changes: list[FileChange]
    """Uncommitted code that the run ran with; of a proposal what it changes."""
    may_approve: bool
    may: list[Act]
    """What the caller can do with it now, beside reading and commenting."""
    why_not: str
    """Why the caller cannot approve; empty when they can."""
    verification: str
    """The level that the run has earned; empty for none."""
    conditions: list[Condition] = []
    revisions: list[Revision] = []
    """Newest first; the latest fifty."""
    seen: Seen | None = None
    """None where the caller never looked."""
    base: Run | None = None
    """The run that it is compared with."""
    further: list[Run] = []
    """Further runs of the same result, by their names; those that were deleted since are left out."""
    withheld: bool = False
    """Whether the proposed text, and what was said of it, are left out: it is of a restricted page, which the caller may not read."""
