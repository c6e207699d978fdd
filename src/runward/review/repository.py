"""All SQL on standards, gate reports, reviews, votes and comments."""

from __future__ import annotations

from typing import Any

import msgspec

from runward.core.clock import from_us
from runward.core.ids import Digest, ReviewId, RunId
from runward.governance.scopes import Clause
from runward.review.model import (
    CheckResult,
    GateReport,
    Review,
    ReviewComment,
    ReviewState,
    Standards,
    StandardsVersion,
)
from runward.store.database import Row, Tx, placeholders

_results = msgspec.json.Decoder(list[CheckResult]).decode
_standards = msgspec.json.Decoder(Standards).decode
_NEAREST = """WITH RECURSIVE up(id, parent_id, depth) AS (
  SELECT id, parent_id, 0 FROM projects WHERE id = ?
  UNION ALL SELECT p.id, p.parent_id, up.depth + 1 FROM projects p JOIN up ON p.id = up.parent_id)
  SELECT p.path, s.version, s.document, s.author, s.at FROM up JOIN standards s ON s.project_id = up.id
  JOIN projects p ON p.id = up.id ORDER BY up.depth, s.version DESC LIMIT 1"""


def standards_for(tx: Tx, project_id: str) -> StandardsVersion | None:
    """The newest standards of the project, else of its nearest parent that has some."""
    row = tx.one(_NEAREST, (project_id,))
    return StandardsVersion(row[0], row[1], _standards(row[2]), row[3], from_us(row[4])) if row else None


def add_standards(tx: Tx, project_id: str, standards: Standards, author: str, now: int) -> None:
    """Store a new version of a project's standards."""
    version = int(tx.scalar("SELECT COALESCE(max(version), 0) FROM standards WHERE project_id = ?", (project_id,)))
    tx.execute(
        "INSERT INTO standards (project_id, version, document, author, at) VALUES (?, ?, ?, ?, ?)",
        (project_id, version + 1, msgspec.json.encode(standards).decode(), author, now),
    )


def store_gates(tx: Tx, run_id: str, digest: str, results: list[CheckResult], passed: bool, now: int) -> None:
    """Store a run's gates as evaluated on a digest."""
    tx.execute(
        """INSERT INTO gate_reports (run_id, digest, passed, results, at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (run_id) DO UPDATE SET digest = excluded.digest, passed = excluded.passed,
           results = excluded.results, at = excluded.at""",
        (run_id, digest, int(passed), msgspec.json.encode(results).decode(), now),
    )


def gates(tx: Tx, run_id: str, present: Digest) -> GateReport | None:
    """A run's gates as last evaluated."""
    row = tx.one("SELECT digest, passed, results, at FROM gate_reports WHERE run_id = ?", (run_id,))
    if row is None:
        return None
    return GateReport(RunId(run_id), row[0], bool(row[1]), _results(row[2]), row[0] != present, from_us(row[3]))


_UNDER_WAY = "'open', 'changes_requested'"
_REVIEW = """SELECT w.id, w.number, w.title, w.description, w.state, w.run_id, r.name, p.path, w.author, w.reviewers,
  w.created_at, w.updated_at, COALESCE(NULLIF(m.project_id, ''), r.project_id), w.author_id, w.model_id, m.name, w.version,
  w.alias, a.version
  FROM reviews w JOIN runs r ON r.id = w.run_id JOIN projects p ON p.id = r.project_id
  LEFT JOIN models m ON m.id = w.model_id LEFT JOIN model_aliases a ON a.model_id = w.model_id AND a.alias = w.alias"""


class ReviewRow(msgspec.Struct, frozen=True):
    """A review as stored."""

    id: ReviewId
    number: int
    title: str
    description: str
    state: ReviewState
    run_id: RunId
    run_name: str
    project: str
    author: str
    reviewers: list[str]
    created_at: int
    updated_at: int
    project_id: str
    """Whose standards it follows: the run's project, or the model's."""
    author_id: str
    model_id: str
    """The model whose version is to get an alias; empty where the run is to become a team result."""
    model: str
    version: int
    alias: str
    alias_now: int

    def shown(self, revision: Digest, approvals: int, needed: int) -> Review:
        """The review for a list."""
        return Review(
            id=self.id,
            number=self.number,
            title=self.title,
            description=self.description,
            state=self.state,
            run_id=self.run_id,
            run_name=self.run_name,
            project=self.project,
            author=self.author,
            reviewers=self.reviewers,
            revision=revision,
            created_at=from_us(self.created_at),
            updated_at=from_us(self.updated_at),
            approvals=approvals,
            approvals_needed=needed,
            model=self.model,
            version=self.version,
            alias=self.alias,
            alias_now=self.alias_now,
        )


