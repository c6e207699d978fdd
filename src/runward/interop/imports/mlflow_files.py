"""MLflow's file store: a folder ``mlruns`` with a file for every value."""

from __future__ import annotations

import os
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from runward.errors import InvalidError
from runward.interop.imports.mlflow import ArtifactFolders, foreign_run
from runward.interop.imports.model import Broken, Foreign, Head, inside, version_of
from runward.tracking.points import Columns

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
_NO_EXPERIMENT = {".trash", "models", "prompts"}
_DELETED = re.compile(rb"^lifecycle_stage: *deleted", re.MULTILINE)
_POINT_BYTES = 40
"""About what a point takes in a file."""


class MlflowFolder:
    """A folder as MLflow writes it without a database (``./mlruns``)."""

    tool = "mlflow"

    def __init__(self, folder: Path, artifacts: Path | None = None) -> None:
        self.where, self.lost = str(folder), Counter[str]()
        self._folder, self._runs = folder, dict[str, str]()
        self._artifacts = ArtifactFolders(folder.absolute().parent, artifacts, self.lost)
        self._elsewhere = str(artifacts or "")
        if not any(folder.glob("*/meta.yaml")):
            raise InvalidError(
                f"{folder} has no experiment (ID/meta.yaml), so it is no MLflow store",
                hint="give the folder `mlruns`, an SQLite file of MLflow, or the URL of its server",
            )

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        for experiment in sorted(path.parent for path in self._folder.glob("*/meta.yaml")):
            if experiment.name in _NO_EXPERIMENT:
                continue
            try:
                place = str(_yaml(experiment / "meta.yaml").get("name", experiment.name))
            except (InvalidError, OSError) as error:
                yield Broken(Head(f"experiment {experiment.name}", "", "", ""), str(error))
                continue
            for name in sorted(os.listdir(experiment)):
                if head := self._head(f"{experiment}/{name}", name, place):
                    yield head

    def _head(self, folder: str, name: str, place: str) -> Head | None:
        try:
            with open(f"{folder}/meta.yaml", "rb") as file:
                if _DELETED.search(file.read()):
                    self.lost["runs that are deleted in MLflow"] += 1
                    return None
        except OSError:
            return None
        facts = [
            (path, status.st_size, status.st_mtime_ns)
            for path in ("meta.yaml", *_below(folder))
            if (status := _stat(f"{folder}/{path}"))
        ]
        self._runs[name] = folder
        points = sum(size for path, size, _ in facts if path.startswith("metrics/")) // _POINT_BYTES
        # Whoever names the folder of the files for the first time wants the runs looked at again.
        elsewhere = [self._elsewhere] if self._elsewhere and not os.path.isdir(f"{folder}/artifacts") else []
        return Head(name, name, place, version_of(place, facts, *elsewhere), points)

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            try:
                yield self._run(head)
            except (InvalidError, OSError) as error:
                yield Broken(head, str(error))

    def _run(self, head: Head) -> Foreign:
        folder = self._runs[head.id]
        meta = _yaml(Path(folder, "meta.yaml"))
        status = str(meta.get("status", 1))
        facts = {**meta, "status": _WORDS.get(status, status), "name": meta.get("run_name")}
        params, tags = (
            {key: data.decode("utf-8", "replace") for key, data in _values(folder, part)} for part in ("params", "tags")
        )
        for what in ("inputs", "outputs"):
            if count := len(_below(folder, f"{what}/")):
                self.lost[f"{what} of runs (data sets, models)"] += count
        own = Path(folder, "artifacts").absolute()
        files = self._artifacts.artifacts(own.as_uri() if own.is_dir() else str(meta.get("artifact_uri") or ""))
        try:
            run = foreign_run(head, facts, params, tags, files)
        except InvalidError as error:
            raise InvalidError(f"{folder}/meta.yaml: {error.message}") from None
        run.series = {key: _columns(f"{folder}/metrics/{key}", data) for key, data in _values(folder, "metrics")}
        return run


def _yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_bytes(), _LOADER)
    except yaml.YAMLError as error:
        raise InvalidError(f"{path} is no YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(found, dict):
        raise InvalidError(f"{path} holds {type(found).__name__}, not the fields of a run or an experiment")
    return found


def _stat(path: str) -> os.stat_result | None:
    """None for what is gone: the store may be in use."""
    try:
        return os.stat(path)
    except OSError:
        return None


def _below(folder: str, prefix: str = "") -> list[str]:
    """The files below a run's folder, by their paths from there. What a link leads out to is none of them."""
    found: list[str] = []
    if os.path.islink(f"{folder}/{prefix}".rstrip("/")) and prefix:
        return found
    try:
        entries = sorted(os.scandir(f"{folder}/{prefix}"), key=lambda entry: entry.name)
    except OSError:
        return found
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            found += _below(folder, f"{name}/")
        elif name != "meta.yaml" and (
            entry.is_file(follow_symlinks=False) or (entry.is_symlink() and inside(Path(folder), name))
        ):
            found.append(name)
    return found


def _values(folder: str, part: str) -> Iterator[tuple[str, bytes]]:
    """(key, content) of a run's params, tags or metrics: a key with ``/`` lies in a folder of its own."""
    for name in _below(folder, f"{part}/"):
        with open(f"{folder}/{name}", "rb") as file:
            yield name.removeprefix(f"{part}/"), file.read()


def _columns(path: str, data: bytes) -> Columns:
    """The points of a metric's file: a line each, with time in milliseconds, value, and step since MLflow 1.0."""
    columns = Columns(array("q"), array("d"), array("d"))
    for number, line in enumerate(data.split(b"\n"), start=1):
        parts = line.split()
        if not parts:
            continue
        try:
            at, value, step = int(parts[0]), float(parts[1]), int(parts[2]) if len(parts) > 2 else 0
            columns.steps.append(step)
        except (ValueError, IndexError, OverflowError):
            raise InvalidError(f"{path}, line {number}: {line[:60]!r} is no 'time value step'") from None
        columns.times.append(at / 1000)
        columns.values.append(value)
    return columns
