"""Keys of teams and people, each wrapped by another key that is not in the database."""

from __future__ import annotations

UP: list[str] = [
    # `team` and `names` are wrapped by the root key, `person` by a people key, which itself is a file beside the database:
    # its row says since when it counts, and when it was replaced. Without `wrapped` a person's key is destroyed for good.
    """CREATE TABLE keys (id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('team', 'names', 'people', 'person')),
       owner_id TEXT NOT NULL, version {int} NOT NULL, wrapped {blob}, wrapped_by TEXT NOT NULL, created_at {int} NOT NULL,
       destroyed_at {int}, UNIQUE (kind, owner_id, version))""",
]
DOWN: list[str] = ["DROP TABLE keys", "DELETE FROM workspace WHERE key = 'root_key'"]
KEEPS: list[tuple[str, str]] = [("SELECT 1 FROM keys LIMIT 1", "keys, without which what is sealed cannot be read")]
