"""The audit trail in hash chains; names and addresses apart, so that they can be forgotten."""

from __future__ import annotations

LANES = 16
"""So many transactions can write to the trail at the same time (PostgreSQL)."""

UP: list[str] = [
    # The ends of the chains: `mac` is under a key that is not in this database.
    """CREATE TABLE audit_heads (lane {int} PRIMARY KEY, seq {int} NOT NULL, hash {blob}, mac {blob},
       key_id TEXT NOT NULL)""",
    *(f"INSERT INTO audit_heads (lane, seq, key_id) VALUES ({lane}, 0, '')" for lane in range(LANES)),
    *(f"ALTER TABLE audit_events DROP COLUMN {name}" for name in ("detail", "previous_hash", "hash")),
    # NULL in rows that are older than the chains.
    "ALTER TABLE audit_events ADD COLUMN lane {int}",
    "ALTER TABLE audit_events ADD COLUMN seq {int}",
    "ALTER TABLE audit_events ADD COLUMN hash {blob}",
    # NULL once the member was forgotten; `person` stays, and says nothing without its salt.
    "ALTER TABLE audit_events ADD COLUMN salt {blob}",
    "ALTER TABLE audit_events ADD COLUMN person {blob}",
    "ALTER TABLE audit_events ADD COLUMN address TEXT NOT NULL DEFAULT ''",
    "CREATE UNIQUE INDEX audit_chain ON audit_events (lane, seq)",
    "CREATE INDEX audit_by_actor ON audit_events (actor_id, id)",
    "CREATE INDEX audit_by_time ON audit_events (at)",
]
DOWN: list[str] = [
    "DROP INDEX audit_by_time",
    "DROP INDEX audit_by_actor",
    "DROP INDEX audit_chain",
    *(f"ALTER TABLE audit_events DROP COLUMN {name}" for name in ("address", "person", "salt", "hash", "seq", "lane")),
    *(f"ALTER TABLE audit_events ADD COLUMN {name} TEXT" for name in ("detail", "previous_hash", "hash")),
    "DROP TABLE audit_heads",
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT count(*) FROM audit_events WHERE hash IS NOT NULL", "hash chains of the audit trail")
]
