"""All keyed values of a finished run in one row: a table of 1,000 runs reads 1,000 rows instead of 125,000."""

from __future__ import annotations

UP: list[str] = [
    "CREATE TABLE run_cards (run_id TEXT PRIMARY KEY REFERENCES runs(id), data {blob} NOT NULL)",
    # The revision that the card shows: it holds as long as the run has that revision.
    "ALTER TABLE runs ADD COLUMN carded {int} NOT NULL DEFAULT 0",
    "CREATE INDEX runs_to_card ON runs (id) WHERE carded <> revision AND ended_at IS NOT NULL",
]
DOWN: list[str] = ["DROP INDEX runs_to_card", "ALTER TABLE runs DROP COLUMN carded", "DROP TABLE run_cards"]
