"""Forgetting: requests to erase a person, rules of retention, legal holds; names on the trail under the person's key."""

from __future__ import annotations

TABLES: dict[str, str] = {
    # Once it is done, nothing here leads to the person: ``words`` is emptied before the end.
    "erasures": """id TEXT PRIMARY KEY, member_id TEXT NOT NULL REFERENCES members(id), pseudonym TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('requested', 'running', 'waiting', 'done', 'withdrawn')),
        reason TEXT NOT NULL, words TEXT NOT NULL, requested_by TEXT NOT NULL, requested_at {int} NOT NULL,
        confirmed_by TEXT NOT NULL, confirmed_at {int}, control TEXT NOT NULL, decisions TEXT NOT NULL,
        phase TEXT NOT NULL, place TEXT NOT NULL, counts TEXT NOT NULL, waits_for TEXT NOT NULL, ended_at {int},
        certificate TEXT NOT NULL""",
    # What was written anew: digests before and after. ``new`` is empty for what was removed.
    "erasure_moves": """erasure_id TEXT NOT NULL REFERENCES erasures(id), old TEXT NOT NULL, new TEXT NOT NULL,
        size {int} NOT NULL, PRIMARY KEY (erasure_id, old)""",
    "retention_rules": """project_id TEXT NOT NULL REFERENCES projects(id), kind TEXT NOT NULL
        CHECK (kind IN ('runs', 'artifacts', 'logs', 'tables')), after_us {int}, results INTEGER NOT NULL,
        author TEXT NOT NULL, author_id TEXT NOT NULL, at {int} NOT NULL, PRIMARY KEY (project_id, kind)""",
    "holds": """id TEXT PRIMARY KEY, object_kind TEXT NOT NULL CHECK (object_kind IN ('project', 'run')),
        object_id TEXT NOT NULL, reason TEXT NOT NULL CHECK (reason <> ''), author TEXT NOT NULL,
        author_id TEXT NOT NULL, at {int} NOT NULL, lifted_at {int}, lifted_by TEXT NOT NULL,
        lifted_reason TEXT NOT NULL""",
    # What a rule put out of sight. It lies here until the grace is over.
    "set_aside": """run_id TEXT NOT NULL REFERENCES runs(id), kind TEXT NOT NULL
        CHECK (kind IN ('artifacts', 'logs', 'tables')), name TEXT NOT NULL, digest TEXT NOT NULL,
        size {int} NOT NULL, row TEXT NOT NULL, at {int} NOT NULL, PRIMARY KEY (run_id, kind, name)""",
}
UP: list[str] = [
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    "CREATE INDEX erasures_open ON erasures (state) WHERE state IN ('running', 'requested', 'waiting')",
    "CREATE INDEX erasures_by_member ON erasures (member_id)",
    "CREATE INDEX holds_by_object ON holds (object_id) WHERE lifted_at IS NULL",
    "CREATE INDEX set_aside_by_time ON set_aside (at)",
    # Name and address under the member's key; NULL in older rows, and once the member was erased.
    "ALTER TABLE audit_events ADD COLUMN sealed {blob}",
    # Authentic by the audit key: a row in which an object's name was replaced by a pseudonym.
    "ALTER TABLE audit_events ADD COLUMN redaction {blob}",
]
DOWN: list[str] = [
    *(f"ALTER TABLE audit_events DROP COLUMN {name}" for name in ("redaction", "sealed")),
    *(f"DROP TABLE {name}" for name in reversed(TABLES)),
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM erasures LIMIT 1", "erasures of persons"),
    ("SELECT 1 FROM retention_rules LIMIT 1", "rules of retention"),
    ("SELECT 1 FROM holds WHERE lifted_at IS NULL LIMIT 1", "legal holds"),
    ("SELECT 1 FROM set_aside LIMIT 1", "what a rule of retention put aside"),
    # The older format would take them for changed.
    (
        "SELECT 1 FROM audit_events WHERE sealed IS NOT NULL OR redaction IS NOT NULL LIMIT 1",
        "names that are encrypted on the audit trail",
    ),
]
