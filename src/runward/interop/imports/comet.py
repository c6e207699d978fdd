"""Comet: the archives of offline experiments."""

from __future__ import annotations

import functools
import json
import posixpath
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runward.errors import InvalidError
from runward.interop.imports.model import (
    Broken,
    Distant,
    File,
    Foreign,
    Head,
    from_ms,
    json_object,
    stat_of,
    version_of,
)
from runward.tracking.model import OutputChunk, RunStatus

_POINT_BYTES = 15
"""About what a point takes in an archive."""
_OWN_PARAMS = {"curr_step", "curr_epoch"}
_OWN_FACTS = {"Name", "offline_experiment", "hasNestedParams"}
_MEDIA = {"visualization", "image", "audio", "video", "text-sample"}
_CHUNK = 1 << 20


class CometArchives:
    """One ``.zip`` of an offline experiment, or a folder with many."""

    tool = "comet"

    def __init__(self, path: Path) -> None:
        self.where, self.lost = str(path), Counter[str]()
        self._archives = [path] if path.is_file() else sorted(path.rglob("*.zip"))
        if not self._archives:
            raise InvalidError(f"{path} has no .zip", hint="give the offline_directory, or one of its archives")
        self._paths: dict[str, Path] = {}

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        for path in self._archives:
            try:
                with _opened(path) as archive:
                    said = _said(archive, path)
                key, workspace = str(said.get("offline_id") or path.stem), said.get("workspace") or ""
                place = str(said.get("project_name") or "general")
                self._paths[key] = path
                version = version_of(stat_of([path]))
                yield Head(key, f"{workspace}/{place}/{key}", place, version, path.stat().st_size // _POINT_BYTES)
            except (InvalidError, OSError) as error:
                yield Broken(Head(path.stem, "", "", ""), str(error))

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            path = self._paths[head.id]
            try:
                with _opened(path) as archive:
                    reader = _Reader(head, _said(archive, path), path, archive, self.lost)
                    with archive.open("messages.json") as lines:
                        for number, line in enumerate(lines, start=1):
                            reader.take(line, number)
                yield reader.run
            except (InvalidError, OSError, KeyError, zipfile.BadZipFile) as error:
                yield Broken(head, str(error) if isinstance(error, InvalidError) else f"{path}: {error}")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise InvalidError(f"{path} is no whole archive: {error}") from None


def _said(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    if not {"experiment.json", "messages.json"} <= set(archive.namelist()):
        raise InvalidError(f"{path} has no experiment.json with messages.json, so it is no offline experiment of Comet")
    return json_object(archive.read("experiment.json"), f"{path}: experiment.json")


class _Reader:
    def __init__(
        self, head: Head, said: dict[str, Any], path: Path, archive: zipfile.ZipFile, lost: Counter[str]
    ) -> None:
        self._path, self._lost, self._step = path, lost, 0
        self._sizes = {info.filename: info.file_size for info in archive.infolist()}
        start, stop = (said.get(name) for name in ("start_time", "stop_time"))
        if not isinstance(start, int | float):
            raise InvalidError(f"{path}: experiment.json: start_time is {start!r:.40}, not milliseconds since 1970")
        self.run = Foreign(
            head=head,
            name=head.id,
            status=RunStatus.FINISHED,
            started_at=from_ms(int(start)),
            ended_at=from_ms(int(stop or start)),
            params={},
            tags={str(tag): "" for tag in said.get("tags") or []},
            series={},
            files=[],
            output=[],
        )
        if workspace := said.get("workspace"):
            self.run.tags["comet.workspace"] = str(workspace)
        self._take: dict[str, Callable[[dict[str, Any]], None]] = {
            "metric_msg": self._metric,
            "parameter_msg": self._param,
            "log_other": self._other,
            "standard_output": self._output,
            "file_upload": self._file,
            "system_details": self._system,
        }

    def take(self, line: bytes, number: int) -> None:
        """One line of the archive's messages."""
        where = f"{self._path}: messages.json, line {number}"
        message = json_object(line, where)
        kind = str(message.get("type"))
        if kind not in self._take:
            self._lost[f"messages of the kind {kind}"] += 1
            return
        try:
            self._take[kind](message["payload"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InvalidError(f"{where}: {kind}: {type(error).__name__} {error}") from None

    def _metric(self, payload: dict[str, Any]) -> None:
        metric = payload["metric"]
        self._step = int(metric["step"]) if metric.get("step") is not None else self._step
        value = float(metric["metricValue"])
        self.run.add(str(metric["metricName"]), self._step, payload["local_timestamp"] / 1000, value)

    def _param(self, payload: dict[str, Any]) -> None:
        param = payload["param"]
        if param["paramName"] not in _OWN_PARAMS:
            self.run.params[str(param["paramName"]).replace("|", ".")] = param["paramValue"]

    def _other(self, payload: dict[str, Any]) -> None:
        key, value = str(payload["key"]), payload["value"]
        if key == "Name":
            self.run.name = str(value)
        elif key not in _OWN_FACTS:
            self.run.tags[key] = value if isinstance(value, str) else json.dumps(value)

    def _output(self, payload: dict[str, Any]) -> None:
        stream: Any = "stderr" if payload.get("stderr") else "stdout"
        self.run.output.append(OutputChunk(stream, str(payload["output"]), payload["local_timestamp"] / 1000))

    def _system(self, payload: dict[str, Any]) -> None:
        for name in ("hostname", "user", "python_version", "os"):
            if payload.get(name):
                self.run.tags[f"comet.{name}"] = str(payload[name])

    def _file(self, payload: dict[str, Any]) -> None:
        said, kind, stored = payload["additional_params"], str(payload.get("upload_type")), str(payload["file_path"])
        if stored not in self._sizes:
            self._lost["files that are not in the archive"] += 1
            return
        name, step = str(said.get("fileName") or said.get("figName") or stored), said.get("step") or 0
        if kind == "text-sample":
            path = f"media/text/{step}.txt"
        elif kind in _MEDIA:
            suffix = posixpath.splitext(name)[1] or f".{said.get('extension') or 'png'}"
            path = f"media/{posixpath.splitext(name)[0]}/{step}{suffix}"
        elif kind == "source_code":
            path = f"source/{posixpath.basename(name)}"
        else:
            path = name.lstrip("/") if kind == "asset" else f"{kind}/{name.lstrip('/')}"
        content = Distant(self._sizes[stored], functools.partial(_bytes, self._path, stored))
        self.run.files.append(File(path, content))


def _bytes(path: Path, name: str) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive, archive.open(name) as file:
        while chunk := file.read(_CHUNK):
            yield chunk
