"""What runs stand on, written anew: evidence that was bound to it stays bound, and certificates are stated again."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

import msgspec

from runward.core.ids import Digest
from runward.errors import MissingExtraError
from runward.governance.calling import Call
from runward.governance.checkpoints import signing_key
from runward.privacy.inventory import TABLES
from runward.privacy.rows import Hit, Reader, forget, named_in, reader_of
from runward.privacy.words import Words
from runward.repro.reissue import reissued
from runward.review.following import follow, reviews_of_run, revisions
from runward.tracking.blocks import renamed as renamed_head
from runward.tracking.content import content_digest
from runward.tracking.marks import publish_on_run
from runward.tracking.points import pack_segment, unpack_segment
from runward.tracking.storage import table_of

CONTENT = tuple(name for name, table in TABLES.items() if table.content)


class Move(NamedTuple):
    """Bytes that were written anew; without a new digest they were removed."""

    new: str
    size: int


Moves = Mapping[str, Move]


class Changed(NamedTuple):
    """What became of a run."""

    rows: dict[str, int]
    reviews: int
    certificates: int
    lost: int
    """Certificates of other keys: they could not be stated again and were removed."""


def run_hits(call: Call, words: Words, run_id: str) -> list[tuple[Reader, Hit]]:
    """Where the content of a run names the person."""
    found = []
    for table in CONTENT:
        reader = reader_of(call.tx, table)
        columns = ", ".join([*reader.key, *reader.names, *reader.text])
        rows = call.tx.all(f"SELECT {columns} FROM {table} WHERE run_id = ?", (run_id,))
        found += [(reader, hit) for row in rows if (hit := named_in(words, "", reader, row))]
    return found


def rewrite_run(call: Call, words: Words, run_id: str, moves: Moves, why: Mapping[str, Any]) -> Changed:
    """Put the pseudonym into a run's content, and let its evidence follow."""
    tx, rows = call.tx, dict[str, int]()
    before, reviews = content_digest(tx, run_id), reviews_of_run(call, run_id)
    revised = revisions(call, reviews)
    keys: dict[str, str] = {}
    for reader, hit in run_hits(call, words, run_id):
        forget(tx, words, reader, hit)
        for column, count in hit.found.items():
            rows[f"{reader.table}.{column}"] = rows.get(f"{reader.table}.{column}", 0) + count
        if reader.table == "metrics":
            key = hit.row["key"]
            keys[key] = words.replace(key)
    if keys:
        rows |= _rename_series(call, run_id, keys)
    _follow_bytes(call, run_id, moves)
    tx.execute("DELETE FROM run_cards WHERE run_id = ?", (run_id,))
    tx.execute("UPDATE runs SET revision = revision + 1, carded = 0 WHERE id = ?", (run_id,))
    after = content_digest(tx, run_id)
    if after != before:
        _follow_content(call, run_id, before, after)
    moved = follow(call, revised, revisions(call, reviews))
    digests: dict[str, str] = _replaced(moves)
    if after != before:
        digests[before] = after
    gone = {old for old, move in moves.items() if not move.new}
    certificates, lost = restate(call, words, run_id, digests, why, gone)
    publish_on_run(call, "run.pseudonymised", "run", run_id, run_id, {"erasure": why["erasure"]})
    return Changed(rows, moved, certificates, lost)


def _replaced(moves: Moves) -> dict[str, str]:
    return {old: move.new for old, move in moves.items() if move.new}


def _follow_bytes(call: Call, run_id: str, moves: Moves) -> None:
    for table in ("artifacts", "captures"):
        for (digest,) in call.tx.all(f"SELECT DISTINCT digest FROM {table} WHERE run_id = ?", (run_id,)):
            if digest not in moves:
                continue
            move = moves[digest]
            if not move.new:
                call.tx.execute(f"DELETE FROM {table} WHERE run_id = ? AND digest = ?", (run_id, digest))
                continue
            size = ", size = ?" if table == "artifacts" else ""
            call.tx.execute(
                f"UPDATE {table} SET digest = ?{size} WHERE run_id = ? AND digest = ?",
                (move.new, *([move.size] if size else []), run_id, digest),
            )


def _follow_content(call: Call, run_id: str, before: Digest, after: Digest) -> None:
    """What was found out about the content before holds for the content after."""
    for table, column, of in (
        ("verifications", "digest", "run_id"),
        ("gate_reports", "digest", "run_id"),
        ("ci_results", "digest", "run_id"),
        ("marks", "label", "run_id"),
        ("explanations", "first_digest", "first_id"),
        ("explanations", "second_digest", "second_id"),
    ):
        call.tx.execute(f"UPDATE {table} SET {column} = ? WHERE {of} = ? AND {column} = ?", (after, run_id, before))


def restate(
    call: Call,
    words: Words,
    run_id: str,
    digests: Mapping[str, str],
    why: Mapping[str, Any],
    gone: Set[str] = frozenset(),
) -> tuple[int, int]:
    """Sign the run's certificates again where they changed; (how many, how many could not be)."""
    again = lost = 0
    rows = call.tx.all(
        "SELECT id, certificate FROM verifications WHERE run_id = ? AND certificate IS NOT NULL", (run_id,)
    )
    for verification_id, stored in rows:
        with contextlib.suppress(MissingExtraError):
            new = reissued(stored, signing_key(call.dispatcher.folder), digests, words.replace, why, gone)
            if new != stored:
                call.tx.execute("UPDATE verifications SET certificate = ? WHERE id = ?", (new, verification_id))
                again, lost = again + (new is not None), lost + (new is None)
    return again, lost


def _rename_series(call: Call, run_id: str, keys: Mapping[str, str]) -> dict[str, int]:
    """Points are stored under the names of their metrics; how many pieces were written anew."""
    tx, written = call.tx, {"segments.data": 0, "blocks.head": 0}
    for segment, data in tx.all("SELECT id, data FROM segments WHERE run_id = ?", (run_id,)):
        points = unpack_segment(bytes(data))
        if any(one.key in keys for one in points):
            named = [msgspec.structs.replace(one, key=keys.get(one.key, one.key)) for one in points]
            tx.execute("UPDATE segments SET data = ? WHERE id = ?", (pack_segment(named), segment))
            written["segments.data"] += 1
    for block, head in tx.all("SELECT id, head FROM blocks WHERE run_id = ?", (run_id,)):
        tx.execute("UPDATE blocks SET head = ? WHERE id = ?", (renamed_head(bytes(head), keys), block))
        written["blocks.head"] += 1
    project_id, tabled = tx.one("SELECT project_id, tabled FROM runs WHERE id = ?", (run_id,)) or ("", 0)
    if tabled:
        call.blobs.drop_table(table_of(project_id, run_id))
        tx.execute("UPDATE runs SET tabled = 0 WHERE id = ?", (run_id,))
    return written
