"""Order in a workspace: moves, archives, favourites, pins, baselines, saved views, comments."""

from __future__ import annotations

TABLES: dict[str, str] = {
    # Where projects used to lie: old links keep leading to them.
    "project_paths": "path TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects(id), at {int} NOT NULL",
    "favourites": """member_id TEXT NOT NULL REFERENCES members(id), project_id TEXT NOT NULL REFERENCES projects(id),
        PRIMARY KEY (member_id, project_id)""",
    "pins": """project_id TEXT NOT NULL REFERENCES projects(id), run_id TEXT NOT NULL REFERENCES runs(id),
        author TEXT NOT NULL, at {int} NOT NULL, PRIMARY KEY (project_id, run_id)""",
    "baselines": """project_id TEXT PRIMARY KEY REFERENCES projects(id), run_ids TEXT NOT NULL, condition TEXT NOT NULL,
        author TEXT NOT NULL, at {int} NOT NULL""",
    "saved_views": """id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects(id), name TEXT NOT NULL,
        document TEXT NOT NULL, author TEXT NOT NULL, at {int} NOT NULL, UNIQUE (project_id, name)""",
    "comments": """id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs(id), thread_id TEXT NOT NULL,
        anchor TEXT NOT NULL, author TEXT NOT NULL, author_id TEXT NOT NULL, at {int} NOT NULL,
        version {int} NOT NULL, body TEXT NOT NULL, removed_at {int}""",
    "comment_versions": """comment_id TEXT NOT NULL REFERENCES comments(id), version {int} NOT NULL, body TEXT NOT NULL,
        author TEXT NOT NULL, at {int} NOT NULL, PRIMARY KEY (comment_id, version)""",
}

UP: list[str] = [
    "ALTER TABLE projects ADD COLUMN archived_at {int}",
    "ALTER TABLE runs ADD COLUMN archived_at {int}",
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    "CREATE INDEX comments_by_run ON comments (run_id, at)",
    "CREATE INDEX artifacts_by_digest ON artifacts (digest)",
    "CREATE INDEX captures_by_digest ON captures (digest)",
    "CREATE INDEX blobs_by_digest ON blobs (digest, created_at)",
    # What lists leave out is part of the indexes that answer searches alone.
    "DROP INDEX runs_alive",
    "DROP INDEX runs_core",
    """CREATE INDEX runs_alive ON runs (project_id, created_at, id)
       WHERE deleted_at IS NULL AND archived_at IS NULL""",
    "CREATE INDEX runs_core ON runs (id, project_id, deleted_at, archived_at, created_at)",
    "CREATE INDEX runs_deleted ON runs (deleted_at) WHERE deleted_at IS NOT NULL",
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM comments LIMIT 1", "comments on runs"),
    ("SELECT 1 FROM baselines LIMIT 1", "baselines of projects"),
    ("SELECT 1 FROM pins LIMIT 1", "pinned runs"),
    ("SELECT 1 FROM saved_views LIMIT 1", "saved views"),
    ("SELECT 1 FROM favourites LIMIT 1", "favourite projects"),
    ("SELECT 1 FROM project_paths LIMIT 1", "former places of projects that were moved"),
    ("SELECT 1 FROM runs WHERE archived_at IS NOT NULL LIMIT 1", "archived runs"),
    ("SELECT 1 FROM projects WHERE archived_at IS NOT NULL LIMIT 1", "archived projects"),
]
DOWN: list[str] = [
    "DROP INDEX runs_deleted",
    "DROP INDEX runs_core",
    "DROP INDEX runs_alive",
    "CREATE INDEX runs_alive ON runs (project_id, created_at, id) WHERE deleted_at IS NULL",
    "CREATE INDEX runs_core ON runs (id, project_id, deleted_at, created_at)",
    "DROP INDEX blobs_by_digest",
    "DROP INDEX captures_by_digest",
    "DROP INDEX artifacts_by_digest",
    *(f"DROP TABLE {name}" for name in reversed(TABLES)),
    "ALTER TABLE runs DROP COLUMN archived_at",
    "ALTER TABLE projects DROP COLUMN archived_at",
]
