"""Revisions: what a review was about at a time, in parts, so that it can be said what changed since."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from runward.core.clock import from_us
from runward.core.hashing import digest_value
from runward.core.ids import Digest, RunId
from runward.review.model import Revision, Seen
from runward.store.database import Tx
from runward.tracking.content import content_of
from runward.tracking.model import RunDetail

Parts = dict[str, str]
_parts = msgspec.json.Decoder(Parts).decode
_metrics = msgspec.json.Decoder(dict[str, float | None]).decode
_NAMED = {"reads": "data"}
_SHOWN = 50


def parts_of(detail: RunDetail) -> Parts:
    """The digest of each part of a run's content; captures by their kind."""
    content: dict[str, Any] = content_of(detail)
    captures: dict[str, str] = content.pop("captures")
    named = {_NAMED.get(kind, kind): digest for kind, digest in captures.items()}
    return {**{name: digest_value(value) for name, value in content.items()}, **named}


def changed_parts(before: Parts, after: Parts) -> list[str]:
    """The parts that differ, in order of their names."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


class Snapshot(NamedTuple):
    """What is shown of a subject once it is another one."""

    run_id: str
    version: int
    commit: str
    metrics: dict[str, float | None]


def store_revision(tx: Tx, of: tuple[str, Digest], snapshot: Snapshot, parts: Parts, by: str, now: int) -> None:
    """Note a revision, by the review's id and its digest, as the newest; one that was left and is there again is so too."""
    if newest_revision(tx, of[0]) == of[1]:
        return
    tx.execute(
        """INSERT INTO review_revisions (review_id, digest, run_id, version, parts, metrics, git_commit, author, at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (review_id, digest) DO UPDATE SET author = excluded.author, at = excluded.at""",
        (
            *(*of, snapshot.run_id, snapshot.version),
            *(msgspec.json.encode(parts).decode(), msgspec.json.encode(snapshot.metrics).decode()),
            *(snapshot.commit, by, now),
        ),
    )


def stored_parts(tx: Tx, review_id: str) -> dict[str, Parts]:
    """The parts of the revisions that are known, by digest."""
    rows = tx.all("SELECT digest, parts FROM review_revisions WHERE review_id = ?", (review_id,))
    return {row[0]: _parts(row[1]) for row in rows}


def has_revision(tx: Tx, review_id: str, digest: str) -> bool:
    """Whether a review ever was at a revision."""
    sql = "SELECT 1 FROM review_revisions WHERE review_id = ? AND digest = ?"
    return tx.scalar(sql, (review_id, digest)) is not None


def newest_revision(tx: Tx, review_id: str) -> Digest | None:
    """The digest of the revision that was noted last; None where none was."""
    sql = "SELECT digest FROM review_revisions WHERE review_id = ? ORDER BY at DESC, digest LIMIT 1"
    found = tx.scalar(sql, (review_id,))
    return Digest(found) if found else None


def revisions(tx: Tx, review_id: str) -> list[Revision]:
    """The latest revisions, newest first."""
    rows = tx.all(
        """SELECT digest, run_id, version, git_commit, metrics, author, at, parts FROM review_revisions
           WHERE review_id = ? ORDER BY at DESC, digest LIMIT ?""",
        (review_id, _SHOWN + 1),
    )
    before = [_parts(row[7]) for row in rows[1:]]
    return [
        Revision(
            *(Digest(row[0]), RunId(row[1]), row[2], row[3], _metrics(row[4])),
            changed=changed_parts(before[i], _parts(row[7])) if i < len(before) else [],
            by=row[5],
            at=from_us(row[6]),
        )
        for i, row in enumerate(rows[:_SHOWN])
    ]


def seen_by(tx: Tx, review_id: str, member_id: str) -> Seen | None:
    """What a member saw when they last looked; None where they never did."""
    row = tx.one(
        """SELECT v.digest, COALESCE(r.run_id, ''), v.remark, v.at FROM review_views v LEFT JOIN review_revisions r
           ON r.review_id = v.review_id AND r.digest = v.digest WHERE v.review_id = ? AND v.member_id = ?""",
        (review_id, member_id),
    )
    return Seen(Digest(row[0]), RunId(row[1]), row[2], from_us(row[3])) if row else None


def mark_seen(tx: Tx, review_id: str, member_id: str, digest: str, remark: int, now: int) -> None:
    """Note what a member has seen."""
    tx.execute(
        """INSERT INTO review_views (review_id, member_id, digest, remark, at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (review_id, member_id) DO UPDATE SET digest = excluded.digest, remark = excluded.remark,
           at = excluded.at""",
        (review_id, member_id, digest, remark, now),
    )
