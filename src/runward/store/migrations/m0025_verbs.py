"""Verbs that members hold one by one, and a history of who was given what."""

from __future__ import annotations

_SCOPE = """scope_kind TEXT NOT NULL CHECK (scope_kind IN ('workspace', 'team', 'project')), scope_id TEXT NOT NULL"""

TABLES: dict[str, str] = {
    "verb_grants": f"""member_id TEXT NOT NULL REFERENCES members(id), {_SCOPE}, verb TEXT NOT NULL CHECK (verb <> ''),
        PRIMARY KEY (member_id, scope_kind, scope_id, verb)""",
    # What "role" (or a verb) a member held from then on: the role's number, 1 for a verb, 0 for no longer.
    "grant_changes": f"""seq {{serial}}, at {{int}} NOT NULL, member_id TEXT NOT NULL REFERENCES members(id), {_SCOPE},
        what TEXT NOT NULL, level {{int}} NOT NULL CHECK (level BETWEEN 0 AND 5),
        source TEXT NOT NULL CHECK (source IN ('hand', 'group'))""",
}

UP: list[str] = [
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    "CREATE INDEX verb_grants_by_scope ON verb_grants (scope_kind, scope_id)",
    "CREATE INDEX grant_changes_by_member ON grant_changes (member_id, seq)",
    # Whatever gave a role was written to the trail, so all roles are as they were at the trail's end.
    """INSERT INTO grant_changes (at, member_id, scope_kind, scope_id, what, level, source)
       SELECT COALESCE((SELECT max(at) FROM audit_events), 0), member_id, scope_kind, scope_id, 'role', role, source
       FROM grants""",
    """INSERT INTO workspace (key, value)
       SELECT 'grants_known_since', CAST(COALESCE(max(at), 0) AS TEXT) FROM audit_events""",
    # Asking for a verification and carrying it out were one permission.
    """UPDATE tokens SET verbs = replace(verbs, '"verification.write"', '"job.submit", "verify.write"')""",
]
DOWN: list[str] = [
    "DELETE FROM workspace WHERE key = 'grants_known_since'",
    """UPDATE tokens SET verbs = replace(replace(verbs, '"job.submit", "verify.write"', '"verification.write"'),
       '"verify.write"', '"verification.write"')""",
    *(f"DROP TABLE {name}" for name in reversed(TABLES)),
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM verb_grants LIMIT 1", "verbs that members hold"),
    ("SELECT 1 FROM grant_changes WHERE level = 0 LIMIT 1", "the history of who was given what"),
]
