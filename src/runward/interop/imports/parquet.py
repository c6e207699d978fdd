"""Runward's own Parquet tables, as ``runward export parquet`` writes them."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runward.errors import InvalidError
from runward.interop.imports.model import Broken, File, Foreign, Head, stat_of, version_of
from runward.interop.parquet import TABLES, arrow
from runward.tracking.model import RunStatus
from runward.tracking.points import Columns

_FACTS = ("name", "purpose", "exit_code", "error", "seed", "started_at", "ended_at")


class ParquetFolder:
    """A folder with ``runs.parquet`` and the other tables."""

    tool = "parquet"

    def __init__(self, folder: Path) -> None:
        self.where, self.lost = str(folder), Counter[str]()
        _, self._parquet = arrow()
        self._folder = folder
        for table, columns in TABLES.items():
            path = folder / f"{table}.parquet"
            if not path.is_file():
                raise InvalidError(f"{folder} has no {path.name}", hint="give a folder of `runward export parquet`")
            try:
                there = self._parquet.read_schema(path).names
            except (OSError, ValueError) as error:
                raise InvalidError(f"{path} is no Parquet file: {str(error)[:200]}") from None
            if missing := [name for name in columns if name not in there]:
                raise InvalidError(f"{path} has no column {missing[0]!r}", hint=f"it has {', '.join(there)}")

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        facts = stat_of([self._folder / f"{table}.parquet" for table in TABLES])
        for batch in self._parquet.ParquetFile(self._folder / "runs.parquet").iter_batches(columns=["id", "project"]):
            for row in batch.to_pylist():
                yield Head(row["id"], row["id"], row["project"], version_of(facts))

    def _rows(self, table: str, column: str, ids: list[str]) -> list[dict[str, Any]]:
        found = self._parquet.read_table(self._folder / f"{table}.parquet", filters=[(column, "in", ids)])
        return list(found.to_pylist())

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        ids = [head.id for head in heads]
        runs = {row["id"]: row for row in self._rows("runs", "id", ids)}
        series = self._series(ids)
        parts: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for table in ("params", "tags", "artifacts"):
            for row in self._rows(table, "run_id", ids):
                parts.setdefault(row["run_id"], {}).setdefault(table, []).append(row)
        for head in heads:
            try:
                yield self._run(head, runs[head.id], parts.get(head.id, {}), series.get(head.id, {}))
            except (ValueError, OSError) as error:
                yield Broken(head, f"{self._folder}/runs.parquet: {error}")

    def _run(
        self, head: Head, row: dict[str, Any], parts: dict[str, list[dict[str, Any]]], series: dict[str, Columns]
    ) -> Foreign:
        return Foreign(
            head=head,
            status=RunStatus(row["status"]),
            params={item["key"]: json.loads(item["value"]) for item in parts.get("params", [])},
            tags={item["key"]: item["value"] for item in parts.get("tags", [])},
            series=series,
            files=[
                File(item["path"], self._folder / "files" / item["digest"], item["media_type"])
                for item in parts.get("artifacts", [])
            ],
            **{name: row[name] for name in _FACTS},
        )

    def _series(self, ids: list[str]) -> dict[str, dict[str, Columns]]:
        found: dict[str, dict[str, Columns]] = {}
        table = self._parquet.read_table(self._folder / "points.parquet", filters=[("run_id", "in", ids)])
        for batch in table.to_batches():
            names = zip(batch["run_id"].to_pylist(), batch["key"].to_pylist(), strict=True)
            steps, times, values = (batch[name].to_pylist() for name in ("step", "time", "value"))
            for position, (run_id, key) in enumerate(names):
                columns = found.setdefault(run_id, {}).get(key)
                if columns is None:
                    columns = found[run_id][key] = Columns(array("q"), array("d"), array("d"))
                columns.steps.append(steps[position])
                columns.times.append(times[position])
                columns.values.append(values[position])
        return found
