"""Reviews as conversations: revisions, threads, waivers, what each reader saw, drafts, overrides; subjects beside runs."""

from __future__ import annotations

_BEFORE = "state IN ('open', 'changes_requested')"
_UNDER_WAY = "state IN ('draft', 'open', 'changes_requested', 'approved')"

TABLES: dict[str, str] = {
    # What a review was about at a time; votes, checks and waivers name a revision by its digest.
    "review_revisions": """review_id TEXT NOT NULL REFERENCES reviews(id), digest TEXT NOT NULL, run_id TEXT NOT NULL,
        version {int} NOT NULL, parts TEXT NOT NULL, metrics TEXT NOT NULL, git_commit TEXT NOT NULL,
        author TEXT NOT NULL, at {int} NOT NULL, PRIMARY KEY (review_id, digest)""",
    "review_waivers": """review_id TEXT NOT NULL REFERENCES reviews(id), digest TEXT NOT NULL, name TEXT NOT NULL,
        reason TEXT NOT NULL CHECK (reason <> ''), author TEXT NOT NULL, at {int} NOT NULL,
        PRIMARY KEY (review_id, digest, name)""",
    "review_views": """review_id TEXT NOT NULL REFERENCES reviews(id), member_id TEXT NOT NULL, digest TEXT NOT NULL,
        remark {int} NOT NULL, at {int} NOT NULL, PRIMARY KEY (review_id, member_id)""",
}

UP: list[str] = [
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    # A proposal (of standards, of a page) names no run: the column gives up its NOT NULL.
    "DROP INDEX reviews_by_run",
    "DROP INDEX one_open_review",
    "ALTER TABLE reviews ADD COLUMN subject_run TEXT REFERENCES runs(id)",
    "UPDATE reviews SET subject_run = run_id",
    "ALTER TABLE reviews DROP COLUMN run_id",
    "ALTER TABLE reviews RENAME COLUMN subject_run TO run_id",
    "CREATE INDEX reviews_by_run ON reviews (run_id)",
    # What is proposed, for which object: '' for a run or a version of a model.
    "ALTER TABLE reviews ADD COLUMN proposes TEXT NOT NULL DEFAULT '' CHECK (proposes IN ('', 'standards', 'page'))",
    "ALTER TABLE reviews ADD COLUMN object_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE reviews ADD COLUMN project_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE reviews ADD COLUMN proposal TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX reviews_by_time ON reviews (created_at)",
    "CREATE INDEX reviews_by_object ON reviews (object_id, created_at) WHERE object_id <> ''",
    "ALTER TABLE page_versions ADD COLUMN review_id TEXT NOT NULL DEFAULT ''",
    # Whose change of the subject was the last; they decide as little as the author.
    "ALTER TABLE reviews ADD COLUMN editor_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE reviews ADD COLUMN base_id TEXT NOT NULL DEFAULT ''",
    # The reason why it ended so: of a rejection, a withdrawal, an override.
    "ALTER TABLE reviews ADD COLUMN ending TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE reviews ADD COLUMN overridden {int} NOT NULL DEFAULT 0",
    f"CREATE UNIQUE INDEX one_open_review ON reviews (run_id, model_id, version, alias) WHERE {_UNDER_WAY}",
    # A thread is a remark with a place and the remarks that answer it; 0 where a remark answers none.
    "ALTER TABLE review_comments ADD COLUMN thread {int} NOT NULL DEFAULT 0",
    "ALTER TABLE review_comments ADD COLUMN author_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE review_comments ADD COLUMN place TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE review_comments ADD COLUMN resolved_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE review_comments ADD COLUMN resolved_at {int} NOT NULL DEFAULT 0",
    "CREATE INDEX review_comments_by_review ON review_comments (review_id, id)",
]
DOWN: list[str] = [
    "DROP INDEX review_comments_by_review",
    *(
        f"ALTER TABLE review_comments DROP COLUMN {name}"
        for name in ("resolved_at", "resolved_by", "place", "author_id", "thread")
    ),
    "DROP INDEX one_open_review",
    f"CREATE UNIQUE INDEX one_open_review ON reviews (run_id, model_id, version, alias) WHERE {_BEFORE}",
    "ALTER TABLE page_versions DROP COLUMN review_id",
    "DROP INDEX reviews_by_object",
    "DROP INDEX reviews_by_time",
    *(
        f"ALTER TABLE reviews DROP COLUMN {name}"
        for name in ("overridden", "ending", "base_id", "editor_id", "proposal", "project_id", "object_id", "proposes")
    ),
    *(f"DROP TABLE {name}" for name in reversed(TABLES)),
]
KEEPS: list[tuple[str, str]] = [
    ("SELECT 1 FROM review_revisions GROUP BY review_id HAVING count(*) > 1 LIMIT 1", "reviews of several revisions"),
    ("SELECT count(*) FROM reviews WHERE run_id IS NULL", "reviews of standards and pages"),
    ("SELECT count(*) FROM review_waivers", "waivers of checks"),
    ("SELECT count(*) FROM reviews WHERE overridden = 1", "overrides of reviews"),
    ("SELECT count(*) FROM reviews WHERE state IN ('draft', 'approved')", "reviews that are drafts or approved"),
    ("SELECT count(*) FROM review_comments WHERE thread <> 0 OR resolved_at <> 0", "threads of reviews"),
]
