"""Sign-in by a provider, roles that come from its groups, limits on tries, tokens for a part of the workspace."""

from __future__ import annotations

_GRANTS = """member_id TEXT NOT NULL REFERENCES members(id), scope_kind TEXT NOT NULL
        CHECK (scope_kind IN ('workspace', 'team', 'project')), scope_id TEXT NOT NULL,
        role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 5)"""

TABLES: dict[str, str] = {
    # Who a provider says somebody is: one member for each of its subjects, whatever their name or address becomes.
    "identities": """issuer TEXT NOT NULL CHECK (issuer <> ''), subject TEXT NOT NULL CHECK (subject <> ''),
        member_id TEXT NOT NULL REFERENCES members(id), created_at {int} NOT NULL, last_used_at {int} NOT NULL,
        PRIMARY KEY (issuer, subject)""",
    # Sign-ins that are at the provider now. Each is taken out once, by the browser that began it.
    "sign_ins": """state TEXT PRIMARY KEY, browser TEXT NOT NULL, nonce TEXT NOT NULL, verifier TEXT NOT NULL,
        next TEXT NOT NULL, member_id TEXT REFERENCES members(id), credential_version {int}, expires_at {int} NOT NULL,
        CHECK ((member_id IS NULL) = (credential_version IS NULL))""",
    # Command lines that wait for somebody to let them in. Who did is bound with the credentials they had.
    "logins": """device TEXT PRIMARY KEY, code TEXT NOT NULL UNIQUE, label TEXT NOT NULL, address TEXT NOT NULL,
        created_at {int} NOT NULL, expires_at {int} NOT NULL, member_id TEXT REFERENCES members(id),
        credential_version {int}, CHECK ((member_id IS NULL) = (credential_version IS NULL))""",
    # Wrong tries, counted in a fixed number of buckets: whatever is tried, the table does not grow.
    "tries": """bucket {int} PRIMARY KEY CHECK (bucket BETWEEN 0 AND 65535), began_at {int} NOT NULL,
        count {int} NOT NULL CHECK (count >= 0)""",
}

UP: list[str] = [
    # The same role may be held by hand and from a group; taking one away leaves the other.
    f"""CREATE TABLE grants_by_source ({_GRANTS}, source TEXT NOT NULL DEFAULT 'hand' CHECK (source IN ('hand', 'group')),
        PRIMARY KEY (member_id, scope_kind, scope_id, source))""",
    """INSERT INTO grants_by_source (member_id, scope_kind, scope_id, role)
       SELECT member_id, scope_kind, scope_id, role FROM grants""",
    "DROP TABLE grants",
    "ALTER TABLE grants_by_source RENAME TO grants",
    "CREATE INDEX grants_by_scope ON grants (scope_kind, scope_id)",
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    "CREATE INDEX identities_by_member ON identities (member_id)",
    "CREATE INDEX secrets_by_member ON secrets (member_id)",
    "CREATE INDEX secrets_by_end ON secrets (expires_at)",
    "ALTER TABLE secrets ADD COLUMN via TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE members ADD COLUMN last_seen_at {int}",
    """ALTER TABLE tokens ADD COLUMN scope_kind TEXT NOT NULL DEFAULT 'workspace'
       CHECK (scope_kind IN ('workspace', 'team', 'project'))""",
    "ALTER TABLE tokens ADD COLUMN scope_id TEXT NOT NULL DEFAULT '*'",
    # Permissions as a JSON list; an empty one leaves all that the role has.
    "ALTER TABLE tokens ADD COLUMN verbs TEXT NOT NULL DEFAULT '[]'",
]
DOWN: list[str] = [
    *(f"ALTER TABLE tokens DROP COLUMN {name}" for name in ("verbs", "scope_id", "scope_kind")),
    "ALTER TABLE members DROP COLUMN last_seen_at",
    "ALTER TABLE secrets DROP COLUMN via",
    "DROP INDEX secrets_by_end",
    "DROP INDEX secrets_by_member",
    "DROP INDEX identities_by_member",
    *(f"DROP TABLE {name}" for name in reversed(TABLES)),
    f"CREATE TABLE grants_plain ({_GRANTS}, PRIMARY KEY (member_id, scope_kind, scope_id))",
    """INSERT INTO grants_plain (member_id, scope_kind, scope_id, role)
       SELECT member_id, scope_kind, scope_id, max(role) FROM grants GROUP BY member_id, scope_kind, scope_id""",
    "DROP TABLE grants",
    "ALTER TABLE grants_plain RENAME TO grants",
    "CREATE INDEX grants_by_scope ON grants (scope_kind, scope_id)",
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM identities LIMIT 1", "who signs in by a provider"),
    ("SELECT 1 FROM grants WHERE source <> 'hand' LIMIT 1", "roles that come from groups"),
    # Without its limits such a token would be let in everywhere.
    (
        "SELECT 1 FROM tokens WHERE (scope_kind <> 'workspace' OR verbs <> '[]') AND revoked_at IS NULL LIMIT 1",
        "tokens for a part of the workspace",
    ),
]
