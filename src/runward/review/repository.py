"""All SQL on standards, gate reports, reviews, votes and comments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from runward.core.clock import from_us
from runward.core.ids import Digest, ReviewId, RunId
from runward.governance.scopes import Clause
from runward.review.model import (
    UNDER_WAY,
    CheckResult,
    GateReport,
    Review,
    ReviewState,
)
from runward.store.database import Row, Tx, parts, placeholders

_results = msgspec.json.Decoder(list[CheckResult]).decode


_GATES = {"run_id": "text", "digest": "text", "passed": "integer", "results": "text", "at": "bigint"}


def store_gates(tx: Tx, run_id: str, digest: str, results: list[CheckResult], passed: bool, now: int) -> None:
    """Store a run's gates as evaluated on a digest."""
    tx.later(
        "gate_reports",
        _GATES,
        [(run_id, digest, int(passed), msgspec.json.encode(results).decode(), now)],
        """ON CONFLICT (run_id) DO UPDATE SET digest = excluded.digest, passed = excluded.passed,
           results = excluded.results, at = excluded.at""",
        unique=1,
    )


def gates(tx: Tx, run_id: str, present: Digest) -> GateReport | None:
    """A run's gates as last evaluated."""
    row = tx.one("SELECT digest, passed, results, at FROM gate_reports WHERE run_id = ?", (run_id,))
    if row is None:
        return None
    return GateReport(RunId(run_id), row[0], bool(row[1]), _results(row[2]), row[0] != present, from_us(row[3]))


_REPLACED = """CASE WHEN w.state = 'applied' THEN (SELECT v.previous FROM alias_moves v WHERE v.model_id = w.model_id
  AND v.alias = w.alias AND (v.review_id = w.id OR v.how = 'override' AND v.at = w.updated_at) LIMIT 1)
  ELSE a.version END"""
"""The version that an alias leaves; of an applied review the one that it left."""
_REVIEW = f"""SELECT w.id, w.number, w.title, w.description, w.state, w.run_id, r.name, p.path, w.author, w.reviewers,
  w.created_at, w.updated_at, COALESCE(NULLIF(m.project_id, ''), p.id), w.author_id, w.model_id, m.name, w.version,
  w.alias, {_REPLACED}, w.editor_id, w.base_id, w.overridden, w.ending,
  w.proposes, w.object_id, w.proposal, p.team_id
  FROM reviews w LEFT JOIN runs r ON r.id = w.run_id JOIN projects p ON p.id = COALESCE(r.project_id, w.project_id)
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
    editor_id: str
    """Who gave it its present subject."""
    base_id: str
    overridden: bool
    ending: str
    proposes: Literal["", "standards", "page"]
    """``standards`` or ``page``; empty for a run, or the version that it made."""
    object_id: str
    proposal: str
    team_id: str
    also: list[RunId] = []
    """Further runs of the same result, in the order of their ids."""
    gone: int = 0
    """How many more there were until they were deleted."""

    @property
    def runs(self) -> list[RunId]:
        """All runs that it is about; empty for a proposal."""
        return [self.run_id, *self.also] if self.run_id else []

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
            overridden=self.overridden,
            ending=self.ending,
            proposes=self.proposes,
            also=self.also,
        )


def _review(row: Row) -> ReviewRow:
    reviewers = msgspec.json.decode(row[9], type=list[str])
    return ReviewRow(
        id=row[0],
        number=row[1],
        title=row[2],
        description=row[3],
        state=ReviewState(row[4]),
        run_id=RunId(row[5] or ""),
        run_name=row[6] or "",
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
        editor_id=row[19] or row[13],
        base_id=row[20],
        overridden=bool(row[21]),
        ending=row[22],
        proposes=row[23],
        object_id=row[24],
        proposal=row[25],
        team_id=row[26],
    )


def _found(tx: Tx, rest: str, params: Sequence[Any]) -> list[ReviewRow]:
    """The reviews that a query's end chooses, each with all its runs."""
    rows = [_review(row) for row in tx.all(f"{_REVIEW} {rest}", params)]
    also: dict[str, list[tuple[RunId, bool]]] = {}
    for part in parts([row.id for row in rows]):
        further = tx.all(
            f"""SELECT x.review_id, x.run_id, r.deleted_at IS NULL FROM review_runs x JOIN runs r ON r.id = x.run_id
                WHERE x.review_id IN ({placeholders(part)}) ORDER BY x.run_id""",
            part,
        )
        for review_id, run_id, there in further:
            also.setdefault(review_id, []).append((RunId(run_id), bool(there)))
    return [_with_runs(row, also[row.id]) if row.id in also else row for row in rows]


def _with_runs(row: ReviewRow, further: list[tuple[RunId, bool]]) -> ReviewRow:
    there = [run_id for run_id, is_there in further if is_there]
    return msgspec.structs.replace(row, also=there, gone=len(further) - len(there))


def review(tx: Tx, review_id: str) -> ReviewRow:
    """One review, by id."""
    (row,) = _found(tx, "WHERE w.id = ?", (review_id,))
    return row


def set_further_runs(tx: Tx, review_id: str, run_ids: Collection[str]) -> None:
    """Say which runs belong to a review's subject beside the first."""
    tx.execute("DELETE FROM review_runs WHERE review_id = ?", (review_id,))
    tx.many("INSERT INTO review_runs (review_id, run_id) VALUES (?, ?)", [(review_id, one) for one in sorted(run_ids)])


