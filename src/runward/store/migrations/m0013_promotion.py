"""Promotion: protected aliases, every move of an alias, and reviews of a version for an alias."""

from __future__ import annotations

_OPEN = "state IN ('open', 'changes_requested')"

UP: list[str] = [
    # Models that were there before are protected once somebody says so.
    "ALTER TABLE models ADD COLUMN protected TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE models ADD COLUMN project_id TEXT NOT NULL DEFAULT ''",
    # Version 0 stands for none.
    """CREATE TABLE alias_moves (id {serial}, model_id TEXT NOT NULL, alias TEXT NOT NULL, version {int} NOT NULL,
       previous {int} NOT NULL, how TEXT NOT NULL CHECK (how IN ('set', 'review', 'rollback', 'override', 'deletion')),
       reason TEXT NOT NULL, review_id TEXT NOT NULL, evidence TEXT NOT NULL, author TEXT NOT NULL,
       author_id TEXT NOT NULL, at {int} NOT NULL, CHECK ((how = 'review') = (review_id <> '')))""",
    "CREATE INDEX alias_moves_by_model ON alias_moves (model_id, alias, at)",
    "ALTER TABLE reviews ADD COLUMN model_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE reviews ADD COLUMN version {int} NOT NULL DEFAULT 0",
    "ALTER TABLE reviews ADD COLUMN alias TEXT NOT NULL DEFAULT ''",
    "DROP INDEX one_open_review",
    f"CREATE UNIQUE INDEX one_open_review ON reviews (run_id, model_id, version, alias) WHERE {_OPEN}",
    "CREATE INDEX reviews_by_model ON reviews (model_id, created_at) WHERE model_id <> ''",
]
DOWN: list[str] = [
    "DROP INDEX reviews_by_model",
    "DROP INDEX one_open_review",
    f"CREATE UNIQUE INDEX one_open_review ON reviews (run_id) WHERE {_OPEN}",
    "ALTER TABLE reviews DROP COLUMN alias",
    "ALTER TABLE reviews DROP COLUMN version",
    "ALTER TABLE reviews DROP COLUMN model_id",
    "DROP TABLE alias_moves",
    "ALTER TABLE models DROP COLUMN project_id",
    "ALTER TABLE models DROP COLUMN protected",
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT count(*) FROM alias_moves", "the history of aliases"),
    ("SELECT count(*) FROM reviews WHERE model_id <> ''", "reviews of versions of models"),
]
