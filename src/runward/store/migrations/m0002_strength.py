"""Tracking at full strength: keys by project, tables and indexes that answer searches alone."""

from __future__ import annotations

_KEYED = {
    "params": "run_id TEXT NOT NULL REFERENCES runs(id), key TEXT NOT NULL, value TEXT NOT NULL, number {real}, origin TEXT NOT NULL",
    "tags": "run_id TEXT NOT NULL REFERENCES runs(id), key TEXT NOT NULL, value TEXT NOT NULL",
    # NaN is stored as NULL: SQLite has no NaN. n > 0 always, so NULL can mean nothing else.
    "metrics": """run_id TEXT NOT NULL REFERENCES runs(id), key TEXT NOT NULL, n {int} NOT NULL, last {real},
        last_step {int} NOT NULL, minimum {real}, maximum {real}""",
}


def _rebuilt(name: str, kind: str) -> list[str]:
    """Make a keyed table anew, in the order of its primary key (SQLite) or not."""
    return [
        f"CREATE TABLE new_{name} ({_KEYED[name]}, PRIMARY KEY (run_id, key)){kind}",
        f"INSERT INTO new_{name} SELECT * FROM {name}",
        f"DROP TABLE {name}",
        f"ALTER TABLE new_{name} RENAME TO {name}",
    ]


def _keys_of(table: str, kind: str) -> str:
    return f"INSERT INTO run_keys SELECT DISTINCT r.project_id, '{kind}', x.key FROM {table} x JOIN runs r ON r.id = x.run_id"


UP: list[str] = [
    # One lookup instead of two for each value of a run: a search over 100,000 runs takes half the time.
    *(statement for name in _KEYED for statement in _rebuilt(name, "{clustered}")),
    # The keys that a project's runs have: completion and "no such key" must not read every run.
    """CREATE TABLE run_keys (project_id TEXT NOT NULL REFERENCES projects(id),
        kind TEXT NOT NULL CHECK (kind IN ('metric', 'param', 'tag')), key TEXT NOT NULL,
        PRIMARY KEY (kind, key, project_id))""",
    "CREATE INDEX run_keys_by_project ON run_keys (project_id, kind, key)",
    _keys_of("metrics", "metric"),
    _keys_of("params", "param"),
    _keys_of("tags", "tag"),
    # A search reads run ids from these alone. Only the beginning of a text: PostgreSQL refuses long index entries.
    "CREATE INDEX metrics_by_last ON metrics (key, last, run_id)",
    "CREATE INDEX params_by_number ON params (key, number, run_id)",
    "CREATE INDEX params_by_text ON params (key, substr(value, 1, 100), run_id)",
    "CREATE INDEX tags_by_text ON tags (key, substr(value, 1, 100), run_id)",
    "CREATE INDEX runs_alive ON runs (project_id, created_at, id) WHERE deleted_at IS NULL",
    # Series: segments wait in `runs.tail` until they are folded into a block; a block's pages hold its columns.
    "ALTER TABLE runs ADD COLUMN tail {int} NOT NULL DEFAULT 0",
    "UPDATE runs SET tail = (SELECT count(*) FROM segments s WHERE s.run_id = runs.id)",
    "CREATE INDEX runs_to_compact ON runs (id) WHERE tail >= 32 OR (tail > 0 AND ended_at IS NOT NULL)",
    "CREATE TABLE blocks (id {serial}, run_id TEXT NOT NULL REFERENCES runs(id), points {int} NOT NULL, head {blob} NOT NULL)",
    "CREATE INDEX blocks_by_run ON blocks (run_id, id)",
    """CREATE TABLE block_pages (block_id {int} NOT NULL REFERENCES blocks(id), page {int} NOT NULL, data {blob} NOT NULL,
        PRIMARY KEY (block_id, page))""",
    "CREATE INDEX runs_core ON runs (id, project_id, deleted_at, created_at)",
]
KEEPS: list[tuple[str, str]] = [("SELECT count(*) FROM blocks", "compacted series")]
DOWN: list[str] = [
    "DROP TABLE block_pages",
    "DROP TABLE blocks",
    "DROP INDEX runs_to_compact",
    "ALTER TABLE runs DROP COLUMN tail",
    "DROP INDEX runs_core",
    "DROP INDEX runs_alive",
    "DROP TABLE run_keys",
    *(statement for name in _KEYED for statement in _rebuilt(name, "")),
    "CREATE INDEX metrics_by_last ON metrics (key, last)",
    "CREATE INDEX params_by_number ON params (key, number)",
    "CREATE INDEX tags_by_value ON tags (key, value)",
]
