"""All SQL on verification jobs and policies."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from runward.core.clock import from_us
from runward.governance.scopes import Clause
from runward.repro.jobs_model import (
    JobOptions,
    JobState,
    NewVerificationJob,
    PolicyInForce,
    VerificationJob,
    VerificationPolicy,
)
from runward.store.database import Row, Tx, placeholders

_JOB = """SELECT j.id, j.run_id, r.name, p.path, j.level, j.pool, j.options, j.state, j.cause, j.requested_by,
  j.requested_at, j.worker, j.host, j.claimed_at, j.lease_until, j.attempts, j.ended_at, j.verification_id,
  COALESCE(v.verdict, ''), CASE WHEN j.reason = '' THEN COALESCE(v.reason, '') ELSE j.reason END
  FROM verification_jobs j CROSS JOIN runs r JOIN projects p ON p.id = r.project_id
  LEFT JOIN verifications v ON v.id = j.verification_id WHERE r.id = j.run_id AND """
# A cross join keeps SQLite from beginning with the runs, of which there are far more than jobs that wait.
OPEN = "j.state IN ('queued', 'running')"
"""As the partial indexes say it, so that they are used."""


class Claimable(NamedTuple):
    """A job that somebody may take."""

    id: str
    attempts: int
    worker: str
    """Who had it last."""
    host: str


def insert(tx: Tx, job_id: str, run_id: str, new: NewVerificationJob, asked: tuple[str, str, int]) -> bool:
    """Queue a job with (cause, member, time); False where one of this run, level and pool is open already."""
    cause, member, now = asked
    options = msgspec.json.encode(new.options).decode()
    return bool(
        tx.touched(
            """INSERT INTO verification_jobs (id, run_id, level, options, pool, state, cause, requested_by, requested_at,
               worker, host, claim, attempts, reason)
               VALUES (?, ?, ?, ?, ?, 'queued', ?, ?, ?, '', '', '', 0, '') ON CONFLICT DO NOTHING""",
            (job_id, run_id, new.level, options, new.pool, cause, member, now),
        )
    )


def open_job(tx: Tx, run_id: str, level: str, pool: str) -> str:
    """The open job of a run, level and pool; empty where there is none."""
    sql = f"SELECT j.id FROM verification_jobs j WHERE j.run_id = ? AND j.level = ? AND j.pool = ? AND {OPEN}"
    return str(tx.scalar(sql, (run_id, level, pool)) or "")


def jobs(tx: Tx, where: Clause, limit: int) -> list[VerificationJob]:
    """Jobs that match a clause over ``j`` and ``r``, newest first."""
    rows = tx.all(f"{_JOB}{where.sql} ORDER BY j.requested_at DESC, j.id DESC LIMIT ?", (*where.params, limit))
    return [_job(row) for row in rows]


def claimable(tx: Tx, pool: str, projects: Clause, now: int) -> Claimable | None:
    """The oldest job that nobody holds, locked until the commit; those that others look at meanwhile are passed over."""
    lock = " FOR UPDATE OF j SKIP LOCKED" if tx.dialect == "postgresql" else ""
    row = tx.one(
        f"""SELECT j.id, j.attempts, j.worker, j.host FROM verification_jobs j CROSS JOIN runs r
            WHERE r.id = j.run_id AND {OPEN} AND (j.state = 'queued' OR j.lease_until < ?) AND j.pool IN ('', ?)
            AND r.deleted_at IS NULL AND r.project_id IN {projects.sql}
            ORDER BY j.requested_at, j.id LIMIT 1{lock}""",
        (now, pool, *projects.params),
    )
    return Claimable(*row) if row else None


def claim(tx: Tx, job_id: str, holder: tuple[str, str, str], now: int, until: int) -> None:
    """Put a job into the hands of (claim, worker, host)."""
    tx.execute(
        """UPDATE verification_jobs SET state = 'running', claim = ?, worker = ?, host = ?, claimed_at = ?,
           lease_until = ?, attempts = attempts + 1 WHERE id = ?""",
        (*holder, now, until, job_id),
    )


def renew(tx: Tx, job_id: str, claim: str, until: int) -> bool:
    """Extend a lease; False where the claim no longer holds."""
    sql = "UPDATE verification_jobs SET lease_until = ? WHERE id = ? AND claim = ? AND state = 'running'"
    return bool(tx.touched(sql, (until, job_id, claim)))


def state_of(tx: Tx, job_id: str, claim: str) -> JobState | None:
    """Where a job stands that is or was ended under a claim, locked until the commit; None where the claim is not its last."""
    sql = f"SELECT state FROM verification_jobs WHERE id = ? AND claim = ?{tx.for_update}"
    found = tx.scalar(sql, (job_id, claim))
    return JobState(found) if found else None


def release(tx: Tx, job_id: str, claim: str) -> bool:
    """Give a job back; False where the claim no longer holds."""
    sql = """UPDATE verification_jobs SET state = 'queued', claim = '', lease_until = NULL, claimed_at = NULL,
             attempts = attempts - 1 WHERE id = ? AND claim = ? AND state = 'running'"""
    return bool(tx.touched(sql, (job_id, claim)))


def end(tx: Tx, where: Clause, state: JobState, reason: str, now: int, verification_id: str | None = None) -> bool:
    """End the open jobs that match a clause; False where there is none."""
    return bool(
        tx.touched(
            f"""UPDATE verification_jobs SET state = ?, reason = ?, ended_at = ?, lease_until = NULL,
                verification_id = ? WHERE state IN ('queued', 'running') AND {where.sql}""",
            (state, reason, now, verification_id, *where.params),
        )
    )


_POLICIES = frozenset({"projects", "verification_policies"})


def policy_of(tx: Tx, projects: tuple[str, ...]) -> PolicyInForce | None:
    """The first policy of some projects, in their order."""
    query = f"""SELECT y.project_id, p.path, y.policy, y.author, y.at FROM verification_policies y
                JOIN projects p ON p.id = y.project_id WHERE y.project_id IN ({placeholders(projects)})"""
    rows = tx.once(_POLICIES, ("policies", projects), lambda: tx.all(query, projects))
    if not rows:
        return None
    _, path, policy, author, at = min(rows, key=lambda row: projects.index(row[0]))
    return PolicyInForce(path, msgspec.json.decode(policy, type=VerificationPolicy), author, from_us(at))


def set_policy(tx: Tx, project_id: str, policy: VerificationPolicy, author: str, now: int) -> None:
    """Store a project's policy in the place of the one before."""
    tx.execute(
        """INSERT INTO verification_policies (project_id, policy, author, at) VALUES (?, ?, ?, ?) ON CONFLICT (project_id)
           DO UPDATE SET policy = excluded.policy, author = excluded.author, at = excluded.at""",
        (project_id, msgspec.json.encode(policy).decode(), author, now),
    )


def clear_policy(tx: Tx, project_id: str) -> None:
    """Take a project's policy away."""
    tx.execute("DELETE FROM verification_policies WHERE project_id = ?", (project_id,))


def is_captured(tx: Tx, run_id: str) -> bool:
    """Whether a run has all that a rerun needs."""
    sql = """SELECT count(*) FROM captures
             WHERE run_id = ? AND kind IN ('code', 'environment', 'machine', 'process')"""
    return bool(tx.scalar(sql, (run_id,)) == 4)


def _job(row: Row) -> VerificationJob:
    names = VerificationJob.__struct_fields__
    values = dict(zip(names, row, strict=True))
    times = {name: values[name] for name in ("requested_at", "claimed_at", "lease_until", "ended_at")}
    values |= {name: None if at is None else from_us(at) for name, at in times.items()}
    values["state"] = JobState(values["state"])
    values["options"] = msgspec.json.decode(values["options"], type=JobOptions)
    return VerificationJob(**values)
