"""Why two results differ, as it was found out; and at which level a verification was attempted, whatever it earned."""

from __future__ import annotations

UP: list[str] = [
    # `digests` are those of both runs' content: an explanation of older content is shown as outdated.
    """CREATE TABLE explanations (id TEXT PRIMARY KEY, first_id TEXT NOT NULL REFERENCES runs(id),
        second_id TEXT NOT NULL REFERENCES runs(id), first_digest TEXT NOT NULL, second_digest TEXT NOT NULL,
        answer TEXT NOT NULL CHECK (answer IN ('shown', 'nothing_differs', 'undecided')), reason TEXT NOT NULL,
        report TEXT NOT NULL, author TEXT NOT NULL, host TEXT NOT NULL, at {int} NOT NULL, duration_s {real} NOT NULL)""",
    "CREATE INDEX explanations_by_first ON explanations (first_id, at)",
    "CREATE INDEX explanations_by_second ON explanations (second_id, at)",
    "ALTER TABLE verifications ADD COLUMN attempted TEXT NOT NULL DEFAULT ''",
    # Of an older one that earned nothing it is not known.
    "UPDATE verifications SET attempted = level WHERE level <> 'none'",
    "CREATE INDEX verifications_by_time ON verifications (at, id)",
]
DOWN: list[str] = [
    "DROP INDEX verifications_by_time",
    "ALTER TABLE verifications DROP COLUMN attempted",
    "DROP TABLE explanations",
]
KEEPS: list[tuple[str, str]] = [("SELECT 1 FROM explanations LIMIT 1", "explanations of differences")]
