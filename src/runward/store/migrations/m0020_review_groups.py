"""Several runs as one subject of a review: repetitions with other seeds that are one result."""

from __future__ import annotations

TABLES: dict[str, str] = {
    # The runs beside the first one, which `reviews.run_id` names.
    "review_runs": """review_id TEXT NOT NULL REFERENCES reviews(id), run_id TEXT NOT NULL REFERENCES runs(id),
        PRIMARY KEY (review_id, run_id)""",
}

UP: list[str] = [
    *(f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()),
    "CREATE INDEX review_runs_by_run ON review_runs (run_id)",
]
DOWN: list[str] = [f"DROP TABLE {name}" for name in TABLES]
KEEPS: list[tuple[str, str]] = [("SELECT count(*) FROM review_runs", "reviews of several runs")]
