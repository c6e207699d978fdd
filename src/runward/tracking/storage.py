"""All SQL on points: journals' positions, segments, summaries, blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from runward.core.clock import to_us
from runward.errors import ConflictError, CorruptedError, NotFoundError
from runward.store.database import Tx, parts, placeholders
from runward.tracking.blocks import Block
from runward.tracking.keyed import note_keys
from runward.tracking.model import RESUMED_TAG
from runward.tracking.points import Summary


class Held(NamedTuple):
    """A run that nobody else writes to before the commit."""

    project_id: str
    status: str
    started_at: int
    """In microseconds."""
    resumed: str
    """What its tag says of when it was taken up again; empty where it was not."""
    next_frame: int
    """The frame expected from the client that writes."""


def hold(tx: Tx, writers: Sequence[tuple[str, str]]) -> list[Held]:
    """Let others wait with writing to runs until the commit, and read what depends on how far they are.

    Args:
        tx: A writing transaction.
        writers: (run, client) each; the client is empty where none sends frames.

    Raises: NotFoundError.
    """
    runs, clients = (sorted(set(of)) for of in zip(*writers, strict=True))
    these, given = tx.among(runs)
    lock = " FOR NO KEY UPDATE" if tx.dialect == "postgresql" else ""
    rows = tx.all(f"SELECT id, project_id, status, started_at FROM runs WHERE id {these} ORDER BY id{lock}", given)
    # A statement of its own: the one that waited does not see what was written meanwhile.
    those, asked = tx.among(clients)
    found = tx.all(
        f"""SELECT run_id, client, CAST(next_frame AS TEXT) FROM journals WHERE run_id {these} AND client {those}
            UNION ALL SELECT run_id, NULL, value FROM tags WHERE run_id {these} AND key = ?""",
        (*given, *asked, *given, RESUMED_TAG),
    )
    known = {row[0]: row for row in rows}
    said = {(run_id, client): value for run_id, client, value in found}
    if gone := [run_id for run_id in runs if run_id not in known]:
        raise NotFoundError(f"there is no run {gone[0]!r}", hint="it was deleted for good")
    held = []
    for run_id, client in writers:
        _, project_id, status, started_at = known[run_id]
        resumed, frame = said.get((run_id, None), ""), int(said.get((run_id, client), 0))
        held.append(Held(project_id, status, started_at, resumed, frame))
    return held


def next_frame(tx: Tx, run_id: str, client: str) -> int:
    """The frame expected from a client."""
    return int(tx.scalar("SELECT next_frame FROM journals WHERE run_id = ? AND client = ?", (run_id, client)) or 0)


def take_frames(tx: Tx, run_id: str, client: str, following: int) -> None:
    """Note that all frames of a client before one are stored."""
    tx.later(
        "journals",
        {"run_id": "text", "client": "text", "next_frame": "bigint"},
        [(run_id, client, following)],
        "ON CONFLICT (run_id, client) DO UPDATE SET next_frame = excluded.next_frame",
    )


def insert_segment(tx: Tx, run_id: str, client: str, first: int, points: int, data: bytes) -> None:
    """Store a batch's points."""
    tx.execute(
        "INSERT INTO segments (run_id, client, first_frame, points, data) VALUES (?, ?, ?, ?, ?)",
        (run_id, client, first, points, data),
    )


_SUMMARY = {
    "run_id": "text",
    "key": "text",
    "n": "bigint",
    "last": "float8",
    "last_step": "bigint",
    "minimum": "float8",
    "maximum": "float8",
}


