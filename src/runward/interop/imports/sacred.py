"""Sacred: the folders of its FileStorageObserver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from runward.errors import InvalidError
from runward.interop.imports.model import (
    Broken,
    File,
    Foreign,
    Head,
    files_below,
    flat,
    from_iso,
    inside,
    json_object,
    stat_of,
    version_of,
)
from runward.tracking.model import OutputChunk, RunStatus

_STATES = {
    "QUEUED": RunStatus.RUNNING,
    "RUNNING": RunStatus.RUNNING,
    "COMPLETED": RunStatus.FINISHED,
    "INTERRUPTED": RunStatus.CANCELLED,
    "TIMEOUT": RunStatus.TIMED_OUT,
    "FAILED": RunStatus.FAILED,
}
_READ = {"config.json", "metrics.json", "cout.txt"}
_PIECE = 60_000


class SacredFolder:
    """A folder with a folder for every run, each with its ``run.json``."""

    tool = "sacred"

    def __init__(self, path: Path) -> None:
        self.where, self.lost = str(path), Counter[str]()
        self._base = path.parent if (path / "run.json").is_file() else path
        found = [path] if self._base != path else [file.parent for file in sorted(path.glob("*/run.json"))]
        if not found:
            raise InvalidError(f"{path} has no ID/run.json", hint="give the folder of Sacred's FileStorageObserver")
        self._folders = {folder.name: folder for folder in found}

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        for name, folder in self._folders.items():
            try:
                run = _json(folder / "run.json")
                place = str(run.get("experiment", {}).get("name") or "sacred")
                host = run.get("host", {}).get("hostname", "")
                # Sacred's ids begin at 1 in every folder; the moment and the machine tell runs apart.
                identity = f"{place}/{name}/{run.get('start_time')}/{host}"
                yield Head(name, identity, place, version_of(stat_of(files_below(folder))))
            except (InvalidError, OSError) as error:
                yield Broken(Head(name, "", "", ""), str(error))

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            try:
                yield self._run(head, self._folders[head.id])
            except (InvalidError, OSError) as error:
                yield Broken(head, str(error))

    def _run(self, head: Head, folder: Path) -> Foreign:
        said = _json(folder / "run.json")
        word = str(said.get("status", ""))
        if word not in _STATES:
            raise InvalidError(f"{folder / 'run.json'}: status is {word!r:.40}, which Sacred does not have")
        if not isinstance(said.get("start_time"), str):
            raise InvalidError(f"{folder / 'run.json'}: start_time is missing")
        status, end = _STATES[word], said.get("stop_time") or said.get("heartbeat")
        config = _json(folder / "config.json") if (folder / "config.json").exists() else {}
        run = Foreign(
            head=head,
            name=f"{head.place} {head.id}",
            status=status,
            started_at=from_iso(said["start_time"]),
            ended_at=from_iso(end) if end and status.is_terminal else None,
            error="".join(said.get("fail_trace") or []),
            seed=config["seed"] if isinstance(config.get("seed"), int) else None,
            purpose=str((said.get("meta") or {}).get("comment") or ""),
            params=flat({key: value for key, value in config.items() if key != "__doc__"}),
            tags={
                "sacred.command": str(said.get("command") or ""),
                "sacred.host": str(said["host"].get("hostname", "")),
            }
            if isinstance(said.get("host"), dict)
            else {},
            series={},
            files=self._files(folder, said),
        )
        self._add_points(run, folder / "metrics.json")
        self._add_result(run, said.get("result"))
        if (folder / "cout.txt").exists():
            text, at = (folder / "cout.txt").read_text("utf-8", "replace"), run.started_at.timestamp()
            run.output = [OutputChunk("stdout", text[n : n + _PIECE], at) for n in range(0, len(text), _PIECE)]
        return run

    def _add_points(self, run: Foreign, path: Path) -> None:
        for key, columns in (_json(path) if path.exists() else {}).items():
            try:
                rows = zip(columns["steps"], columns["timestamps"], columns["values"], strict=True)
                for step, at, value in rows:
                    run.add(key, int(step), from_iso(at).timestamp(), float(value))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise InvalidError(f"{path}: metric {key!r:.80}: {error}") from None

    def _add_result(self, run: Foreign, result: Any) -> None:
        if isinstance(result, int | float) and "result" not in run.series:
            run.add("result", 0, (run.ended_at or run.started_at).timestamp(), float(result))
        elif result is not None:
            run.tags["sacred.result"] = msgspec.json.encode(result).decode()[:10_000]

    def _files(self, folder: Path, said: dict[str, Any]) -> list[File]:
        found = [File(p.relative_to(folder).as_posix(), p) for p in files_below(folder) if p.name not in _READ]
        for kind, pairs in (
            ("sources", said.get("experiment", {}).get("sources", [])),
            ("resources", said.get("resources", [])),
        ):
            for name, stored in pairs:
                places = (self._base / stored, self._base.parent / stored)
                path = next((place for place in places if inside(self._base, place.absolute())), None)
                if path is None:
                    self.lost[f"{kind} that are not there"] += 1
                else:
                    found.append(File(f"{kind}/{str(name).lstrip('/')}", path))
        return found


def _json(path: Path) -> dict[str, Any]:
    return json_object(path.read_bytes(), str(path))
