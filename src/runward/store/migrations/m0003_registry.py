"""The registry: models with versions, tags and aliases; documents and files of foreign protocols."""

from __future__ import annotations

TABLES: dict[str, str] = {
    "models": """id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES teams(id), name TEXT NOT NULL UNIQUE,
        description TEXT NOT NULL, next_version {int} NOT NULL, created_by TEXT NOT NULL, created_at {int} NOT NULL,
        updated_at {int} NOT NULL""",
    "model_versions": """model_id TEXT NOT NULL REFERENCES models(id), version {int} NOT NULL, source TEXT NOT NULL,
        run_id TEXT NOT NULL, logged_model_id TEXT NOT NULL, description TEXT NOT NULL, stage TEXT NOT NULL,
        created_by TEXT NOT NULL, created_at {int} NOT NULL, updated_at {int} NOT NULL,
        PRIMARY KEY (model_id, version)""",
    # Version 0 stands for the model itself.
    "model_tags": """model_id TEXT NOT NULL REFERENCES models(id), version {int} NOT NULL, key TEXT NOT NULL,
        value TEXT NOT NULL, PRIMARY KEY (model_id, version, key)""",
    "model_aliases": """model_id TEXT NOT NULL REFERENCES models(id), alias TEXT NOT NULL, version {int} NOT NULL,
        PRIMARY KEY (model_id, alias)""",
    "documents": """kind TEXT NOT NULL, id TEXT NOT NULL, project_id TEXT NOT NULL REFERENCES projects(id),
        run_id TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, status TEXT NOT NULL, at {int} NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (kind, id)""",
    "stored_files": """project_id TEXT NOT NULL REFERENCES projects(id), path TEXT NOT NULL, digest TEXT NOT NULL,
        size {int} NOT NULL, created_at {int} NOT NULL, PRIMARY KEY (project_id, path)""",
}

INDEXES: list[str] = [
    "CREATE INDEX model_versions_by_run ON model_versions (run_id)",
    "CREATE INDEX documents_by_project ON documents (project_id, kind, at)",
    "CREATE INDEX documents_by_run ON documents (run_id, kind)",
]

UP: list[str] = [f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()] + INDEXES
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM models LIMIT 1", "models"),
    ("SELECT 1 FROM documents LIMIT 1", "documents of other programs' protocols"),
    ("SELECT 1 FROM stored_files LIMIT 1", "files of other programs' protocols"),
]
DOWN: list[str] = [f"DROP TABLE {name}" for name in reversed(TABLES)]
