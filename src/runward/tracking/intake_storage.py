"""All SQL of the intake: a statement for many runs at once, because there are tens of thousands."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from runward.core.ids import ProjectId
from runward.governance.scopes import Clause
from runward.store.database import Row, Tx, parts, placeholders
from runward.tracking import repository as sql
from runward.tracking.intake_model import IMPORT_CLIENT, VERSION_TAG, KnownImport
from runward.tracking.keyed import encode

_PARTS = ("segments", "blocks", "metrics", "params", "outputs", "journals")


def _by_index(rows: Iterable[Row]) -> list[Row]:
    """(run, key, value, …) in the order of the indexes by key and value.

    In any other order each row changes a page of its own there, and most of an import's time goes into writing pages.
    """
    return sorted(rows, key=operator.itemgetter(1, 2))


def known(tx: Tx, visible: Clause, run_ids: Sequence[str]) -> list[KnownImport]:
    """Those of some runs that are there and visible."""
    rows = tx.all(
        f"""SELECT r.id, r.project_id, t.value, r.deleted_at FROM runs r
            LEFT JOIN tags t ON t.run_id = r.id AND t.key = ?
            WHERE r.id IN ({placeholders(run_ids) or "NULL"}) AND r.project_id IN {visible.sql}""",
        (VERSION_TAG, *run_ids, *visible.params),
    )
    return [KnownImport(row[0], ProjectId(row[1]), row[2], row[3] is not None) for row in rows]


def present(tx: Tx, run_ids: Sequence[str]) -> dict[str, tuple[str, bool, bool]]:
    """(project, whether it is deleted, whether it was imported) by run id."""
    rows = tx.all(
        f"""SELECT r.id, r.project_id, r.deleted_at, t.key FROM runs r
            LEFT JOIN tags t ON t.run_id = r.id AND t.key = ? WHERE r.id IN ({placeholders(run_ids) or "NULL"})""",
        (VERSION_TAG, *run_ids),
    )
    return {row[0]: (row[1], row[2] is not None, row[3] is not None) for row in rows}


def forget(tx: Tx, run_ids: Iterable[str]) -> None:
    """Delete of runs what their source says anew: series, params, output."""
    for part in parts(list(run_ids)):
        chosen = placeholders(part)
        tx.execute(
            f"DELETE FROM block_pages WHERE block_id IN (SELECT id FROM blocks WHERE run_id IN ({chosen}))", part
        )
        for table in _PARTS:
            tx.execute(f"DELETE FROM {table} WHERE run_id IN ({chosen})", part)


def insert_runs(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Store runs; keys are column names, the same in each."""
    if rows:
        columns = list(rows[0])
        statement = f"INSERT INTO runs ({', '.join(columns)}) VALUES ({placeholders(columns)})"
        tx.many(statement, [tuple(row.values()) for row in rows])


def insert_params(tx: Tx, rows: Iterable[Row]) -> None:
    """Store (run, key, value, origin) of runs that have no params."""
    stored = ((run_id, key, encode(value), sql.number_of(value), origin) for run_id, key, value, origin in rows)
    tx.many("INSERT INTO params (run_id, key, value, number, origin) VALUES (?, ?, ?, ?, ?)", _by_index(stored))


def put_tags(tx: Tx, rows: Iterable[Row]) -> None:
    """Store (run, key, value), in the place of what is there."""
    tx.many(
        """INSERT INTO tags (run_id, key, value) VALUES (?, ?, ?)
           ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value""",
        _by_index(rows),
    )


def insert_points(tx: Tx, segments: Sequence[Row], summaries: Iterable[Row]) -> None:
    """Store (run, points, segment) and (run, key, n, last, last step, minimum, maximum) of runs without points."""
    tx.many(
        f"INSERT INTO segments (run_id, client, first_frame, points, data) VALUES (?, '{IMPORT_CLIENT}', 0, ?, ?)",
        segments,
    )
    tx.many(
        "INSERT INTO metrics (run_id, key, n, last, last_step, minimum, maximum) VALUES (?, ?, ?, ?, ?, ?, ?)",
        sorted(summaries, key=lambda row: (row[1], row[3] or 0.0)),
    )
    tx.many(
        f"INSERT INTO journals (run_id, client, next_frame) VALUES (?, '{IMPORT_CLIENT}', 1)",
        [(row[0],) for row in segments],
    )
