"""What a version of a model is: its files, signature and card; where it was deployed, and to whom it was handed."""

from __future__ import annotations

_TOLD = ("signature", "input_example", "expected_output")

UP: list[str] = [
    *(f"ALTER TABLE model_versions ADD COLUMN {name} TEXT NOT NULL DEFAULT ''" for name in _TOLD),
    """CREATE TABLE version_files (model_id TEXT NOT NULL, version {int} NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL,
       size {int} NOT NULL, format TEXT NOT NULL, PRIMARY KEY (model_id, version, path))""",
    "CREATE INDEX version_files_by_digest ON version_files (digest)",
    """CREATE TABLE model_cards (model_id TEXT NOT NULL, version {int} NOT NULL, number {int} NOT NULL, fields TEXT NOT NULL,
       author TEXT NOT NULL, at {int} NOT NULL, PRIMARY KEY (model_id, version, number))""",
    """CREATE TABLE deployments (id {serial}, model_id TEXT NOT NULL, version {int} NOT NULL, target TEXT NOT NULL,
       state TEXT NOT NULL CHECK (state IN ('started', 'live', 'failed', 'retired')), alias TEXT NOT NULL,
       url TEXT NOT NULL, note TEXT NOT NULL, reviewed {int} NOT NULL, warnings TEXT NOT NULL, evidence TEXT NOT NULL,
       author TEXT NOT NULL, author_id TEXT NOT NULL, at {int} NOT NULL)""",
    "CREATE INDEX deployments_by_model ON deployments (model_id, target, id)",
    """CREATE TABLE handoffs (id TEXT PRIMARY KEY, model_id TEXT NOT NULL, version {int} NOT NULL, digest TEXT NOT NULL,
       author TEXT NOT NULL, at {int} NOT NULL, accepted_by TEXT NOT NULL, accepted_at {int} NOT NULL,
       note TEXT NOT NULL)""",
    "CREATE INDEX handoffs_by_model ON handoffs (model_id, version)",
]
DOWN: list[str] = [
    "DROP TABLE handoffs",
    "DROP TABLE deployments",
    "DROP TABLE model_cards",
    "DROP TABLE version_files",
    *(f"ALTER TABLE model_versions DROP COLUMN {name}" for name in reversed(_TOLD)),
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT count(*) FROM model_cards", "model cards"),
    ("SELECT count(*) FROM deployments", "records of deployments"),
    ("SELECT count(*) FROM handoffs", "records of models that were handed over"),
]
