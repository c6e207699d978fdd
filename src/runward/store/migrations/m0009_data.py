"""Datasets: versions that are their content's digest, their names, and what runs read."""

from __future__ import annotations

TABLES: dict[str, str] = {
    "datasets": """id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects(id), name TEXT NOT NULL,
        description TEXT NOT NULL, created_by TEXT NOT NULL, created_at {int} NOT NULL, updated_at {int} NOT NULL,
        UNIQUE (project_id, name)""",
    # `digest` is the manifest's: the same bytes are the same version.
    "dataset_versions": """id TEXT PRIMARY KEY, dataset_id TEXT NOT NULL REFERENCES datasets(id), digest TEXT NOT NULL,
        parent_id TEXT REFERENCES dataset_versions(id), files {int} NOT NULL, bytes {int} NOT NULL, note TEXT NOT NULL,
        summary TEXT NOT NULL, dictionary TEXT NOT NULL, created_by TEXT NOT NULL, created_at {int} NOT NULL,
        UNIQUE (dataset_id, digest)""",
    "dataset_names": """dataset_id TEXT NOT NULL REFERENCES datasets(id), name TEXT NOT NULL,
        version_id TEXT NOT NULL REFERENCES dataset_versions(id), set_by TEXT NOT NULL, set_at {int} NOT NULL,
        PRIMARY KEY (dataset_id, name)""",
    # The distinct contents of a dataset's versions: what its readers may fetch, and what runs' reads are joined to.
    "dataset_contents": """digest TEXT NOT NULL, dataset_id TEXT NOT NULL REFERENCES datasets(id),
        PRIMARY KEY (digest, dataset_id)""",
    "run_reads": """digest TEXT NOT NULL, run_id TEXT NOT NULL REFERENCES runs(id), path TEXT NOT NULL,
        PRIMARY KEY (digest, run_id, path)""",
}
UP: list[str] = [
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    "CREATE INDEX dataset_versions_by_time ON dataset_versions (dataset_id, created_at)",
    "CREATE INDEX dataset_versions_by_parent ON dataset_versions (parent_id)",
    "CREATE INDEX dataset_names_by_version ON dataset_names (version_id)",
    "CREATE INDEX dataset_contents_by_dataset ON dataset_contents (dataset_id)",
    "CREATE INDEX run_reads_by_run ON run_reads (run_id)",
]
DOWN: list[str] = [f"DROP TABLE {name}" for name in reversed(TABLES)]
KEEPS: list[tuple[str, str]] = [("SELECT 1 FROM datasets LIMIT 1", "datasets")]
