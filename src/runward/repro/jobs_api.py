"""The contract of verification jobs: queued by people and policies, carried out by workers anywhere."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.repro.jobs_model import (
    ClaimedJob,
    JobFilter,
    NewVerificationJob,
    PolicyInForce,
    VerificationJob,
    VerificationPolicy,
)
from runward.repro.records import NewVerification


class Jobs(Protocol):
    """Thread-safe. A job is held by one worker at a time; one whose worker vanished is taken by another."""

    room: ClassVar[str] = "jobs"

    @operation("POST", "/runs/{run_id}/verification-jobs", may="job.submit", on="run_id")
    def request_verification(self, run_id: str, new: NewVerificationJob) -> VerificationJob:
        """Queue a verification of a run that is over.

        Raises: InvalidError (pool, options, or a margin of what the run did not log), InvalidTransitionError (the run is not over), ConflictError (one of this
        level and pool is queued or running; ``job_id`` says which).
        """
        ...

    @operation("GET", "/verification-jobs", may="verification.read", on=ON_LIST)
    def list_verification_jobs(
        self, project: str = "", run_id: str = "", state: JobFilter | None = None, before: str = "", limit: int = 200
    ) -> list[VerificationJob]:
        """Jobs, newest first; ``open`` are those that wait or run. ``before`` is the last job of the page before."""
        ...

    @operation("GET", "/verification-jobs/{job_id}", may="verification.read", on="job_id")
    def get_verification_job(self, job_id: str) -> VerificationJob:
        """A job."""
        ...

    @operation("POST", "/verification-jobs/{job_id}/cancel", may="job.submit", on="job_id")
    def cancel_verification_job(self, job_id: str, reason: str = "") -> VerificationJob:
        """Cancel a job; a worker that has it ends the rerun. Raises: InvalidTransitionError (it is over)."""
        ...

    @operation("POST", "/verification-jobs/claim", may="verify.write", on=ON_LIST, audit=False)
    def claim_verification_job(self, worker: str, pool: str = "", host: str = "") -> ClaimedJob | None:
        """Take the oldest job of a pool, or of none, in a project where the caller may record verifications.

        None where nothing waits. A job whose worker gave no sign of life for its lease is taken over; after three such
        workers it fails.
        """
        ...

    @operation("POST", "/verification-jobs/{job_id}/renew", may="verify.write", on="job_id", audit=False)
    def renew_verification_job(self, job_id: str, claim: str) -> bool:
        """A worker's sign of life. False where it no longer holds the job (cancelled, or taken over): it has to stop."""
        ...

    @operation("POST", "/verification-jobs/{job_id}/release", may="verify.write", on="job_id")
    def release_verification_job(self, job_id: str, claim: str) -> VerificationJob:
        """Give a job back to the queue. Raises: StaleVersionError (the worker no longer holds it)."""
        ...

    @operation("POST", "/verification-jobs/{job_id}/finish", may="verify.write", on="job_id")
    def finish_verification_job(
        self,
        job_id: str,
        claim: str,
        verification_id: str = "",
        failure: str = "",
        made: NewVerification | None = None,
    ) -> VerificationJob:
        """End a job with the verification that was made, with one that was recorded before, or with the reason why there is none.

        What was made is recorded with the end of the job, both or neither; told again by the same claim it is the same.

        Raises: InvalidError (none of the three or several; the verification is of another run or older than the job; the
        report contradicts its verdict or level), StaleVersionError (the worker no longer holds it, so nothing is recorded).
        """
        ...

    @operation(
        "GET",
        "/projects/{project}/verification-policy",
        may="verification.read",
        on="project",
        state=("project", "policy"),
    )
    def get_verification_policy(self, project: str) -> PolicyInForce | None:
        """The policy in force: the project's own, else its nearest parent's, else none."""
        ...

    @operation(
        "PUT",
        "/projects/{project}/verification-policy",
        may="standards.write",
        on="project",
        revises="get_verification_policy",
    )
    def set_verification_policy(self, project: str, policy: VerificationPolicy) -> PolicyInForce:
        """Queue a verification of every captured run of this project, or below it, that finishes. Raises: InvalidError."""
        ...

    @operation(
        "DELETE",
        "/projects/{project}/verification-policy",
        may="standards.write",
        on="project",
        revises="get_verification_policy",
    )
    def clear_verification_policy(self, project: str) -> None:
        """Take the project's own policy away; its parents' stay in force."""
        ...
