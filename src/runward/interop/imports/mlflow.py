"""MLflow: what its three kinds of store have in common, and the store in an SQLite file."""

from __future__ import annotations

import itertools
import operator
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from runward.errors import InvalidError
from runward.interop.imports.model import Broken, File, Foreign, Head, files_below, from_ms, stat_of, version_of
from runward.store.database import Row
from runward.store.sqlitefile import LISTED, SqliteFile
from runward.tracking.intake_model import SOURCE_USER_TAG
from runward.tracking.model import RunStatus
from runward.tracking.points import Columns, extend

NAME_TAG, USER_TAG = "mlflow.runName", "mlflow.user"
STATUS_TAG = "runward.source.status"
STATES = {
    "RUNNING": RunStatus.RUNNING,
    "SCHEDULED": RunStatus.RUNNING,
    "FINISHED": RunStatus.FINISHED,
    "FAILED": RunStatus.FAILED,
    "KILLED": RunStatus.CANCELLED,
}
_TABLES = ("experiments", "metrics", "params", "runs", "tags")
_FACTS = ("run_uuid", "name", "user_id", "status", "start_time", "end_time", "artifact_uri", "experiment_id")
_LEFT_OUT = {
    "inputs": "inputs of runs (data sets, models)",
    "logged_models": "logged models (MLflow 3)",
    "trace_info": "traces",
    "model_versions": "registered model versions",
    "experiment_tags": "tags of experiments",
}


_MADE = re.compile(r"/(?:m-)?[0-9a-f]{32}/artifacts$")
"""How MLflow calls the folders of a run's and of a model's files, wherever they lie."""


class ArtifactFolders:
    """Finds the artifacts of runs on this machine: beside the store, where the importer says, or in a folder that MLflow made.

    A store that came from somebody else may name any folder, and its files would be stored where others read them.
    """

    def __init__(self, base: Path, given: Path | None, lost: Counter[str]) -> None:
        self._base, self._given, self._lost = base, given, lost
        self._inside = [folder.resolve() for folder in (base, given) if folder is not None]
        self._found: dict[str, Path | None] = {}

    def folder(self, uri: str) -> Path | None:
        """Where a run's files lie; None where they are not on this machine."""
        if uri not in self._found:
            there = [Path(path) for path in self._candidates(uri) if os.path.isdir(path)] if uri else []
            self._found[uri] = next(filter(self._is_inside, there), None)
            if there and self._found[uri] is None:
                self._lost[f"artifact folders outside of {self._base} (--artifacts names where they lie)"] += 1
        return self._found[uri]

    def _is_inside(self, path: Path) -> bool:
        found = path.resolve()
        return bool(_MADE.search(found.as_posix())) or any(found.is_relative_to(folder) for folder in self._inside)

    def _candidates(self, uri: str) -> Iterator[str]:
        parts = urlsplit(uri)
        path = unquote(parts.path)
        tail = "/".join(path.strip("/").split("/")[-3:])
        if self._given is not None:
            yield os.path.join(self._given, tail)
        if parts.scheme in ("", "file"):
            yield os.path.join(self._base, path)
        if parts.scheme in ("", "file", "mlflow-artifacts"):
            yield from (os.path.join(self._base, folder, tail) for folder in ("mlartifacts", "mlruns"))

    def artifacts(self, uri: str) -> list[File]:
        """A run's files; folders on other machines are counted as lost."""
        root, scheme = self.folder(uri), urlsplit(uri).scheme
        if root is None:
            if scheme not in ("", "file", "mlflow-artifacts"):
                self._lost[f"artifact folders at {scheme}:// (only those on this machine are read)"] += 1
            return []
        return [File(path.relative_to(root).as_posix(), path) for path in files_below(root)]


def foreign_run(
    head: Head, facts: dict[str, Any], params: dict[str, Any], tags: dict[str, str], files: list[File]
) -> Foreign:
    """A run from MLflow's words for its parts. Raises: InvalidError naming the field."""
    word, name = str(facts.get("status") or "RUNNING"), str(facts.get("name") or tags.get(NAME_TAG) or "")
    if word not in STATES:
        raise InvalidError(f"status is {word!r:.40}, which MLflow does not have")
    tags = {key: value for key, value in tags.items() if key != NAME_TAG or value != name}
    if (user := str(facts.get("user_id") or "")) and user != tags.get(USER_TAG):
        tags[SOURCE_USER_TAG] = user
    if word == "SCHEDULED":
        tags[STATUS_TAG] = word
    moments = {}
    for field in ("start_time", "end_time"):
        try:
            value = facts.get(field)
            moments[field] = from_ms(int(value)) if value is not None else None
        except (TypeError, ValueError, OverflowError):
            raise InvalidError(f"{field} is {value!r:.40}, which is no time in milliseconds") from None
    return Foreign(
        head=head,
        name=name,
        status=STATES[word],
        started_at=moments["start_time"] or from_ms(0),
        ended_at=moments["end_time"] if STATES[word].is_terminal else None,
        params=params,
        tags=tags,
        series={},
        files=files,
    )


def _odd(points: list[Row]) -> Any:
    """The step of the first point that is none."""
    return next(
        (step for _, _, step, at, value, _ in points if not all(isinstance(x, int | float) for x in (step, at, value))),
        points[0][2],
    )