def lock_review(tx: Tx, review_id: str) -> None:
    """Let no other transaction change the review until this one ends."""
    tx.one(f"SELECT id FROM reviews WHERE id = ?{tx.for_update}", (review_id,))


class Wanted(NamedTuple):
    """Which reviews a list is to hold."""

    state: str | None
    number: int
    waiting: bool
    """Only those that can be decided, the oldest first."""
    limit: int


def reviews(tx: Tx, projects: Clause, wanted: Wanted) -> list[ReviewRow]:
    """Reviews of some projects, newest first."""
    where, params = f"r.deleted_at IS NULL AND p.id IN {projects.sql}", list(projects.params)
    for condition, value in (("w.state = ?", wanted.state), ("w.number = ?", wanted.number)):
        if value:
            where, params = f"{where} AND {condition}", [*params, value]
    if wanted.waiting:
        where += " AND w.state IN ('open', 'changes_requested')"
    order = "w.created_at" if wanted.waiting else "w.created_at DESC"
    return _found(tx, f"WHERE {where} ORDER BY {order} LIMIT ?", [*params, wanted.limit])


def open_reviews_of(tx: Tx, run_id: str) -> list[ReviewRow]:
    """The reviews under way of a run, alone or with others, and of versions that it made."""
    of = "(w.run_id = ? OR w.id IN (SELECT review_id FROM review_runs WHERE run_id = ?))"
    return _found(tx, f"WHERE {of} AND w.state IN ({UNDER_WAY})", (run_id, run_id))


def open_proposals(tx: Tx, object_id: str) -> list[ReviewRow]:
    """The reviews under way of what is to become of a project's standards or of a page."""
    where = f"w.object_id = ? AND w.state IN ({UNDER_WAY})"
    return _found(tx, f"WHERE {where}", (object_id,))


def proposals_of(tx: Tx, object_id: str) -> list[ReviewRow]:
    """All reviews of what was to become of a project's standards or of a page, over or not."""
    return _found(tx, "WHERE w.object_id = ?", (object_id,))


def open_promotions(tx: Tx, model_id: str, alias: str) -> list[ReviewRow]:
    """The reviews under way of versions of a model for one of its aliases."""
    where = f"w.model_id = ? AND w.alias = ? AND w.state IN ({UNDER_WAY})"
    return _found(tx, f"WHERE {where}", (model_id, alias))


def insert_review(tx: Tx, values: dict[str, Any]) -> int:
    """Store a review under the next number; keys are column names."""
    number = int(tx.scalar("SELECT COALESCE(max(number), 0) + 1 FROM reviews"))
    columns = {"number": number, **values}
    tx.execute(f"INSERT INTO reviews ({', '.join(columns)}) VALUES ({placeholders(columns)})", tuple(columns.values()))
    return number


def set_columns(tx: Tx, review_id: str, values: dict[str, Any]) -> None:
    """Change a review; keys are column names."""
    assigned = ", ".join(f"{name} = ?" for name in values)
    tx.execute(f"UPDATE reviews SET {assigned} WHERE id = ?", (*values.values(), review_id))


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


def add_waiver(tx: Tx, review_id: str, digest: str, check: str, reason: str, author: str, now: int) -> None:
    """Note that a check shall not count on a revision."""
    tx.execute(
        """INSERT INTO review_waivers (review_id, digest, name, reason, author, at) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (review_id, digest, name) DO UPDATE SET reason = excluded.reason, author = excluded.author,
           at = excluded.at""",
        (review_id, digest, check, reason, author, now),
    )


def waivers(tx: Tx, review_id: str, digest: str) -> dict[str, str]:
    """Why checks do not count on a revision, by their names."""
    rows = tx.all(
        "SELECT name, reason, author FROM review_waivers WHERE review_id = ? AND digest = ?", (review_id, digest)
    )
    return {row[0]: f"{row[1]} ({row[2]})" for row in rows}


_REMARK = "SELECT id, author, at, body, anchor, thread, place, resolved_by, resolved_at, author_id FROM review_comments"


class RemarkRow(NamedTuple):
    """A remark as stored."""

    id: int
    author: str
    at: int
    body: str
    anchor: str
    thread: int
    place: str
    resolved_by: str
    resolved_at: int
    author_id: str


def remarks(tx: Tx, review_id: str) -> list[RemarkRow]:
    """A review's remarks, oldest first."""
    return [RemarkRow(*row) for row in tx.all(f"{_REMARK} WHERE review_id = ? ORDER BY id", (review_id,))]


def thread(tx: Tx, review_id: str, remark_id: int) -> RemarkRow | None:
    """The remark that begins a thread; None where the review has no such thread."""
    row = tx.one(f"{_REMARK} WHERE review_id = ? AND id = ? AND thread = 0 AND anchor <> ''", (review_id, remark_id))
    return RemarkRow(*row) if row else None


def set_resolved(tx: Tx, remark_id: int, by: str, at: int) -> None:
    """Note who resolved a thread; nobody at 0 opens it again."""
    tx.execute("UPDATE review_comments SET resolved_by = ?, resolved_at = ? WHERE id = ?", (by, at, remark_id))
