"""Runs in MLflow's words, and its two kinds of local store written directly: a file store and an SQLite file."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import yaml

from runward.core.clock import to_us
from runward.errors import InvalidError, MissingExtraError
from runward.interop.exports.model import Whole
from runward.store.sqlitefile import SqliteFile
from runward.tracking.intake_model import SOURCE_PROJECT_TAG, SOURCE_TAG, SOURCE_USER_TAG
from runward.tracking.model import RunStatus
from runward.tracking.points import Columns

NAME_TAG, USER_TAG, NOTE_TAG = "mlflow.runName", "mlflow.user", "mlflow.note.content"
WORDS = {
    RunStatus.RUNNING: "RUNNING",
    RunStatus.FINISHED: "FINISHED",
    RunStatus.FAILED: "FAILED",
    RunStatus.CANCELLED: "KILLED",
    RunStatus.TIMED_OUT: "FAILED",
}
_NUMBERS = {"RUNNING": 1, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
_UNUSABLE = re.compile(r"[^\w.\- :/]")
_DOTS = re.compile(r"^\.{1,2}$")
_GLOBAL_ID = re.compile(r"[0-9a-f]{32}")
_LOCAL = 4
"""MLflow's number for a source of type LOCAL."""


class MlflowRun(NamedTuple):
    """A run as MLflow has it; times in milliseconds since 1970."""

    id: str
    name: str
    experiment: str
    user: str
    status: str
    start: int
    end: int | None
    params: dict[str, str]
    tags: dict[str, str]


def as_mlflow(whole: Whole, lost: Counter[str]) -> MlflowRun:
    """A run in MLflow's words. One that came from MLflow is the same again: id, experiment, tags."""
    run = whole.run
    own = {key: value for key, value in run.tags.items() if not key.startswith("runward.")}
    came = run.tags.get(SOURCE_TAG) == "mlflow"
    if not came:
        facts = {"seed": run.seed, "exit_code": run.exit_code, "error": run.error, "experiment": run.experiment}
        own |= {
            f"runward.{key}": str(value) for key, value in {"id": run.id, **facts}.items() if value not in (None, "")
        }
        own |= {"mlflow.source.git.commit": run.commit} if run.commit else {}
    if run.purpose:
        own.setdefault(NOTE_TAG, run.purpose)
    if whole.detail.captures:
        lost["captured documents (code, environment)"] += len(whole.detail.captures)
    user = run.tags.get(SOURCE_USER_TAG) or own.get(USER_TAG, run.created_by)
    tags = own | ({NAME_TAG: run.name} if came else {NAME_TAG: run.name, USER_TAG: user})
    return MlflowRun(
        id=run.id if _GLOBAL_ID.fullmatch(run.id) else hashlib.sha256(run.id.encode()).hexdigest()[:32],
        name=run.name,
        experiment=run.tags.get(SOURCE_PROJECT_TAG, run.project) if came else run.project,
        user=user,
        status=WORDS[run.status],
        start=to_us(run.started_at) // 1000,
        end=None if run.ended_at is None else to_us(run.ended_at) // 1000,
        params={name: as_text(run.params[key]) for key, name in usable_keys(run.params).items()},
        tags={name: tags[key] for key, name in usable_keys(tags).items()},
    )


def as_text(value: Any) -> str:
    """A param's value as text."""
    return value if isinstance(value, str) else json.dumps(value)


def usable_keys(keys: Iterable[str]) -> dict[str, str]:
    """Each key's name in MLflow, which takes letters and digits of any script, ``_ - . : /`` and blanks.

    What MLflow takes stays as it is. No two keys get the same name, and none leads out of the folder of a file store.
    """
    found = {key: _usable(key) for key in sorted(keys)}
    taken = {key for key, name in found.items() if key == name}
    for key, name in found.items():
        if key != name:
            found[key] = next(other for other in _numbered(name) if other not in taken)
            taken.add(found[key])
    return found


def _usable(key: str) -> str:
    parts = (_DOTS.sub("_", part) for part in _UNUSABLE.sub("_", key).split("/") if part)
    return "/".join(parts) or "_"


def _numbered(name: str) -> Iterator[str]:
    return itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))


class MlflowFolderWriter:
    """Writes a file store (``mlruns``), without MLflow."""

    format = "mlflow"

    def __init__(self, folder: Path) -> None:
        self.target, self.lost = str(folder), Counter[str]()
        self._folder = folder.absolute()
        self._experiments: dict[str, str] = {}
        for path in self._folder.glob("*/meta.yaml"):
            self._experiments[str(yaml.safe_load(path.read_bytes()).get("name"))] = path.parent.name

    def write(self, whole: Whole) -> bool:
        """See :class:`Writer`."""
        run = as_mlflow(whole, self.lost)
        experiment = self._experiment(run.experiment, run.start)
        folder = self._folder / experiment / run.id
        if (folder / "meta.yaml").exists():
            return False
        # MLflow takes a folder without one of these for no run.
        for part in ("params", "tags", "metrics", "artifacts"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for part, values in (("params", run.params), ("tags", run.tags)):
            for key, value in values.items():
                _write(folder / part / key, value)
        names = usable_keys(whole.keys)
        for key, columns in whole.series():
            lines = [f"{round(at * 1000)} {value!r} {step}\n" for step, at, value in zip(*columns, strict=True)]
            _write(folder / "metrics" / names[key], "".join(lines))
        for artifact in whole.detail.artifacts:
            whole.save(artifact, folder / "artifacts" / artifact.path)
        meta: dict[str, Any] = {
            "artifact_uri": (folder / "artifacts").as_uri(),
            "end_time": run.end,
            "entry_point_name": "",
            "experiment_id": experiment,
            "lifecycle_stage": "active",
            "run_id": run.id,
            "run_name": run.name,
            "source_name": "",
            "source_type": _LOCAL,
            "source_version": "",
            "start_time": run.start,
            "status": _NUMBERS[run.status],
            "tags": [],
            "user_id": run.user,
        }
        # Last: a run without this file is none, so what was interrupted is written again.
        _write(folder / "meta.yaml", yaml.safe_dump(meta, allow_unicode=True))
        return True

    def _experiment(self, name: str, at: int) -> str:
        if name not in self._experiments:
            number = str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:7]) % 10**18)
            folder = self._folder / number
            meta: dict[str, Any] = {
                "artifact_location": folder.as_uri(),
                "creation_time": at,
                "experiment_id": number,
                "last_update_time": at,
                "lifecycle_stage": "active",
                "name": name,
            }
            _write(folder / "meta.yaml", yaml.safe_dump(meta, allow_unicode=True))
            self._experiments[name] = number
        return self._experiments[name]

    def close(self) -> None:
        """See :class:`Writer`."""


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise InvalidError(
            f"{path.name!r} is a key and also the beginning of another one, which MLflow's file store cannot hold",
            hint="export into an SQLite file: -o mlflow.db",
        ) from None


