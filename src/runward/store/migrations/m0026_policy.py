"""Labels of datasets, runs, models and pages, and the terms of datasets."""

from __future__ import annotations

UP: list[str] = [
    # Only what somebody said: what a thing carries is read from its lineage, so that it cannot be out of date.
    """CREATE TABLE labels (object_kind TEXT NOT NULL CHECK (object_kind IN ('dataset', 'run', 'model', 'page')),
       object_id TEXT NOT NULL, label {int} NOT NULL CHECK (label BETWEEN 0 AND 3),
       released {int} NOT NULL CHECK (released IN (0, 1)), reason TEXT NOT NULL, set_by TEXT NOT NULL, set_at {int} NOT NULL,
       PRIMARY KEY (object_kind, object_id))""",
    "CREATE INDEX labels_that_restrict ON labels (label) WHERE label >= 2",
    """CREATE TABLE dataset_terms (dataset_id TEXT PRIMARY KEY REFERENCES datasets(id), terms TEXT NOT NULL,
       set_by TEXT NOT NULL, set_at {int} NOT NULL)""",
]
DOWN: list[str] = ["DROP TABLE dataset_terms", "DROP INDEX labels_that_restrict", "DROP TABLE labels"]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM labels LIMIT 1", "labels"),
    ("SELECT 1 FROM dataset_terms LIMIT 1", "terms of datasets"),
]
