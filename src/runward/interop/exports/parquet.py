"""Runs as Parquet tables, which DuckDB, Polars, pandas and Spark read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from runward.interop.exports.model import Whole
from runward.interop.parquet import RUNS, TABLES, arrow, schema

_ROWS = 200_000


class ParquetWriter:
    """Writes a folder with a file for each table of :data:`runward.interop.parquet.TABLES`, and the artifacts' bytes."""

    format = "parquet"

    def __init__(self, folder: Path) -> None:
        self.target, self.lost = str(folder), Counter[str]()
        self._arrow, parquet = arrow()
        self._folder = folder
        (folder / "files").mkdir(parents=True, exist_ok=True)
        self._schemas = {name: schema(name) for name in TABLES}
        self._writers = {
            name: parquet.ParquetWriter(folder / f"{name}.parquet", of, compression="zstd")
            for name, of in self._schemas.items()
        }
        self._rows: dict[str, dict[str, list[Any]]] = {name: {c: [] for c in of} for name, of in TABLES.items()}

    def write(self, whole: Whole) -> bool:
        """See :class:`Writer`."""
        run = whole.run
        for artifact in whole.detail.artifacts:
            path = self._folder / "files" / artifact.digest
            if not path.exists():
                whole.save(artifact, path)
        for key, columns in whole.series():
            count = len(columns.steps)
            self._add("points", [run.id] * count, [key] * count, columns.steps, columns.times, columns.values)
        for key, value in run.params.items():
            self._add("params", [run.id], [key], [json.dumps(value)])
        for key, text in run.tags.items():
            self._add("tags", [run.id], [key], [text])
        for artifact in whole.detail.artifacts:
            row = (artifact.path, artifact.digest, artifact.size, artifact.media_type)
            self._add("artifacts", [run.id], *([value] for value in row))
        self._add("runs", *([getattr(run, name)] for name in RUNS))
        if whole.detail.captures:
            self.lost["captured documents (code, environment)"] += len(whole.detail.captures)
        return True

    def _add(self, table: str, *columns: Any) -> None:
        kept = self._rows[table]
        for name, values in zip(kept, columns, strict=True):
            kept[name].extend(values)
        if len(next(iter(kept.values()))) >= _ROWS:
            self._flush(table)

    def _flush(self, table: str) -> None:
        kept = self._rows[table]
        self._writers[table].write_table(self._arrow.table(kept, schema=self._schemas[table]))
        for values in kept.values():
            values.clear()

    def close(self) -> None:
        """See :class:`Writer`."""
        for table, writer in self._writers.items():
            self._flush(table)
            writer.close()
