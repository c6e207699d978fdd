"""Threads that are settled, who removed a comment; reports, what they were pinned to, and the links that show them."""

from __future__ import annotations

TABLES: dict[str, str] = {
    "reports": """id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects(id), title TEXT NOT NULL,
        blocks TEXT NOT NULL, version {int} NOT NULL, author TEXT NOT NULL, author_id TEXT NOT NULL,
        created_at {int} NOT NULL, updated_at {int} NOT NULL, updated_by TEXT NOT NULL, deleted_at {int},
        pinned_at {int}, pinned_by TEXT, pinned_version {int}, digest TEXT""",
    # What a report was pinned to, with the digests of the files that it shows.
    "report_pins": """report_id TEXT PRIMARY KEY REFERENCES reports(id), content {blob} NOT NULL, files TEXT NOT NULL""",
    "report_links": """id TEXT PRIMARY KEY, report_id TEXT NOT NULL REFERENCES reports(id), secret_hash TEXT NOT NULL UNIQUE,
        author TEXT NOT NULL, author_id TEXT NOT NULL REFERENCES members(id), created_at {int} NOT NULL,
        expires_at {int} NOT NULL, revoked_at {int}""",
}

UP: list[str] = [
    "ALTER TABLE comments ADD COLUMN edited_at {int}",
    "ALTER TABLE comments ADD COLUMN removed_by TEXT",
    "ALTER TABLE comments ADD COLUMN resolved_at {int}",
    "ALTER TABLE comments ADD COLUMN resolved_by TEXT",
    """UPDATE comments SET edited_at = (SELECT max(v.at) FROM comment_versions v WHERE v.comment_id = comments.id)
       WHERE version > 1""",
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    "CREATE INDEX reports_by_project ON reports (project_id, updated_at)",
    "CREATE INDEX report_links_by_report ON report_links (report_id)",
]
DOWN: list[str] = [
    *(f"DROP TABLE {name}" for name in reversed(TABLES)),
    *(f"ALTER TABLE comments DROP COLUMN {name}" for name in ("resolved_by", "resolved_at", "removed_by", "edited_at")),
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM reports LIMIT 1", "reports"),
    ("SELECT 1 FROM comments WHERE resolved_at IS NOT NULL LIMIT 1", "settled threads"),
]
