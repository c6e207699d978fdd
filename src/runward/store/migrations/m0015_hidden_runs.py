"""The runs that a search leaves out, found without reading the others."""

from __future__ import annotations

UP: list[str] = [
    "CREATE INDEX runs_hidden ON runs (project_id, id) WHERE deleted_at IS NOT NULL OR archived_at IS NOT NULL",
]
DOWN: list[str] = ["DROP INDEX runs_hidden"]
