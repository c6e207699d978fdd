"""Which versions of a dataset hold which contents, as ranges of versions: rows grow with what changes, not with versions."""

from __future__ import annotations

UP: list[str] = [
    # The versions of a dataset by number, in the order in which they were made.
    "ALTER TABLE dataset_versions ADD COLUMN number {int} NOT NULL DEFAULT 0",
    """UPDATE dataset_versions SET number = (SELECT count(*) FROM dataset_versions o
       WHERE o.dataset_id = dataset_versions.dataset_id AND (o.created_at < dataset_versions.created_at
       OR (o.created_at = dataset_versions.created_at AND o.id <= dataset_versions.id)))""",
    # From the version `first` until before `past`; NULL while the newest version has it.
    """CREATE TABLE dataset_spans (dataset_id TEXT NOT NULL REFERENCES datasets(id), digest TEXT NOT NULL,
       first {int} NOT NULL, past {int}, PRIMARY KEY (dataset_id, digest, first)){clustered}""",
    # What is known so far is that some version has a content; the ranges are found later, from the manifests.
    "INSERT INTO dataset_spans (dataset_id, digest, first) SELECT dataset_id, digest, 1 FROM dataset_contents",
    "CREATE INDEX dataset_spans_by_digest ON dataset_spans (digest, dataset_id)",
    "DROP TABLE dataset_contents",
    "ALTER TABLE datasets ADD COLUMN spanned {int} NOT NULL DEFAULT 0",
    "CREATE INDEX datasets_to_span ON datasets (id) WHERE spanned = 0",
]
DOWN: list[str] = [
    "DROP INDEX datasets_to_span",
    "ALTER TABLE datasets DROP COLUMN spanned",
    """CREATE TABLE dataset_contents (digest TEXT NOT NULL, dataset_id TEXT NOT NULL REFERENCES datasets(id),
       PRIMARY KEY (digest, dataset_id))""",
    "INSERT INTO dataset_contents (digest, dataset_id) SELECT DISTINCT digest, dataset_id FROM dataset_spans",
    "CREATE INDEX dataset_contents_by_dataset ON dataset_contents (dataset_id)",
    "DROP TABLE dataset_spans",
    "ALTER TABLE dataset_versions DROP COLUMN number",
]
