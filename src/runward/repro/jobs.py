"""The rules of verification jobs: who holds one, how it ends, and which runs are verified without being asked."""

from __future__ import annotations

import math
import re
import secrets
from typing import ClassVar

from runward.core.call import Event, Room, Scope
from runward.core.clock import to_us
from runward.core.ids import new_id
from runward.errors import ConflictError, InvalidError, InvalidTransitionError, StaleVersionError
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import Clause, find_project, project_scope, readable_projects
from runward.repro import jobs_repository as sql
from runward.repro.api import Repro
from runward.repro.jobs_api import Jobs
from runward.repro.jobs_model import (
    LEASE_S,
    MOST_ATTEMPTS,
    ClaimedJob,
    JobCause,
    JobFilter,
    JobOptions,
    JobState,
    NewVerificationJob,
    PolicyInForce,
    VerificationJob,
    VerificationPolicy,
    check_second,
)
from runward.repro.margins import check_margins, comparable
from runward.repro.records import NewVerification
from runward.tracking.api import Tracking
from runward.tracking.marks import publish_on_run
from runward.tracking.model import RunStatus

_POOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST_S = 30 * 86_400.0


class JobsService(Jobs):
    """See :class:`Jobs`."""

    room: ClassVar[str] = "jobs"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    # asking -----------------------------------------------------------------------------------------------------------

    def request_verification(self, run_id: str, new: NewVerificationJob) -> VerificationJob:
        """See the contract."""
        check_pool(new.pool)
        _check_options(new.options)
        check_second(new.level, new.options)
        detail = self.call.use(Tracking).get_run(run_id)
        run = detail.run
        if not run.status.is_terminal:
            raise InvalidTransitionError(f"run {run.name!r} is still running", hint="wait for its end")
        check_margins(detail, new.options.margins)
        job_id = self.queue(run_id, new, "person")
        if not job_id:
            existing = sql.open_job(self.tx, run_id, new.level, new.pool)
            raise ConflictError(
                f"a verification of run {run.name!r} at level {new.level} is open already: job {existing}",
                hint=f"wait for it, or cancel it: runward verifications cancel {existing}",
                job_id=existing,
            )
        return self.get_verification_job(job_id)

    def queue(self, run_id: str, new: NewVerificationJob, cause: JobCause) -> str:
        """Queue a job and return its id; empty where one of this kind is open already."""
        job_id = new_id()
        if not sql.insert(self.tx, job_id, run_id, new, (cause, self.call.actor.name, self.call.now_us)):
            return ""
        self._event("verification.requested", job_id, run_id, JobState.QUEUED)
        return job_id

    def _event(self, kind: str, job_id: str, run_id: str, state: JobState, **more: object) -> None:
        publish_on_run(self.call, kind, "job", job_id, run_id, {"state": state, **more})

    def list_verification_jobs(
        self, project: str = "", run_id: str = "", state: JobFilter | None = None, before: str = "", limit: int = 200
    ) -> list[VerificationJob]:
        """See the contract."""
        visible = self.call.visible_projects(project)
        condition, params = f"r.deleted_at IS NULL AND r.project_id IN {visible.sql}", list(visible.params)
        if run_id:
            condition, params = f"{condition} AND j.run_id = ?", [*params, run_id]
        if state is not None:
            condition += f" AND {sql.OPEN}" if state == "open" else " AND j.state = ?"
            params += [] if state == "open" else [state]
        if before:
            condition += (
                " AND (j.requested_at, j.id) < (SELECT b.requested_at, b.id FROM verification_jobs b WHERE b.id = ?)"
            )
            params.append(before)
        return sql.jobs(self.tx, Clause(condition, tuple(params)), min(max(limit, 1), 1000))

    def get_verification_job(self, job_id: str) -> VerificationJob:
        """See the contract."""
        return sql.jobs(self.tx, Clause("j.id = ?", (job_id,)), 1)[0]

    def cancel_verification_job(self, job_id: str, reason: str = "") -> VerificationJob:
        """See the contract."""
        said = check_name(reason, "the reason", limit=1000) if reason else f"cancelled by {self.call.actor.name}"
        job = self.get_verification_job(job_id)
        if not sql.end(self.tx, Clause("id = ?", (job_id,)), JobState.CANCELLED, said, self.call.now_us):
            raise InvalidTransitionError(f"job {job_id} is {job.state} already")
        self._event("verification.cancelled", job_id, job.run_id, JobState.CANCELLED)
        return self.get_verification_job(job_id)

    # carrying out -----------------------------------------------------------------------------------------------------

    def claim_verification_job(self, worker: str, pool: str = "", host: str = "") -> ClaimedJob | None:
        """See the contract."""
        check_name(worker, "the worker's name")
        if host:
            check_name(host, "the host's name")
        check_pool(pool)
        projects = readable_projects(self.call.actor, "verify.write")
        while (found := sql.claimable(self.tx, pool, projects, self.call.now_us)) is not None:
            if found.attempts < MOST_ATTEMPTS:
                return self._take(found.id, worker, host)
            lost = (
                f"{found.attempts} workers took it and vanished, at last {found.worker} on {found.host or 'its host'}"
            )
            self._fail(found.id, lost)
        return None

    def _take(self, job_id: str, worker: str, host: str) -> ClaimedJob:
        claim = secrets.token_urlsafe(24)
        sql.claim(self.tx, job_id, (claim, worker, host), self.call.now_us, self._lease_end())
        job = self.get_verification_job(job_id)
        self._event("verification.claimed", job_id, job.run_id, JobState.RUNNING)
        return ClaimedJob(job, claim, LEASE_S)

    def _lease_end(self) -> int:
        return self.call.now_us + int(LEASE_S * 1e6)

    def _fail(self, job_id: str, reason: str) -> None:
        sql.end(self.tx, Clause("id = ?", (job_id,)), JobState.FAILED, reason, self.call.now_us)
        self._ended(job_id)

    def renew_verification_job(self, job_id: str, claim: str) -> bool:
        """See the contract."""
        return sql.renew(self.tx, job_id, claim, self._lease_end())

    def release_verification_job(self, job_id: str, claim: str) -> VerificationJob:
        """See the contract."""
        if not sql.release(self.tx, job_id, claim):
            raise self._lost(job_id)
        job = self.get_verification_job(job_id)
        self._event("verification.returned", job_id, job.run_id, JobState.QUEUED)
        return job

    def finish_verification_job(
        self,
        job_id: str,
        claim: str,
        verification_id: str = "",
        failure: str = "",
        made: NewVerification | None = None,
    ) -> VerificationJob:
        """See the contract."""
        if (bool(verification_id), bool(failure), made is not None).count(True) != 1:
            raise InvalidError("a job ends with a verification or with a failure, not with both or neither")
        job = self.get_verification_job(job_id)
        if made is not None:
            held = sql.state_of(self.tx, job_id, claim)
            if held is JobState.DONE:
                # Told again because the answer was lost.
                return job
            if held is not JobState.RUNNING:
                raise self._lost(job_id)
            verification_id = self.call.use(Repro).record(job.run_id, made).verification.id
            self.call.note("repro.record", "run", job.run_id)
        elif verification_id:
            self._check_made(job, verification_id)
        state = JobState.DONE if verification_id else JobState.FAILED
        mine = Clause("id = ? AND claim = ? AND state = 'running'", (job_id, claim))
        reason = failure[:2000].replace("\0", "␀")
        if not sql.end(self.tx, mine, state, reason, self.call.now_us, verification_id or None):
            raise self._lost(job_id)
        return self._ended(job_id)

    def _ended(self, job_id: str) -> VerificationJob:
        """The job that just ended, after all were told how."""
        job = self.get_verification_job(job_id)
        told = ("run_name", "trigger", "requested_by", "verdict", "reason", "verification_id")
        kind = "verification.finished" if job.verification_id else "verification.failed"
        self._event(kind, job_id, job.run_id, job.state, **{name: getattr(job, name) for name in told})
        return job

    def _check_made(self, job: VerificationJob, verification_id: str) -> None:
        """A job is done by a verification of its run that was made for it."""
        since = to_us(job.claimed_at) if job.claimed_at else 0
        row = self.tx.one("SELECT run_id, at FROM verifications WHERE id = ?", (verification_id,))
        if row is None or row[0] != job.run_id or row[1] < since:
            raise InvalidError(
                f"verification {verification_id!r} is none of run {job.run_id} since job {job.id} was taken",
                hint="finish the job with the verification that was recorded for it",
            )

    def _lost(self, job_id: str) -> StaleVersionError:
        job = self.get_verification_job(job_id)
        return StaleVersionError(f"this worker no longer holds job {job_id}: it is {job.state}", hint="leave it")

    # policies ---------------------------------------------------------------------------------------------------------

    def get_verification_policy(self, project: str) -> PolicyInForce | None:
        """See the contract."""
        scope = project_scope(self.tx, self._project_id(project))
        return sql.policy_of(self.tx, scope.projects) if scope else None

    def set_verification_policy(self, project: str, policy: VerificationPolicy) -> PolicyInForce:
        """See the contract."""
        check_pool(policy.pool)
        _check_options(JobOptions(margins=policy.margins))
        project_id = self._project_id(project)
        sql.set_policy(self.tx, project_id, policy, self.call.actor.name, self.call.now_us)
        self._policy_event(project_id)
        found = sql.policy_of(self.tx, (project_id,))
        assert found is not None
        return found

    def clear_verification_policy(self, project: str) -> None:
        """See the contract."""
        project_id = self._project_id(project)
        sql.clear_policy(self.tx, project_id)
        self._policy_event(project_id)

    def _project_id(self, project: str) -> str:
        found = find_project(self.tx, project)
        assert found is not None
        return found.id

    def _policy_event(self, project_id: str) -> None:
        found = find_project(self.tx, project_id)
        assert found is not None
        self.call.publish(Event("verification_policy.updated", "project", project_id, project_id, found.team_id))


