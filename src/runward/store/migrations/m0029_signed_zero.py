"""SQLite: a metric's summary keeps the sign of zero, as PostgreSQL's does and as its points do.

A column declared REAL holds whole numbers as integers, among which there is one zero only; one of no type holds each number as
it is given, searches and orders as before.
"""

from __future__ import annotations

ONLY = "sqlite"


def _rebuilt(kind: str) -> list[str]:
    return [
        f"""CREATE TABLE new_metrics (run_id TEXT NOT NULL REFERENCES runs(id), key TEXT NOT NULL, n {{int}} NOT NULL, last {kind},
            last_step {{int}} NOT NULL, minimum {kind}, maximum {kind}, PRIMARY KEY (run_id, key)) WITHOUT ROWID""",
        "INSERT INTO new_metrics SELECT run_id, key, n, last, last_step, minimum, maximum FROM metrics",
        "DROP TABLE metrics",
        "ALTER TABLE new_metrics RENAME TO metrics",
        "CREATE INDEX metrics_by_last ON metrics (key, last, run_id)",
    ]


UP: list[str] = _rebuilt("")
DOWN: list[str] = _rebuilt("{real}")
