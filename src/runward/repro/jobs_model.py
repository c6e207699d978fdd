"""Verifications as jobs: asked for, waiting, carried out by some worker."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from runward.core.ids import RunId, VerificationId
from runward.errors import InvalidError

PolicyLevel = Literal["basic", "environment", "statistical"]
JobLevel = Literal["basic", "environment", "statistical", "conceptual"]
JobCause = Literal["person", "policy"]
JobFilter = Literal["open", "queued", "running", "done", "failed", "cancelled"]
LEASE_S = 60.0
"""Seconds for which a worker holds a job without a sign of life."""
MOST_ATTEMPTS = 3
"""Workers that may take a job and vanish before it counts as failed."""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    """A verification was recorded; it says what came of it."""
    FAILED = "failed"
    """None could be recorded; the reason says why."""
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the job is over."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class JobOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a verification is carried out; what a level has no use for is passed over."""

    margins: dict[str, float] = {}
    """Allowed absolute difference by metric, artifact or ``stdout``."""
    timeout_s: float = 3600.0
    """Seconds until a rerun is ended."""
    sandbox: bool = True
    network: bool = False
    """Let reruns use the network."""
    vary: bool = True
    """Level environment: once more under an emulated change of machine."""
    metrics: list[str] = []
    """Repeated runs: what the conclusion rests on."""
    test_sizes: dict[str, int] = {}
    baseline: list[str] = []
    budget_s: float = 3600.0
    """Repeated runs: seconds for all of them."""
    max_runs: int = 20
    second: str = ""
    """Level conceptual: a run of the second implementation, and the files that both may share."""
    evaluation: list[str] = []


def check_second(level: JobLevel, options: JobOptions) -> None:
    """Refuse a second implementation at another level than the conceptual one, and that level without. Raises: InvalidError."""
    if (level == "conceptual") != bool(options.second):
        raise InvalidError("a second implementation and the level conceptual go together", hint="--with RUN names it")


class NewVerificationJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A verification to carry out."""

    level: JobLevel = "environment"
    pool: str = ""
    """The workers that may take it; empty for any."""
    options: JobOptions = JobOptions()


class VerificationJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job as lists show it."""

    id: str
    run_id: RunId
    run_name: str
    project: str
    level: JobLevel
    pool: str
    options: JobOptions
    state: JobState
    trigger: JobCause
    """``policy`` where the run's end queued it."""
    requested_by: str
    requested_at: datetime
    worker: str
    """Who has it or had it last; empty before anybody took it."""
    host: str
    claimed_at: datetime | None
    lease_until: datetime | None
    """While it runs: when another worker may take it, unless its own gives a sign of life before."""
    attempts: int
    """Workers that took it and did not give it back."""
    ended_at: datetime | None
    verification_id: VerificationId | None
    verdict: str
    """What the verification found; empty before."""
    reason: str
    """Why it failed or was cancelled, else what the verification says."""


class ClaimedJob(msgspec.Struct, frozen=True):
    """A job in a worker's hands."""

    job: VerificationJob
    claim: str
    """Proof that the worker holds it: :meth:`~runward.repro.jobs_api.Jobs.renew_verification_job` and the end of the
    job take it."""
    lease_s: float
    """Seconds until another worker may take the job."""


class VerificationPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is queued when a run of a project finishes."""

    level: PolicyLevel = "environment"
    pool: str = ""
    margins: dict[str, float] = {}
    """Allowed absolute difference by name; a run that did not log the name goes without."""


class PolicyInForce(msgspec.Struct, frozen=True):
    """A policy and where it comes from."""

    project: str
    """The project that it was set on; its runs and those of the projects below are verified."""
    policy: VerificationPolicy
    author: str
    at: datetime