class MlflowDatabaseWriter:
    """Writes into the SQLite file of an MLflow store; a new one is made by MLflow itself, which knows its tables."""

    format = "mlflow"

    def __init__(self, path: Path) -> None:
        self.target, self.lost = f"sqlite:///{path}", Counter[str]()
        self._folder = path.absolute().parent
        if not path.exists():
            _create(path)
        self._file = SqliteFile(path, write=True)
        if "is_nan" not in self._file.columns("latest_metrics"):
            raise InvalidError(
                f"{path} has no table latest_metrics as MLflow has it since 1.4",
                hint="mlflow db upgrade sqlite:///FILE",
            )

    def write(self, whole: Whole) -> bool:
        """See :class:`Writer`."""
        run = as_mlflow(whole, self.lost)
        if self._file.all("SELECT 1 FROM runs WHERE run_uuid = ?", (run.id,)):
            return False
        with self._file.transaction():
            experiment, location = self._experiment(run.experiment, run.start)
            uri = f"{location.rstrip('/')}/{run.id}/artifacts"
            self._save_artifacts(whole, uri)
            facts = {
                "run_uuid": run.id,
                "name": run.name,
                "source_type": "LOCAL",
                "source_name": "",
                "entry_point_name": "",
                "user_id": run.user,
                "status": run.status,
                "start_time": run.start,
                "end_time": run.end,
                "source_version": "",
                "lifecycle_stage": "active",
                "artifact_uri": uri,
                "experiment_id": experiment,
            }
            self._file.execute(
                f"INSERT INTO runs ({', '.join(facts)}) VALUES ({', '.join('?' * len(facts))})", tuple(facts.values())
            )
            for table, pairs in (("params", run.params), ("tags", run.tags)):
                self._file.many(
                    f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                    [(*p, run.id) for p in pairs.items()],
                )
            names = usable_keys(whole.keys)
            for key, columns in whole.series():
                self._points(run.id, names[key], columns)
        return True

    def _points(self, run_id: str, key: str, columns: Columns) -> None:
        rows = [
            (key, *_stored(value), round(at * 1000), run_id, step) for step, at, value in zip(*columns, strict=True)
        ]
        if not rows:
            return
        self._file.many(
            "INSERT OR IGNORE INTO metrics (key, value, is_nan, timestamp, run_uuid, step) VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        latest = max(rows, key=lambda row: (row[5], row[3], row[1]))
        self._file.many(
            "INSERT INTO latest_metrics (key, value, is_nan, timestamp, run_uuid, step) VALUES (?, ?, ?, ?, ?, ?)",
            [latest],
        )

    def _experiment(self, name: str, at: int) -> tuple[int, str]:
        found = self._file.all("SELECT experiment_id, artifact_location FROM experiments WHERE name = ?", (name,))
        if found:
            return found[0]
        number = self._file.all("SELECT coalesce(max(experiment_id), 0) + 1 FROM experiments")[0][0]
        location = str(self._folder / "mlruns" / str(number))
        self._file.execute(
            """INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time,
               last_update_time) VALUES (?, ?, ?, 'active', ?, ?)""",
            (number, name, location, at, at),
        )
        return number, location

    def _save_artifacts(self, whole: Whole, uri: str) -> None:
        parts = urlsplit(uri)
        if not whole.detail.artifacts:
            return
        if parts.scheme == "mlflow-artifacts":
            folder = self._folder / "mlartifacts" / unquote(parts.path).strip("/")
        elif parts.scheme in ("", "file"):
            folder = self._folder / unquote(parts.path)
        else:
            self.lost[f"artifacts for {parts.scheme}:// (export to the server's URL instead)"] += 1
            return
        for artifact in whole.detail.artifacts:
            whole.save(artifact, folder / artifact.path)

    def close(self) -> None:
        """See :class:`Writer`."""
        self._file.close()


def _stored(value: float) -> tuple[float, bool]:
    """(number, whether it is NaN), as MLflow keeps them: SQL has no NaN, and the infinities are the largest floats."""
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return 0.0, True
    return min(max(value, -sys.float_info.max), sys.float_info.max), False


def _create(path: Path) -> None:
    try:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    except ImportError:
        raise MissingExtraError(
            f"{path} does not exist, and only MLflow can make a new database of its own",
            hint="pip install mlflow; or export into a folder (-o mlruns) or to a server's URL, which need no MLflow",
        ) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    make: Any = SqlAlchemyStore
    make(f"sqlite:///{path.absolute()}", os.fspath(path.absolute().parent / "mlruns"))
