"""trackio: the SQLite file that it keeps for every project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from runward.errors import InvalidError
from runward.interop.imports.model import (
    HISTOGRAM,
    TABLE,
    Broken,
    File,
    Foreign,
    Head,
    flat,
    from_iso,
    inside,
    json_object,
    version_of,
)
from runward.store.sqlitefile import SqliteFile
from runward.tracking.model import RunStatus

_WORDS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
_LEFT_OUT = {"traces": "traces", "artifact_versions": "versions of artifacts"}


class TrackioFiles:
    """One project's file, or the folder with those of all (``~/.cache/huggingface/trackio``)."""

    tool = "trackio"

    def __init__(self, path: Path) -> None:
        self.where, self.lost = str(path), Counter[str]()
        found = [path] if path.is_file() else sorted(path.glob("*.db"))
        self._projects: dict[str, SqliteFile] = {}
        for file in found:
            opened = SqliteFile(file)
            if {"run_name", "step", "metrics", "timestamp"} <= set(opened.columns("metrics")):
                self._projects[file.stem] = opened
        if not self._projects:
            raise InvalidError(
                f"{path} is no file of trackio (a table metrics with run_name, step, metrics, timestamp)",
                hint="give PROJECT.db, or the folder TRACKIO_DIR",
            )
        self._media = (path.parent if path.is_file() else path) / "media"

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        for project, file in self._projects.items():
            for table, what in _LEFT_OUT.items():
                if count := file.count(table):
                    self.lost[what] += count
            key = _key(file)
            rows = file.rows(
                f"""SELECT {key}, max(run_name), count(*), max(id), max(timestamp), sum(length(metrics)) FROM metrics
                    GROUP BY {key} ORDER BY min(timestamp), {key}"""
            )
            for run_id, name, count, *facts in rows:
                config = file.all(f"SELECT config FROM configs WHERE {_key(file, 'configs')} = ?", (run_id,))
                system = (
                    file.all(f"SELECT count(*) FROM system_metrics WHERE {key} = ?", (run_id,)) if _has(file) else []
                )
                version = version_of(name, count, facts, [_text(row[0]) for row in config], system)
                yield Head(str(run_id), f"{project}/{run_id}", project, version, count)

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            try:
                yield self._run(head, self._projects[head.place])
            except (InvalidError, OSError) as error:
                yield Broken(head, f"{self._projects[head.place].path}: {error}")

    def _run(self, head: Head, file: SqliteFile) -> Foreign:
        rows = file.all(
            f"SELECT id, run_name, timestamp, step, metrics FROM metrics WHERE {_key(file)} = ? ORDER BY id", (head.id,)
        )
        moments = [from_iso(row[2]) for row in rows]
        run = Foreign(
            head=head, name=rows[0][1], status=RunStatus.FINISHED, started_at=min(moments), ended_at=max(moments)
        )
        run.params, run.tags, run.series, run.files = {}, {}, {}, []
        for row, moment in zip(rows, moments, strict=True):
            values = json_object(_text(row[4]), f"table metrics, row {row[0]}")
            for key, value in values.items():
                self._value(run, key, int(row[3]), moment.timestamp(), value)
        for (text,) in file.all(f"SELECT config FROM configs WHERE {_key(file, 'configs')} = ?", (head.id,)):
            self._config(run, json_object(_text(text), "table configs"))
        if _has(file):
            self._system(run, file)
        return run

    def _config(self, run: Foreign, config: dict[str, Any]) -> None:
        for key, value in flat(config).items():
            if key == "_Created" and isinstance(value, str):
                run.started_at = min(run.started_at, from_iso(value))
            elif key.startswith("_"):
                if value is not None:
                    run.tags[f"trackio.{key[1:].lower()}"] = str(value)
            else:
                run.params[key] = value

    def _system(self, run: Foreign, file: SqliteFile) -> None:
        query = f"SELECT timestamp, metrics FROM system_metrics WHERE {_key(file)} = ? ORDER BY id"
        for number, (at, text) in enumerate(file.all(query, (run.head.id,))):
            for key, value in flat(json_object(_text(text), "table system_metrics")).items():
                if isinstance(value, int | float):
                    run.add(f"system/{key}", number, from_iso(at).timestamp(), float(value))

    def _value(self, run: Foreign, key: str, step: int, at: float, value: Any) -> None:
        if isinstance(value, str) and value in _WORDS:
            value = float(_WORDS[value])
        if isinstance(value, int | float):
            run.add(key, step, at, float(value))
        elif isinstance(value, dict) and "_type" in value:
            self._add_media(run, key, step, value)
        elif isinstance(value, dict):
            for name, item in value.items():
                self._value(run, f"{key}.{name}", step, at, item)
        else:
            self.lost["values in history that are no numbers (text, lists)"] += 1

    def _add_media(self, run: Foreign, key: str, step: int, value: dict[str, Any]) -> None:
        kind, base = value["_type"], f"media/{key}/{step}"
        if kind == "trackio.table" and isinstance(value.get("_value"), list):
            columns = list(dict.fromkeys(name for row in value["_value"] for name in row))
            data = [[row.get(name) for name in columns] for row in value["_value"]]
            run.files.append(File(f"{base}.json", msgspec.json.encode({"columns": columns, "data": data}), TABLE))
        elif kind == "trackio.histogram":
            document = {"edges": value.get("bins", []), "counts": value.get("values", [])}
            run.files.append(File(f"{base}.json", msgspec.json.encode(document), HISTOGRAM))
        elif value.get("file_path") and inside(self._media, str(value["file_path"])):
            path = self._media / value["file_path"]
            run.files.append(File(f"{base}{path.suffix}", path))
        else:
            self.lost[f"media of the kind {kind}"] += 1


def _key(file: SqliteFile, table: str = "metrics") -> str:
    """The column that tells runs apart: since 2026 an id, before that the name."""
    return "run_id" if "run_id" in file.columns(table) else "run_name"


def _has(file: SqliteFile) -> bool:
    return bool(file.columns("system_metrics"))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
