"""Whether all stored points are as they were written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from runward.errors import CorruptedError
from runward.store.database import Tx
from runward.tracking.blocks import BlockReader
from runward.tracking.points import unpack_segment
from runward.tracking.storage import block_page

_AT_ONCE = 50


def damaged_points(tx: Tx) -> Iterator[str]:
    """What is wrong with stored points, in sentences; nothing where all of them are as they were written."""
    for number, run_id, data in _each(tx, "segments", "data"):
        try:
            unpack_segment(data)
        except CorruptedError as error:
            yield f"segment {number} of run {run_id}: {error.message}"
    for number, run_id, head in _each(tx, "blocks", "head"):
        try:
            BlockReader(head, partial(block_page, tx, number)).check()
        except CorruptedError as error:
            yield f"block {number} of run {run_id}: {error.message}"


def _each(tx: Tx, table: str, column: str) -> Iterator[tuple[int, str, bytes]]:
    last = 0
    while rows := tx.all(
        f"SELECT id, run_id, {column} FROM {table} WHERE id > ? ORDER BY id LIMIT ?", (last, _AT_ONCE)
    ):
        yield from ((row[0], row[1], bytes(row[2])) for row in rows)
        last = rows[-1][0]