def check_pool(pool: str) -> None:
    """Raise InvalidError unless a pool may be called so; an empty one is none."""
    if pool in ("any", "local"):
        raise InvalidError(f"pool {pool!r} is a word of `runward verify --on`", hint="choose another name")
    if pool and not _POOL.fullmatch(pool):
        raise InvalidError(f"pool {pool!r}: up to 64 letters, digits, '.', '_' and '-'", hint="for example gpu")


def _check_options(options: JobOptions) -> None:
    for name, margin in options.margins.items():
        if not (math.isfinite(margin) and margin >= 0):
            raise InvalidError(f"margins: {name!r} = {margin}, which is no difference to allow", hint="a number from 0")
    for name in ("timeout_s", "budget_s"):
        if not 0 < getattr(options, name) <= _LONGEST_S:
            raise InvalidError(f"{name} = {getattr(options, name)}: from 0 to {_LONGEST_S:g} seconds")
    if not 3 <= options.max_runs <= 20:
        raise InvalidError(f"max_runs = {options.max_runs}: 3 to 20 per side")
    for name, size in options.test_sizes.items():
        if size < 1:
            raise InvalidError(f"test_sizes: {name!r} = {size}", hint="the number of examples, from 1")


def _on_run_ended(call: Call, event: Event) -> None:
    """Queue what the project's policy asks for, in the transaction in which the run finishes."""
    if event.data.get("status") != RunStatus.FINISHED:
        return
    scope = project_scope(call.tx, event.project_id)
    found = sql.policy_of(call.tx, scope.projects) if scope else None
    if found is not None and sql.is_captured(call.tx, event.object_id):
        policy = found.policy
        known = comparable(call.use(Tracking).get_run(event.object_id)) if policy.margins else set()
        options = JobOptions(margins={name: margin for name, margin in policy.margins.items() if name in known})
        JobsService(call).queue(event.object_id, NewVerificationJob(policy.level, policy.pool, options), "policy")


def _on_run_changed_course(call: Call, event: Event) -> None:
    """Nobody reruns what is gone, or what is not at its end after all."""
    reason = "the run was deleted" if event.kind == "run.deleted" else "the run goes on"
    sql.end(call.tx, Clause("run_id = ?", (event.object_id,)), JobState.CANCELLED, reason, call.now_us)


def _scope(call: Call, job_id: str) -> Scope | None:
    row = call.tx.one(
        """SELECT r.project_id FROM verification_jobs j JOIN runs r ON r.id = j.run_id
           WHERE j.id = ? AND r.deleted_at IS NULL""",
        (job_id,),
    )
    return project_scope(call.tx, row[0]) if row else None


ROOM = Room(
    Jobs,
    JobsService,
    {"job": _scope},
    {
        "run.ended": (_on_run_ended,),
        "run.deleted": (_on_run_changed_course,),
        "run.resumed": (_on_run_changed_course,),
    },
)
