"""All SQL on health: each question is answered by an index over what is open, none by counting what was ever stored."""

from __future__ import annotations

import msgspec

from runward.core.clock import to_us, utc_now
from runward.governance.trail import heads
from runward.insights.health_model import BackupHealth, DeliveriesHealth, JobsHealth
from runward.store.backup import NOTED
from runward.store.database import Tx

SECOND = 1_000_000
_DAY_US = 24 * 3600 * SECOND


def jobs(tx: Tx, now: int) -> JobsHealth:
    """Verification jobs that are not over, at a time in microseconds."""
    rows = tx.all(
        """SELECT state, count(*), min(requested_at) FROM verification_jobs WHERE state IN ('queued', 'running')
           GROUP BY state"""
    )
    found = {row[0]: (int(row[1]), int(row[2])) for row in rows}
    queued, oldest = found.get("queued", (0, now))
    return JobsHealth(queued, found.get("running", (0, 0))[0], max(now - oldest, 0) / SECOND)


def deliveries(tx: Tx, now: int) -> DeliveriesHealth:
    """What leaves the house, at a time in microseconds."""
    waiting, first = tx.all("SELECT count(*), min(next_at) FROM deliveries WHERE state = 'waiting'")[0]
    sql = "SELECT count(*) FROM deliveries WHERE state <> 'waiting' AND state = 'given_up' AND created_at > ?"
    late = 0 if first is None else max(now - int(first), 0) / SECOND
    return DeliveriesHealth(int(waiting), late, int(tx.scalar(sql, (now - _DAY_US,))))


def trail_ends(tx: Tx) -> dict[str, int]:
    """How many events each chain of the audit trail has."""
    return {str(head.lane): head.seq for head in heads(tx)}


def backup(tx: Tx) -> BackupHealth | None:
    """The last backup that was noted."""
    found = tx.scalar("SELECT value FROM workspace WHERE key = ?", (NOTED,))
    return None if found is None else msgspec.json.decode(str(found), type=BackupHealth)


def size_bytes(tx: Tx) -> int | None:
    """What the database takes up; None where it does not say."""
    if tx.dialect == "postgresql":
        return int(tx.scalar("SELECT pg_database_size(current_database())"))
    return int(tx.scalar("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"))


def clock_ahead_s(tx: Tx) -> float:
    """By how many seconds the database's clock is ahead of this process's; SQLite has none of its own."""
    if tx.dialect == "sqlite":
        return 0.0
    before = to_us(utc_now())
    there = int(tx.scalar("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"))
    # It was asked about in the middle of the way there and back.
    return (there - (before + to_us(utc_now())) / 2) / SECOND
