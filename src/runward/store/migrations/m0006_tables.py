"""Finished runs whose points lie as Parquet beside the bytes, as of which revision."""

from __future__ import annotations

UP: list[str] = [
    "ALTER TABLE runs ADD COLUMN tabled {int} NOT NULL DEFAULT 0",
    "CREATE INDEX runs_to_table ON runs (ended_at, id) WHERE tabled <> revision AND ended_at IS NOT NULL",
]
DOWN: list[str] = ["DROP INDEX runs_to_table", "ALTER TABLE runs DROP COLUMN tabled"]
