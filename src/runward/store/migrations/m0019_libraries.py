"""Shared configurations, components and templates in versions that never change."""

from __future__ import annotations

UP: list[str] = [
    """CREATE TABLE library_items (id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES teams(id), name TEXT NOT NULL UNIQUE,
       kind TEXT NOT NULL CHECK (kind IN ('config', 'component', 'template')), owner_id TEXT NOT NULL,
       owner TEXT NOT NULL, created_at {int} NOT NULL, updated_at {int} NOT NULL)""",
    """CREATE TABLE library_versions (item_id TEXT NOT NULL REFERENCES library_items(id), major {int} NOT NULL,
       minor {int} NOT NULL, patch {int} NOT NULL, document TEXT NOT NULL, docs TEXT NOT NULL, notes TEXT NOT NULL,
       author TEXT NOT NULL, at {int} NOT NULL, PRIMARY KEY (item_id, major, minor, patch))""",
]
DOWN: list[str] = ["DROP TABLE library_versions", "DROP TABLE library_items"]
KEEPS: list[tuple[str, str]] = [("SELECT count(*) FROM library_items", "shared libraries")]