class MlflowDatabase:
    """A store in an SQLite file (``sqlite:///mlflow.db``)."""

    tool = "mlflow"

    def __init__(self, path: Path, artifacts: Path | None = None) -> None:
        self.where, self.lost = f"sqlite:///{path}", Counter[str]()
        self._file = SqliteFile(path)
        there = {row[0] for row in self._file.rows("SELECT name FROM sqlite_master")}
        for table in _TABLES:
            if table not in there:
                raise InvalidError(
                    f"{path} has no table {table!r}, so it is no MLflow store",
                    hint="give the file that `mlflow server --backend-store-uri sqlite:///FILE` names",
                )
        self._folders = ArtifactFolders(path.absolute().parent, artifacts, self.lost)
        columns = self._file.columns("runs")
        self._facts = [name for name in _FACTS if name in columns]
        self._is_nan = "is_nan" if "is_nan" in self._file.columns("metrics") else "0"
        self._order = (
            "rowid"
            if self._file.all("SELECT sql NOT LIKE '%WITHOUT ROWID%' FROM sqlite_master WHERE name = 'metrics'")[0][0]
            else "timestamp"
        )

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        self._count_lost()
        rows = self._file.rows(
            f"""SELECT e.name, {", ".join(f"r.{name}" for name in self._facts)} FROM runs r
                LEFT JOIN experiments e ON e.experiment_id = r.experiment_id
                WHERE r.lifecycle_stage IS NOT 'deleted' ORDER BY r.experiment_id, r.start_time, r.run_uuid"""
        )
        while part := list(itertools.islice(rows, LISTED)):
            yield from self._heads(part)

    def _count_lost(self) -> None:
        for table, what in _LEFT_OUT.items():
            if count := self._file.count(table):
                self.lost[what] += count
        if count := self._file.all("SELECT count(*) FROM runs WHERE lifecycle_stage = 'deleted'")[0][0]:
            self.lost["runs that are deleted in MLflow"] += count

    def _heads(self, rows: list[Row]) -> Iterator[Head]:
        ids = [row[1] for row in rows]
        points = self._grouped("SELECT run_uuid, count(*), max(timestamp), max(step) FROM metrics", ids)
        params = self._grouped("SELECT run_uuid, count(*), sum(length(value)) FROM params", ids)
        tags = self._grouped("SELECT run_uuid, count(*), sum(length(value)), max(value) FROM tags", ids)
        for row in rows:
            facts = dict(zip(self._facts, row[1:], strict=True))
            run_id = str(row[1])
            folder = self._folders.folder(str(facts.get("artifact_uri") or ""))
            files = stat_of(files_below(folder)) if folder else []
            version = version_of(row, points.get(run_id), params.get(run_id), tags.get(run_id), files)
            yield Head(run_id, run_id, str(row[0] or ""), version, points.get(run_id, (0, 0))[1])

    def _grouped(self, query: str, ids: list[str]) -> dict[str, Row]:
        return {row[0]: row for row in self._file.of(f"{query} WHERE run_uuid IN {{}} GROUP BY run_uuid", ids)}

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        ids = [head.id for head in heads]
        facts = {row[0]: dict(zip(self._facts, row, strict=True)) for row in self._runs(ids)}
        params, tags = self._pairs("params", ids), self._pairs("tags", ids)
        found: dict[str, Foreign] = {}
        broken: dict[str, Broken] = {}
        for head in heads:
            try:
                own = facts[head.id]
                files = self._folders.artifacts(str(own.get("artifact_uri") or ""))
                found[head.id] = foreign_run(head, own, params.get(head.id, {}), tags.get(head.id, {}), files)
            except (InvalidError, OSError) as error:
                broken[head.id] = Broken(head, f"{self.where}, table runs: {error}")
        self._add_points(found, broken, ids)
        for head in heads:
            yield broken.get(head.id) or found[head.id]

    def _runs(self, ids: list[str]) -> Iterator[Row]:
        return self._file.of(f"SELECT {', '.join(self._facts)} FROM runs WHERE run_uuid IN {{}}", ids)

    def _pairs(self, table: str, ids: list[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for run_id, key, value in self._file.of(
            f"SELECT run_uuid, key, value FROM {table} WHERE run_uuid IN {{}}", ids
        ):
            found.setdefault(run_id, {})[key] = "" if value is None else str(value)
        return found

    def _add_points(self, found: dict[str, Foreign], broken: dict[str, Broken], ids: list[str]) -> None:
        query = f"""SELECT run_uuid, key, step, timestamp, value, {self._is_nan} FROM metrics WHERE run_uuid IN {{}}
                    ORDER BY run_uuid, {self._order}"""
        nan = float("nan")
        for (run_id, key), rows in itertools.groupby(self._file.of(query, ids), operator.itemgetter(0, 1)):
            if run_id not in found or run_id in broken:
                continue
            points = list(rows)
            try:
                _, _, steps, times, values, are_nan = zip(*points, strict=True)
                if any(are_nan):
                    values = tuple(nan if is_nan else value for value, is_nan in zip(values, are_nan, strict=True))
                columns = Columns(array("q", steps), array("d", [at / 1000 for at in times]), array("d", values))
            except (TypeError, ValueError, OverflowError) as error:
                what = f"{self.where}, table metrics: point of {key!r:.80} at step {_odd(points)!r}: {error}"
                broken[run_id] = Broken(found[run_id].head, what)
                continue
            series = found[run_id].series
            if key in series:
                extend(series[key], columns)
            else:
                series[key] = columns
