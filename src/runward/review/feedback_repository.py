"""All SQL on results of CI and on what changes have in common."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from runward.core.clock import from_us
from runward.core.ids import Digest
from runward.governance.scopes import Clause
from runward.review.feedback_model import CiResult
from runward.review.model import UNDER_WAY, EvidenceItem
from runward.store.database import Tx, placeholders

_strings = msgspec.json.Decoder(list[str]).decode
_places = msgspec.json.Decoder(list[EvidenceItem]).decode
_CANDIDATES = 20
_ABOUT = "(w.run_id = {} OR w.id IN (SELECT x.review_id FROM review_runs x WHERE x.run_id = {}))"
"""Whether a review is about a run, alone or with others."""


class Rejected(NamedTuple):
    """A review that was rejected, with what its change touched."""

    id: str
    number: int
    title: str
    reason: str
    decided_by: str
    traits: list[str]


def store_ci(tx: Tx, result: CiResult, now: int) -> None:
    """Store a result; a later one of the same member, name and revision replaces it."""
    tx.execute(
        """INSERT INTO ci_results (run_id, name, digest, verdict, message, url, author, author_id, at, evidence)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (run_id, name, digest, author_id) DO UPDATE SET verdict = excluded.verdict,
           message = excluded.message, url = excluded.url, author = excluded.author, at = excluded.at,
           evidence = excluded.evidence""",
        (
            result.run_id,
            result.name,
            result.revision,
            result.verdict,
            result.message,
            result.url,
            result.author,
            result.author_id,
            now,
            msgspec.json.encode(result.evidence).decode(),
        ),
    )


def ci_results(tx: Tx, run_id: str, present: Digest) -> list[CiResult]:
    """The results on a run, newest first."""
    rows = tx.all(
        """SELECT run_id, name, digest, verdict, message, url, author, author_id, at, evidence
           FROM ci_results WHERE run_id = ?
           ORDER BY at DESC, name, author_id""",
        (run_id,),
    )
    return [CiResult(*(*row[:8], from_us(row[8]), row[2] != present, _places(row[9]))) for row in rows]


def runs_under_review(tx: Tx, commit: str, projects: Clause) -> list[str]:
    """The runs of a commit in some projects that have a review under way."""
    rows = tx.all(
        f"""SELECT r.id FROM runs r WHERE r.git_commit = ? AND r.deleted_at IS NULL AND r.project_id IN {projects.sql}
            AND EXISTS (SELECT 1 FROM reviews w WHERE {_ABOUT.format("r.id", "r.id")} AND w.state IN ({UNDER_WAY}))
            ORDER BY r.id""",
        (commit, *projects.params),
    )
    return [row[0] for row in rows]


def people_of(tx: Tx, run_id: str) -> list[str]:
    """The member ids of who started a run, and of who asked for its reviews that are under way or changed them."""
    under_way = f"FROM reviews w WHERE {_ABOUT.format('?', '?')} AND w.state IN ({UNDER_WAY})"
    rows = tx.all(
        f"SELECT creator_id FROM runs WHERE id = ? UNION SELECT author_id {under_way} UNION SELECT editor_id {under_way}",
        (run_id,) * 5,
    )
    return [row[0] for row in rows]


def store_traits(tx: Tx, review_id: str, traits: list[str]) -> None:
    """Keep what a review's change touches."""
    tx.execute(
        """INSERT INTO review_traits (review_id, traits, reason, decided_by) VALUES (?, ?, '', '')
           ON CONFLICT (review_id) DO UPDATE SET traits = excluded.traits""",
        (review_id, msgspec.json.encode(traits).decode()),
    )


def traits_of(tx: Tx, review_id: str) -> list[str]:
    """What a review's change touches; empty where it is not known."""
    found = tx.scalar("SELECT traits FROM review_traits WHERE review_id = ?", (review_id,))
    return _strings(found) if found else []


def note_rejection(tx: Tx, review_id: str, project_id: str, reason: str, by: str) -> None:
    """Let later changes of the project be compared with a rejected one."""
    tx.execute("UPDATE review_traits SET reason = ?, decided_by = ? WHERE review_id = ?", (reason, by, review_id))
    tx.many(
        "INSERT INTO rejected_traits (project_id, trait, review_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(project_id, trait, review_id) for trait in traits_of(tx, review_id)],
    )


def rejected_like(tx: Tx, review_id: str, traits: list[str]) -> list[Rejected]:
    """The rejected reviews that share most, found by the index of traits."""
    if not traits:
        return []
    rows = tx.all(
        f"""SELECT w.id, w.number, w.title, t.reason, t.decided_by, t.traits FROM (
              SELECT x.review_id, count(*) AS shared FROM rejected_traits x
              WHERE x.project_id = (SELECT r.project_id FROM reviews o JOIN runs r ON r.id = o.run_id WHERE o.id = ?)
              AND x.trait IN ({placeholders(traits)}) AND x.review_id <> ?
              GROUP BY x.review_id ORDER BY shared DESC, x.review_id LIMIT {_CANDIDATES}) near
            JOIN reviews w ON w.id = near.review_id JOIN review_traits t ON t.review_id = near.review_id
            JOIN reviews own ON own.id = ? WHERE w.number < own.number ORDER BY w.number DESC""",
        (review_id, *traits, review_id, review_id),
    )
    return [Rejected(*(*row[:5], _strings(row[5]))) for row in rows]
