"""All SQL on rates of reproduction and on explanations."""

from __future__ import annotations

from typing import NamedTuple

from runward.governance.scopes import Clause
from runward.store.database import Row, Tx
from runward.tracking.marks import OUTDATED
from runward.tracking.model import RunStatus

_ELIGIBLE = """r.deleted_at IS NULL AND r.status = ?
  AND EXISTS (SELECT 1 FROM captures c WHERE c.run_id = r.id AND c.kind = 'code')"""
_LINE = """SELECT e.id, e.first_id, a.name, e.second_id, b.name, e.answer, e.reason, e.author, e.host, e.at, e.duration_s,
  e.first_digest, e.second_digest
  FROM explanations e JOIN runs a ON a.id = e.first_id JOIN runs b ON b.id = e.second_id"""


def eligible(tx: Tx, projects: Clause) -> int:
    """How many runs of some projects finished and could be run again."""
    sql = f"SELECT count(*) FROM runs r WHERE {_ELIGIBLE} AND r.project_id IN {projects.sql}"
    return int(tx.scalar(sql, (RunStatus.FINISHED, *projects.params)))


class Outcome(NamedTuple):
    """How many runs' newest attempts ended in the same way."""

    attempted: str
    verdict: str
    earned: bool
    """The level that was attempted; of all attempts together, any level."""
    outdated: bool
    runs: int


def outcomes(tx: Tx, projects: Clause, *, by_level: bool) -> list[Outcome]:
    """The newest attempt of each eligible run, at each level or at any, counted by how it ended.

    The mark names a verification of what the run is now, where there is one: one of another content is outdated.
    """
    level = "n.attempted" if by_level else "''"
    earned = "n.level = n.attempted" if by_level else "n.level <> 'none'"
    rows = tx.all(
        f"""SELECT {level}, n.verdict, CASE WHEN {earned} THEN 1 ELSE 0 END AS earned,
              CASE WHEN m.label = ? OR n.digest <> w.digest THEN 1 ELSE 0 END AS outdated, count(*)
            FROM (SELECT v.run_id, v.digest, v.attempted, v.level, v.verdict, row_number() OVER (
                PARTITION BY v.run_id{", v.attempted" if by_level else ""} ORDER BY v.at DESC, v.id DESC) AS place
              FROM verifications v JOIN runs r ON r.id = v.run_id
              WHERE {_ELIGIBLE} AND r.project_id IN {projects.sql}) n
            LEFT JOIN marks m ON m.run_id = n.run_id AND m.kind = 'verification'
            LEFT JOIN verifications w ON w.id = m.ref
            WHERE n.place = 1 GROUP BY 1, 2, 3, 4""",
        (OUTDATED, RunStatus.FINISHED, *projects.params),
    )
    return [Outcome(row[0], row[1], bool(row[2]), bool(row[3]), row[4]) for row in rows]


def explanations(tx: Tx, run_id: str, projects: Clause, limit: int) -> list[Row]:
    """Explanations that speak of a run, both of whose runs are in some projects, newest first."""
    return tx.all(
        f"""{_LINE} WHERE (e.first_id = ? OR e.second_id = ?) AND a.deleted_at IS NULL AND b.deleted_at IS NULL
            AND a.project_id IN {projects.sql} AND b.project_id IN {projects.sql}
            ORDER BY e.at DESC, e.id DESC LIMIT ?""",
        (run_id, run_id, *projects.params, *projects.params, limit),
    )


def explanation(tx: Tx, explanation_id: str) -> tuple[Row, str] | None:
    """A line and the report of an explanation."""
    row = tx.one(f"{_LINE} WHERE e.id = ?", (explanation_id,))
    report = tx.scalar("SELECT report FROM explanations WHERE id = ?", (explanation_id,))
    return (row, str(report)) if row is not None else None


def first_project(tx: Tx, explanation_id: str) -> str | None:
    """The project of the run that an explanation begins with."""
    found = tx.scalar(
        "SELECT r.project_id FROM explanations e JOIN runs r ON r.id = e.first_id WHERE e.id = ?", (explanation_id,)
    )
    return str(found) if found else None
