"""What leaves the house: web hooks, forges, the queue of deliveries; and what comes in: results of CI, rejected changes."""

from __future__ import annotations

TABLES: dict[str, str] = {
    # The server signs and speaks with `secret` and `token`, so they are kept as they are; no operation returns them.
    "web_hooks": """id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES teams(id), project_id TEXT NOT NULL,
        url TEXT NOT NULL, events TEXT NOT NULL, secret TEXT NOT NULL, active INTEGER NOT NULL, author TEXT NOT NULL,
        created_at {int} NOT NULL""",
    # `target_id` is a web hook's id or a forge's project. Attempts are counted when one begins: whoever holds the
    # attempt of that number records its outcome.
    "deliveries": """id TEXT PRIMARY KEY, target TEXT NOT NULL CHECK (target IN ('hook', 'forge')), target_id TEXT NOT NULL,
        kind TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
        attempts {int} NOT NULL, created_at {int} NOT NULL, next_at {int}, expires_at {int} NOT NULL,
        status {int} NOT NULL, said TEXT NOT NULL, tried_at {int},
        CHECK ((state = 'waiting') = (next_at IS NOT NULL))""",
    "forges": """project_id TEXT PRIMARY KEY REFERENCES projects(id), kind TEXT NOT NULL, repository TEXT NOT NULL,
        api_url TEXT NOT NULL, token TEXT NOT NULL, secret TEXT NOT NULL, author TEXT NOT NULL, at {int} NOT NULL""",
    "forge_pulls": """project_id TEXT NOT NULL REFERENCES projects(id), number {int} NOT NULL, head TEXT NOT NULL,
        at {int} NOT NULL, PRIMARY KEY (project_id, number)""",
    "ci_results": """run_id TEXT NOT NULL REFERENCES runs(id), name TEXT NOT NULL, digest TEXT NOT NULL,
        verdict TEXT NOT NULL CHECK (verdict IN ('pass', 'fail', 'undecided')), message TEXT NOT NULL, url TEXT NOT NULL,
        author TEXT NOT NULL, author_id TEXT NOT NULL, at {int} NOT NULL,
        PRIMARY KEY (run_id, name, digest, author_id)""",
    "review_traits": """review_id TEXT PRIMARY KEY REFERENCES reviews(id), traits TEXT NOT NULL, reason TEXT NOT NULL,
        decided_by TEXT NOT NULL""",
    # Only what was rejected is looked through, by what it touched.
    "rejected_traits": """project_id TEXT NOT NULL, trait TEXT NOT NULL, review_id TEXT NOT NULL REFERENCES reviews(id),
        PRIMARY KEY (project_id, trait, review_id)""",
}
UP: list[str] = [
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    "CREATE INDEX web_hooks_by_team ON web_hooks (team_id)",
    "CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'waiting'",
    "CREATE INDEX deliveries_by_target ON deliveries (target_id, created_at)",
    "CREATE INDEX deliveries_over ON deliveries (created_at) WHERE state <> 'waiting'",
    "CREATE INDEX forge_pulls_by_head ON forge_pulls (project_id, head)",
    "CREATE INDEX runs_by_commit ON runs (git_commit) WHERE git_commit <> ''",
]
DOWN: list[str] = [
    "DROP INDEX runs_by_commit",
    *(f"DROP TABLE {name}" for name in reversed(TABLES)),
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM web_hooks LIMIT 1", "web hooks"),
    ("SELECT 1 FROM forges LIMIT 1", "the forges of projects"),
    ("SELECT 1 FROM ci_results LIMIT 1", "results of CI"),
]