def add_summaries(tx: Tx, project_id: str, run_id: str, summaries: Sequence[Summary]) -> None:
    """Fold new points into the run's summaries."""
    note_keys(tx, project_id, "metric", [summary.key for summary in summaries])
    tx.later(
        "metrics",
        _SUMMARY,
        [(run_id, *summary) for summary in summaries],
        """ON CONFLICT (run_id, key) DO UPDATE SET n = metrics.n + excluded.n,
           last = CASE WHEN excluded.last_step >= metrics.last_step THEN excluded.last ELSE metrics.last END,
           last_step = CASE WHEN excluded.last_step >= metrics.last_step THEN excluded.last_step
             ELSE metrics.last_step END,
           minimum = CASE WHEN metrics.minimum IS NULL OR excluded.minimum < metrics.minimum THEN excluded.minimum
             ELSE metrics.minimum END,
           maximum = CASE WHEN metrics.maximum IS NULL OR excluded.maximum > metrics.maximum THEN excluded.maximum
             ELSE metrics.maximum END""",
    )


def segments(tx: Tx, run_id: str, until: int = 2**63 - 1) -> Iterable[bytes]:
    """A run's segments in order of arrival, up to one of them."""
    for row in tx.all("SELECT data FROM segments WHERE run_id = ? AND id <= ? ORDER BY id", (run_id, until)):
        yield bytes(row[0])


def touch_run(tx: Tx, run_id: str, segments: int) -> None:
    """Count a run's revision up, and the segments that wait for compaction."""
    tx.execute("UPDATE runs SET revision = revision + 1, tail = tail + ? WHERE id = ?", (segments, run_id))


def runs_to_compact(tx: Tx, limit: int) -> list[tuple[str, bool]]:
    """(id, whether it is over) of runs with many segments, or with some and an end."""
    # Word for word the condition of the index runs_to_compact.
    sql = (
        """SELECT id, ended_at IS NOT NULL FROM runs WHERE tail >= 32 OR (tail > 0 AND ended_at IS NOT NULL) LIMIT ?"""
    )
    return [(row[0], bool(row[1])) for row in tx.all(sql, (limit,))]


def end_run(tx: Tx, run_id: str, values: Mapping[str, Any], ended: int, segments: int, below: int) -> None:
    """Let a run end that goes on, and is held.

    Nothing waits for compaction then if it has fewer points than ``below``, all of them in segments: that would be a commit of
    its own for each short run.

    Args:
        tx: The transaction, in which all of the run's segments are stored.
        run_id: The run.
        values: What is known of its end, by column.
        ended: When; no run ends before it began, whatever the clocks say.
        segments: So many of the segments are not counted yet.
        below: See above.
    """
    tx.execute(
        f"""UPDATE runs SET {"".join(f"{name} = ?, " for name in values)}revision = revision + 1,
            ended_at = CASE WHEN started_at > ? THEN started_at ELSE ? END,
            tail = CASE WHEN NOT EXISTS (SELECT 1 FROM blocks b WHERE b.run_id = runs.id)
              AND (SELECT COALESCE(sum(s.points), 0) FROM segments s WHERE s.run_id = runs.id) < ?
              THEN 0 ELSE tail + ? END
            WHERE id = ?""",
        (*values.values(), ended, ended, below, segments, run_id),
    )


def segment_sizes(tx: Tx, run_id: str) -> list[tuple[int, int]]:
    """(id, points) of a run's segments in order of arrival."""
    rows = tx.all("SELECT id, points FROM segments WHERE run_id = ? ORDER BY id", (run_id,))
    return [(row[0], row[1]) for row in rows]


def block_sizes(tx: Tx, run_id: str) -> list[tuple[int, int]]:
    """(id, points) of a run's blocks, oldest first."""
    return [(row[0], row[1]) for row in tx.all("SELECT id, points FROM blocks WHERE run_id = ? ORDER BY id", (run_id,))]


def blocks(tx: Tx, run_id: str) -> list[tuple[int, bytes]]:
    """(id, head) of a run's blocks, oldest first."""
    rows = tx.all("SELECT id, head FROM blocks WHERE run_id = ? ORDER BY id", (run_id,))
    return [(row[0], bytes(row[1])) for row in rows]


def block_page(tx: Tx, block: int, page: int) -> bytes:
    """One page of a block. Raises: CorruptedError (it is gone)."""
    data = tx.scalar("SELECT data FROM block_pages WHERE block_id = ? AND page = ?", (block, page))
    if data is None:
        raise CorruptedError(f"stored points are damaged: page {page} of a block is gone", hint="restore a backup")
    return bytes(data)


