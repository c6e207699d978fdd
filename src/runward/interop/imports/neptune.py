"""Neptune: what its exporter (neptune-exporter) put on disk before the service closed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from runward.errors import InvalidError
from runward.interop.imports.model import (
    HISTOGRAM,
    Broken,
    File,
    Foreign,
    Head,
    files_below,
    from_s,
    stat_of,
    version_of,
)
from runward.interop.parquet import arrow
from runward.tracking.model import RunStatus

_PART = re.compile(r"(.+)_part_(\d+)\.parquet")
_COLUMNS = {"project_id", "run_id", "attribute_path", "attribute_type", "step", "timestamp"}
_SINGLE = {"float", "int", "string", "bool", "datetime", "string_set"}
_MICRO = 1_000_000
_POINT_BYTES = 8
"""About what a point takes in a file."""


class NeptuneFolder:
    """The exporter's folder: one folder a project, with ``RUN_part_N.parquet``; files beside it in ``files``."""

    tool = "neptune"

    def __init__(self, path: Path, files: Path | None = None) -> None:
        self.where, self.lost = str(path), Counter[str]()
        _, self._parquet = arrow()
        found = sorted(file for file in path.rglob("*.parquet") if _PART.fullmatch(file.name))
        if not found:
            raise InvalidError(
                f"{path} has no PROJECT/RUN_part_0.parquet", hint="give the --data-path of `neptune-exporter export`"
            )
        self._files = [folder for folder in (files, path / "files", path.parent / "files") if folder is not None]
        groups: dict[tuple[Path, str], list[tuple[int, Path]]] = {}
        for file in found:
            name, number = _PART.fullmatch(file.name).groups()  # type: ignore[union-attr]
            groups.setdefault((file.parent, name), []).append((int(number), file))
        self._groups = [[file for _, file in sorted(parts)] for parts in groups.values()]
        self._parts: dict[str, list[Path]] = {}

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        for parts in self._groups:
            try:
                first = self._opened(parts[0])
                row = next(first.iter_batches(1, columns=["project_id", "run_id"])).to_pylist()[0]
                identity, facts = f"{row['project_id']}/{row['run_id']}", stat_of(parts)
                self._parts[identity] = parts
                points = sum(size for _, size, _ in facts) // _POINT_BYTES
                yield Head(str(row["run_id"]), identity, str(row["project_id"]), version_of(facts), points)
            except (InvalidError, OSError, StopIteration) as error:
                yield Broken(Head(parts[0].stem, "", "", ""), str(error) or f"{parts[0]} is empty")

    def _opened(self, path: Path) -> Any:
        try:
            found = self._parquet.ParquetFile(path)
        except ValueError as error:
            raise InvalidError(f"{path} is no Parquet file: {str(error)[:200]}") from None
        if missing := sorted(_COLUMNS - set(found.schema_arrow.names)):
            raise InvalidError(f"{path} has no column {missing[0]!r}, so it is not of neptune-exporter")
        return found

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            try:
                reader = _Reader(head, self)
                for path in self._parts[head.identity]:
                    for batch in self._opened(path).iter_batches():
                        for row in batch.to_pylist():
                            reader.take(row, path)
                yield reader.finished()
            except (InvalidError, OSError) as error:
                yield Broken(head, str(error))

    def find(self, head: Head, path: str) -> Path | None:
        """Where a file of a run lies; None where it is not there."""
        project = self._parts[head.identity][0].parent.name
        candidates = (folder / below for folder in self._files for below in (Path(project) / path, Path(path)))
        return next((found for found in candidates if found.exists()), None)


class _Reader:
    def __init__(self, head: Head, source: NeptuneFolder) -> None:
        self._source, self._lost = source, source.lost
        self._facts: dict[str, Any] = {}
        self._points: dict[str, list[tuple[Any, float, float]]] = {}
        self._texts: dict[str, list[tuple[float, float, str]]] = {}
        self._last_s = 0.0
        self.run = Foreign(head=head, name=head.id, status=RunStatus.FINISHED, started_at=from_s(0))
        self.run.params, self.run.tags, self.run.series, self.run.files = {}, {}, {}, []

    def take(self, row: dict[str, Any], file: Path) -> None:
        kind, path = row["attribute_type"], str(row["attribute_path"])
        at = row["timestamp"].timestamp() if row["timestamp"] is not None else 0.0
        self._last_s = max(self._last_s, at)
        if kind in _SINGLE:
            self._facts[path] = row.get(f"{kind}_value")
        elif kind == "float_series":
            value = row["float_value"]
            self._points.setdefault(path, []).append((row["step"] or 0, at, float("nan") if value is None else value))
        elif kind == "string_series":
            self._texts.setdefault(path, []).append((float(row["step"] or 0), at, row["string_value"] or ""))
        elif kind == "histogram_series":
            found = row["histogram_value"] or {}
            document = {"edges": found.get("edges") or [], "counts": found.get("values") or []}
            name = f"media/{path}/{int(row['step'] or 0)}.json"
            self.run.files.append(File(name, msgspec.json.encode(document), HISTOGRAM))
        elif kind in ("file", "file_series", "file_set", "artifact"):
            self._file(path, row)
        else:
            raise InvalidError(f"{file}: {path} is of the type {kind!r:.40}, which is not known")

    def _file(self, path: str, row: dict[str, Any]) -> None:
        stored = (row.get("file_value") or {}).get("path")
        found = self._source.find(self.run.head, stored) if stored else None
        if found is None:
            self._lost["files that are not there (--artifacts DIR says where they are)"] += 1
        elif found.is_dir():
            self.run.files += [File(f"{path}/{p.relative_to(found).as_posix()}", p) for p in files_below(found)]
        elif row["step"] is not None:
            self.run.files.append(File(f"media/{path}/{int(row['step'])}{found.suffix}", found))
        else:
            self.run.files.append(File(path if Path(path).suffix else f"{path}{found.suffix}", found))

    def finished(self) -> Foreign:
        run, facts = self.run, self._facts
        run.name = str(facts.get("sys/name") or run.head.id)
        run.purpose = str(facts.get("sys/description") or "")
        run.status = RunStatus.FAILED if facts.get("sys/failed") else RunStatus.FINISHED
        created, changed = facts.get("sys/creation_time"), facts.get("sys/modification_time")
        run.started_at = created if isinstance(created, datetime) else from_s(self._last_s)
        run.ended_at = max(run.started_at, from_s(self._last_s))
        if not self._last_s and isinstance(changed, datetime):
            run.ended_at = max(run.started_at, changed)
        for path, value in facts.items():
            self._fact(path, value)
        for path, points in self._points.items():
            self._series(path, points)
        for path, lines in self._texts.items():
            data = b"\n".join(msgspec.json.encode(line) for line in lines)
            run.files.append(File(f"series/{path}.jsonl", data))
        return run

    def _fact(self, path: str, value: Any) -> None:
        if path == "sys/tags":
            self.run.tags.update((str(tag), "") for tag in value or [])
        elif path.startswith("sys/"):
            self.run.tags[f"neptune.{path[4:]}"] = value.isoformat() if isinstance(value, datetime) else str(value)
        else:
            self.run.params[path] = value.isoformat() if isinstance(value, datetime) else value

    def _series(self, path: str, points: list[tuple[Any, float, float]]) -> None:
        """Neptune's steps have six decimal places; a series that uses them keeps them as whole millionths."""
        scale = 1
        if any(step != int(step) for step, _, _ in points):
            scale = _MICRO
            self._lost["series with steps between whole numbers (now in millionths)"] += 1
        for step, at, value in points:
            self.run.add(path, int(step * scale), at, value)
