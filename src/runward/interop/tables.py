"""Points of finished runs as Parquet beside the stored bytes, for whoever reads them without Runward.

Each run is one file, ``points/PROJECT_ID/RUN_ID.parquet``, in order of key, step and arrival. It is written when the run
has been over for a while, anew when the run changed, and taken away when the run is deleted. The database keeps the
points too: charts do not wait for an object storage.
"""

from __future__ import annotations

import logging
import tempfile
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from runward.core.clock import to_us, utc_now
from runward.errors import ConflictError, CorruptedError
from runward.interop.parquet import arrow
from runward.store.blobs import Blobs
from runward.store.database import Database, Tx
from runward.tracking import storage
from runward.tracking.compaction import MAX_POINTS, read_series
from runward.tracking.points import Columns, empty_columns, extend
from runward.tracking.storage import Untabled

_ROWS = 250_000
"""Rows of a row group: what a reader that asks for one series decodes at most."""
_AT_ONCE = 50
_ENCODINGS = {"step": "DELTA_BINARY_PACKED", "time": "BYTE_STREAM_SPLIT", "value": "BYTE_STREAM_SPLIT"}
log = logging.getLogger("runward.tables")


class Tabled(msgspec.Struct, frozen=True):
    """What was written."""

    place: str
    """Where the files lie: a folder or a URL."""
    runs: int
    points: int
    removed: int
    """Deleted runs whose file was taken away, and runs without points."""
    failed: int
    """Runs that could not be read; they are tried again next time."""


def write_tables(
    database: Database, blobs: Blobs, after_s: float, *, go_on: Callable[[], bool] = lambda: True
) -> Tabled:
    """Bring the tables up to date with the runs that ended at least ``after_s`` seconds ago.

    An interrupted call is simply repeated. Several at once do the same work twice, and no harm.

    Args:
        database: Of the workspace.
        blobs: Where its bytes lie; the tables come beside them.
        after_s: Seconds that a run has been over.
        go_on: Asked before each run.

    Raises: MissingExtraError (pyarrow), StoreError, ConflictError (the workspace is encrypted).
    """
    if blobs.is_sealed:
        raise ConflictError(
            "tables of points are not written: this workspace is encrypted, and they are for programs that have no key",
            hint="runward export writes what you choose to where you choose",
        )
    arrow()
    runs = points = removed = failed = 0
    for due in _due(database, to_us(utc_now()) - int(after_s * 1e6)):
        if not go_on():
            break
        try:
            count = _write(database, blobs, due)
        except CorruptedError as error:
            log.error("the table of run %s was not written: %s", due.run_id, error.message)
            failed += 1
            continue
        runs, points, removed = runs + (count > 0), points + count, removed + (count == 0)
    return Tabled(blobs.tables, runs, points, removed, failed)


def _due(database: Database, before_us: int) -> Iterator[Untabled]:
    last = (0, "")
    while True:
        with database.transaction(write=False) as tx:
            found = storage.runs_to_table(tx, before_us, last, _AT_ONCE)
        yield from found
        if len(found) < _AT_ONCE:
            return
        last = (found[-1].ended_at, found[-1].run_id)


def _write(database: Database, blobs: Blobs, run: Untabled) -> int:
    """Write or remove a run's file; returns its points."""
    with tempfile.TemporaryDirectory(prefix="runward-") as folder:
        path = Path(folder) / "points.parquet"
        count = 0
        if not run.is_deleted:
            with database.transaction(write=False) as tx:
                count = _write_points(tx, run.run_id, path)
        if count:
            blobs.write_table(run.table, path)
        else:
            blobs.drop_table(run.table)
    with database.transaction(write=True) as tx:
        # If the run changed meanwhile, its revision is another one and it is due again.
        storage.set_tabled(tx, run.run_id, run.revision)
    return count


def _write_points(tx: Tx, run_id: str, path: Path) -> int:
    pyarrow, parquet = arrow()
    names = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    whole, real = pyarrow.int64(), pyarrow.float64()
    schema = pyarrow.schema([("run_id", names), ("key", names), ("step", whole), ("time", real), ("value", real)])
    count = 0
    with parquet.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=["run_id", "key"], column_encoding=_ENCODINGS
    ) as writer:
        for keys in _together(storage.key_sizes(tx, run_id)):
            found = {key: columns for key, (_, columns) in read_series(tx, run_id, keys).items()}
            table = _table(pyarrow, run_id, found)
            writer.write_table(table.cast(schema), row_group_size=_ROWS)
            count += table.num_rows
    return count


def _together(sizes: list[tuple[str, int]]) -> Iterator[list[str]]:
    """Keys in groups of a bounded number of points (a longer series is a group of its own)."""
    group, points = list[str](), 0
    for key, count in sizes:
        if group and points + count > MAX_POINTS // 2:
            yield group
            group, points = [], 0
        group.append(key)
        points += count
    if group:
        yield group


def _table(pyarrow: Any, run_id: str, series: dict[str, Columns]) -> Any:
    whole, codes = empty_columns(), array("i")
    for number, columns in enumerate(series.values()):
        extend(whole, columns)
        codes.extend(array("i", [number]) * len(columns.steps))
    count = len(codes)

    def column(kind: Any, data: array[Any]) -> Any:
        return pyarrow.Array.from_buffers(kind, count, [None, pyarrow.py_buffer(data)])

    def named(indices: array[int], texts: list[str]) -> Any:
        return pyarrow.DictionaryArray.from_arrays(column(pyarrow.int32(), indices), pyarrow.array(texts))

    rows = {
        "run_id": named(array("i", bytes(4 * count)), [run_id]),
        "key": named(codes, list(series)),
        "step": column(pyarrow.int64(), whole.steps),
        "time": column(pyarrow.float64(), whole.times),
        "value": column(pyarrow.float64(), whole.values),
    }
    return pyarrow.table(rows)
