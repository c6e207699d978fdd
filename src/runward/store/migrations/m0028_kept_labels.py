"""Labels of contents that left what restricted them: a file that was replaced, a run or dataset that is gone."""

from __future__ import annotations

UP: list[str] = [
    # The label, and the thing that had it when it let the content go.
    """CREATE TABLE kept_labels (id TEXT PRIMARY KEY, digest TEXT NOT NULL, team_id TEXT NOT NULL REFERENCES teams(id),
       label {int} NOT NULL CHECK (label BETWEEN 2 AND 3),
       object_kind TEXT NOT NULL CHECK (object_kind IN ('dataset', 'run')), object_id TEXT NOT NULL, at {int} NOT NULL,
       UNIQUE (digest, team_id))""",
]
DOWN: list[str] = ["DROP TABLE kept_labels"]
KEEPS: list[tuple[str, str]] = [("SELECT 1 FROM kept_labels LIMIT 1", "labels of contents")]
