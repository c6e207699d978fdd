"""Verifications that wait for a worker, and projects whose runs are verified when they finish."""

from __future__ import annotations

TABLES: dict[str, str] = {
    # `claim` is the secret of the worker that holds the job: without it nobody renews, returns or finishes it.
    "verification_jobs": """id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs(id), level TEXT NOT NULL,
        options TEXT NOT NULL, pool TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
        cause TEXT NOT NULL CHECK (cause IN ('person', 'policy')), requested_by TEXT NOT NULL,
        requested_at {int} NOT NULL, worker TEXT NOT NULL, host TEXT NOT NULL, claim TEXT NOT NULL,
        claimed_at {int}, lease_until {int}, attempts {int} NOT NULL, ended_at {int},
        verification_id TEXT REFERENCES verifications(id), reason TEXT NOT NULL,
        CHECK ((state = 'running') = (lease_until IS NOT NULL)),
        CHECK ((state IN ('done', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
        CHECK ((state = 'done') = (verification_id IS NOT NULL))""",
    "verification_policies": """project_id TEXT PRIMARY KEY REFERENCES projects(id), policy TEXT NOT NULL,
        author TEXT NOT NULL, at {int} NOT NULL""",
}
UP: list[str] = [
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    # What workers look through, however long the history; and one open job of a kind for each run.
    """CREATE INDEX verification_jobs_open ON verification_jobs (requested_at, id)
       WHERE state IN ('queued', 'running')""",
    """CREATE UNIQUE INDEX one_open_verification ON verification_jobs (run_id, level, pool)
       WHERE state IN ('queued', 'running')""",
    "CREATE INDEX verification_jobs_by_time ON verification_jobs (requested_at, id)",
    "CREATE INDEX verification_jobs_by_run ON verification_jobs (run_id, requested_at)",
    "CREATE INDEX verification_jobs_by_verification ON verification_jobs (verification_id)",
]
DOWN: list[str] = [f"DROP TABLE {name}" for name in reversed(TABLES)]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM verification_jobs WHERE state IN ('queued', 'running') LIMIT 1", "verifications that wait"),
    ("SELECT 1 FROM verification_policies LIMIT 1", "policies of verification"),
]