def replace_segments(tx: Tx, run_id: str, folded: Sequence[int], merged: Sequence[int], block: Block) -> None:
    """Put a block in the place of segments and blocks. Raises: ConflictError (somebody else has done it)."""
    gone = _delete(tx, "segments", "id", folded)
    _delete(tx, "block_pages", "block_id", merged)
    if gone != len(folded) or _delete(tx, "blocks", "id", merged) != len(merged):
        raise ConflictError(f"run {run_id} was compacted by another process")
    rows = tx.returning(
        "INSERT INTO blocks (run_id, points, head) VALUES (?, ?, ?) RETURNING id", (run_id, block.points, block.head)
    )
    tx.many(
        "INSERT INTO block_pages (block_id, page, data) VALUES (?, ?, ?)",
        [(rows[0][0], number, data) for number, data in enumerate(block.pages)],
    )


def _delete(tx: Tx, table: str, column: str, ids: Sequence[int]) -> int:
    return sum(tx.touched(f"DELETE FROM {table} WHERE {column} IN ({placeholders(part)})", part) for part in parts(ids))


def count_folded(tx: Tx, run_id: str, segments: int) -> None:
    """So many segments of a run need no compaction any more."""
    # What came in after the end of a run that stays in segments is fewer than there are.
    sql = "UPDATE runs SET tail = CASE WHEN tail > ? THEN tail - ? ELSE 0 END WHERE id = ?"
    tx.execute(sql, (segments, segments, run_id))


def moment_of(resumed: str) -> int:
    """When a run was taken up again, in microseconds, by what its tag says; 0 if never."""
    try:
        return to_us(datetime.fromisoformat(resumed)) if resumed else 0
    except ValueError:
        return 0  # A member may set any tag.


class Untabled(NamedTuple):
    """A finished run whose Parquet file is not up to date."""

    run_id: str
    project_id: str
    revision: int
    ended_at: int
    is_deleted: bool

    @property
    def table(self) -> str:
        """The name of its file among the tables."""
        return table_of(self.project_id, self.run_id)


def table_of(project_id: str, run_id: str) -> str:
    """The name of a run's Parquet file among the tables."""
    return f"points/{project_id}/{run_id}.parquet"


def runs_to_table(tx: Tx, before: int, after: tuple[int, str], limit: int) -> list[Untabled]:
    """Runs that were over at a time and are not in the tables as they are now, after (ended_at, id), in that order."""
    # The first two conditions are word for word those of the index runs_to_table.
    rows = tx.all(
        """SELECT id, project_id, revision, ended_at, deleted_at IS NOT NULL FROM runs
           WHERE tabled <> revision AND ended_at IS NOT NULL AND ended_at <= ? AND (ended_at, id) > (?, ?)
           ORDER BY ended_at, id LIMIT ?""",
        (before, *after, limit),
    )
    return [Untabled(row[0], row[1], row[2], row[3], bool(row[4])) for row in rows]


def set_tabled(tx: Tx, run_id: str, revision: int) -> None:
    """A run's Parquet file is that of a revision (or there is none, as it should be)."""
    tx.execute("UPDATE runs SET tabled = ? WHERE id = ?", (revision, run_id))


def key_sizes(tx: Tx, run_id: str) -> list[tuple[str, int]]:
    """(key, points) of a run's series, by key."""
    rows = tx.all("SELECT key, n FROM metrics WHERE run_id = ? ORDER BY key", (run_id,))
    return [(row[0], row[1]) for row in rows]


def tabled_runs(tx: Tx, limit: int) -> list[tuple[str, str]]:
    """(run, its table) of runs that have a file of points."""
    rows = tx.all("SELECT project_id, id FROM runs WHERE tabled <> 0 ORDER BY id LIMIT ?", (limit,))
    return [(row[1], table_of(row[0], row[1])) for row in rows]
