"""Package lists of runs, for search: each distinct list once, however many runs share it."""

from __future__ import annotations

TABLES: dict[str, str] = {
    # `id` is a digest of the list, or of the lock file. `lock` names the file, and is empty for what was installed;
    # `listed` says whether its packages are in the table below.
    "package_sets": """id TEXT PRIMARY KEY, lock TEXT NOT NULL, digest TEXT NOT NULL, listed {int} NOT NULL""",
    # `place` orders versions by code point.
    "packages": """set_id TEXT NOT NULL REFERENCES package_sets(id), key TEXT NOT NULL, value TEXT NOT NULL,
        place TEXT NOT NULL, PRIMARY KEY (set_id, key, value)""",
    "run_packages": """run_id TEXT NOT NULL REFERENCES runs(id), kind TEXT NOT NULL,
        set_id TEXT NOT NULL REFERENCES package_sets(id), PRIMARY KEY (run_id, kind, set_id)""",
}
UP: list[str] = [
    *(f"CREATE TABLE {name} ({columns})" + "{clustered}" for name, columns in TABLES.items()),
    "CREATE INDEX packages_by_key ON packages (key, place, set_id)",
    "CREATE INDEX run_packages_by_set ON run_packages (set_id, kind, run_id)",
    "CREATE INDEX package_sets_to_list ON package_sets (id) WHERE listed = 0",
]
DOWN: list[str] = [f"DROP TABLE {name}" for name in reversed(TABLES)]