def _review(row: Row) -> ReviewRow:
    reviewers = msgspec.json.decode(row[9], type=list[str])
    return ReviewRow(
        id=row[0],
        number=row[1],
        title=row[2],
        description=row[3],
        state=ReviewState(row[4]),
        run_id=row[5],
        run_name=row[6],
        project=row[7],
        author=row[8],
        reviewers=reviewers,
        created_at=row[10],
        updated_at=row[11],
        project_id=row[12],
        author_id=row[13],
        model_id=row[14],
        model=row[15] or "",
        version=row[16],
        alias=row[17],
        alias_now=row[18] or 0,
    )


def review(tx: Tx, review_id: str) -> ReviewRow:
    """One review, by id."""
    row = tx.one(f"{_REVIEW} WHERE w.id = ?", (review_id,))
    assert row is not None
    return _review(row)


def lock_review(tx: Tx, review_id: str) -> None:
    """Let no other transaction change the review until this one ends."""
    tx.one(f"SELECT id FROM reviews WHERE id = ?{tx.for_update}", (review_id,))


def reviews(tx: Tx, projects: Clause, state: str | None, limit: int) -> list[ReviewRow]:
    """Reviews of some projects, newest first."""
    sql, params = f"{_REVIEW} WHERE r.deleted_at IS NULL AND r.project_id IN {projects.sql}", list(projects.params)
    if state:
        sql, params = f"{sql} AND w.state = ?", [*params, state]
    return [_review(row) for row in tx.all(f"{sql} ORDER BY w.created_at DESC LIMIT ?", [*params, limit])]


def open_reviews_of(tx: Tx, run_id: str) -> list[ReviewRow]:
    """The reviews under way of a run, and of versions that it made."""
    return [_review(row) for row in tx.all(f"{_REVIEW} WHERE w.run_id = ? AND w.state IN ({_UNDER_WAY})", (run_id,))]


def open_promotions(tx: Tx, model_id: str, alias: str) -> list[ReviewRow]:
    """The reviews under way of versions of a model for one of its aliases."""
    where = f"w.model_id = ? AND w.alias = ? AND w.state IN ({_UNDER_WAY})"
    return [_review(row) for row in tx.all(f"{_REVIEW} WHERE {where}", (model_id, alias))]


def insert_review(tx: Tx, values: dict[str, Any]) -> int:
    """Store a review under the next number; keys are column names."""
    number = int(tx.scalar("SELECT COALESCE(max(number), 0) + 1 FROM reviews"))
    columns = {"number": number, **values}
    tx.execute(f"INSERT INTO reviews ({', '.join(columns)}) VALUES ({placeholders(columns)})", tuple(columns.values()))
    return number


def set_state(tx: Tx, review_id: str, state: ReviewState, now: int) -> None:
    """Change a review's state."""
    tx.execute("UPDATE reviews SET state = ?, updated_at = ? WHERE id = ?", (state, now, review_id))


def store_checks(tx: Tx, review_id: str, digest: str, results: list[CheckResult], now: int) -> None:
    """Store the checks' results on a revision."""
    tx.execute(
        """INSERT INTO review_checks (review_id, digest, results, at) VALUES (?, ?, ?, ?)
           ON CONFLICT (review_id, digest) DO UPDATE SET results = excluded.results, at = excluded.at""",
        (review_id, digest, msgspec.json.encode(results).decode(), now),
    )


def checks(tx: Tx, review_id: str, digest: str) -> list[CheckResult]:
    """The checks' results on a revision; empty where they did not run on it."""
    text = tx.scalar("SELECT results FROM review_checks WHERE review_id = ? AND digest = ?", (review_id, digest))
    return _results(text) if text else []


def add_vote(tx: Tx, review_id: str, member: tuple[str, str], vote: tuple[str, str, str], now: int) -> None:
    """Store (verdict, comment, digest) of a member (id, name); a new vote on the same revision replaces the old."""
    tx.execute(
        """INSERT INTO votes (review_id, member_id, member, verdict, comment, digest, at) VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (review_id, member_id, digest) DO UPDATE SET verdict = excluded.verdict,
           comment = excluded.comment, at = excluded.at""",
        (review_id, *member, *vote, now),
    )


def votes(tx: Tx, review_id: str) -> list[Row]:
    """(member id, member, verdict, comment, digest, at) of a review, oldest first."""
    return tx.all(
        "SELECT member_id, member, verdict, comment, digest, at FROM votes WHERE review_id = ? ORDER BY at",
        (review_id,),
    )


def add_comment(tx: Tx, review_id: str, author: str, body: str, anchor: str, now: int) -> None:
    """Store a remark."""
    tx.execute(
        "INSERT INTO review_comments (review_id, author, at, body, anchor) VALUES (?, ?, ?, ?, ?)",
        (review_id, author, now, body, anchor),
    )


def comments(tx: Tx, review_id: str) -> list[ReviewComment]:
    """A review's remarks, oldest first."""
    rows = tx.all(
        "SELECT id, author, at, body, anchor FROM review_comments WHERE review_id = ? ORDER BY id", (review_id,)
    )
    return [ReviewComment(row[0], row[1], from_us(row[2]), row[3], row[4]) for row in rows]
