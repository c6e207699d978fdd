"""Reviews follow content that was written anew without becoming another result: a person's name became a pseudonym in it.

Only who erases a person may say so (:mod:`runward.privacy`). Votes, checks and waivers of the revision that stood before count
for the one that stands after, and nothing else moves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import msgspec

from runward.core.ids import Digest
from runward.errors import RunwardError
from runward.governance.calling import Call
from runward.review import repository as sql
from runward.review.proposals import subject_of

_BOUND = ("review_checks", "review_revisions", "review_views", "review_waivers", "votes")


def reviews_of_run(call: Call, run_id: str) -> list[str]:
    """The ids of the reviews that a run is a subject of."""
    rows = call.tx.all(
        "SELECT id FROM reviews WHERE run_id = ? OR id IN (SELECT review_id FROM review_runs WHERE run_id = ?)",
        (run_id, run_id),
    )
    return [row[0] for row in rows]


def revisions(call: Call, review_ids: list[str]) -> dict[str, Digest]:
    """What each review is about now; those whose subject is gone are left out."""
    found: dict[str, Digest] = {}
    for review_id in review_ids:
        with contextlib.suppress(RunwardError):
            found[review_id] = subject_of(call, sql.review(call.tx, review_id)).revision
    return found


def follow(call: Call, before: Mapping[str, Digest], after: Mapping[str, Digest]) -> int:
    """Bind what was bound to the revisions before to those after; returns how many reviews changed."""
    moved = {one: (old, after[one]) for one, old in before.items() if after.get(one, old) != old}
    for review_id, (old, new) in moved.items():
        for table in _BOUND:
            call.tx.execute(f"UPDATE {table} SET digest = ? WHERE review_id = ? AND digest = ?", (new, review_id, old))
        parts = subject_of(call, sql.review(call.tx, review_id)).parts
        call.tx.execute(
            "UPDATE review_revisions SET parts = ? WHERE review_id = ? AND digest = ?",
            (msgspec.json.encode(parts).decode(), review_id, new),
        )
    return len(moved)
