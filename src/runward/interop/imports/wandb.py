"""Weights & Biases: the ``.wandb`` files that every run leaves on disk, offline or not."""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
    files_below,
    flat,
    from_s,
    inside,
    stat_of,
    version_of,
)
from runward.interop.imports.wire import double, log_records, message, repeated, signed, text, timestamp
from runward.tracking.model import OutputChunk, RunStatus

_MAGIC = b":W&B\xe1\xbe\x00"
_RECORDS = {
    2: "history",
    3: "summary",
    4: "output",
    5: "config",
    7: "stats",
    8: "artifact",
    13: "output",
    17: "run",
    18: "exit",
    26: "environment",
}
_POINT_BYTES = 60
"""About what a point takes in a file."""
_NO_END = "the run's file has no end: it crashed, or is still going"


class WandbFolder:
    """A folder ``wandb`` with a folder for every run, one of those, or a single ``.wandb`` file."""

    tool = "wandb"

    def __init__(self, path: Path) -> None:
        self.where, self.lost = str(path), Counter[str]()
        found = (
            [path] if path.is_file() else sorted(p for p in path.rglob("run-*.wandb") if "latest-run" not in p.parts)
        )
        if not found:
            raise InvalidError(f"{path} has no run-ID.wandb", hint="give the folder `wandb` of your script")
        self._files: dict[str, list[Path]] = {}
        for file in found:
            self._files.setdefault(file.stem.removeprefix("run-"), []).append(file)

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`. A run that was resumed has several files."""
        for run_id, files in self._files.items():
            try:
                run = next((body for file in files for kind, body in _records(file) if kind == "run"), None)
                if run is None:
                    raise InvalidError(f"{files[0]} has no record of its run: it is empty")
                said = message(run)
                place, entity = text(said.get(3)) or "uncategorized", text(said.get(2))
                everything = [path for file in files for path in [file, *files_below(file.parent / "files")]]
                size = sum(file.stat().st_size for file in files) // _POINT_BYTES
                yield Head(run_id, f"{entity}/{place}/{run_id}", place, version_of(stat_of(everything)), size)
            except (InvalidError, OSError) as error:
                yield Broken(Head(run_id, "", "", ""), str(error))

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            try:
                reader = _Reader(head, self.lost)
                for file in self._files[head.id]:
                    reader.read(file)
                yield reader.finished()
            except (InvalidError, OSError) as error:
                yield Broken(head, str(error))


def _records(path: Path) -> Iterator[tuple[str, bytes]]:
    for data in log_records(path, _MAGIC):
        for number, body in message(data).items():
            if number in _RECORDS:
                yield _RECORDS[number], body


def _number(literal: str) -> int | float:
    # JSON writes the float -0.0 as -0, which is no int.
    return -0.0 if literal == "-0" else int(literal)


_DECODER = json.JSONDecoder(parse_int=_number)
# Items may have a typed value in the place of JSON: nothing, a truth value, an int64, a double, a text.
_TYPED: dict[int, Callable[[Any], Any]] = {3: lambda _: None, 4: bool, 5: signed, 6: double, 7: text}


def _items(body: bytes, number: int = 1) -> Iterator[tuple[str, Any]]:
    """(key, value) of what history, summary, config and stats are made of."""
    for item in repeated(body, number):
        said = message(item)
        key = ".".join(text(part) for part in repeated(item, 2)) or text(said.get(1))
        kind = next((number for number in _TYPED if number in said), 0)
        if kind:
            yield key, _TYPED[kind](said[kind])
            continue
        literal = text(said.get(16) or said.get(8))
        try:
            yield key, _DECODER.decode(literal)
        except ValueError:
            raise InvalidError(f"value {literal!r:.60} of {key} is no JSON") from None


def _edges(histogram: dict[str, Any]) -> list[float]:
    """The edges of bins of one size. Nested, or flat as history has it."""
    packed = histogram.get("packedBins") or {k.partition(".")[2]: v for k, v in histogram.items() if "packedBins." in k}
    if not {"min", "size", "count"} <= set(packed):
        raise InvalidError("a histogram has neither bins nor packedBins with min, size and count")
    return [packed["min"] + packed["size"] * number for number in range(packed["count"] + 1)]


class _Reader:
    def __init__(self, head: Head, lost: Counter[str]) -> None:
        self._lost = lost
        self.run = Foreign(head=head, name="", status=RunStatus.FAILED, started_at=from_s(0), error=_NO_END)
        self.run.params, self.run.tags, self.run.series, self.run.files, self.run.output = {}, {}, {}, [], []
        self._summary: dict[str, Any] = {}
        self._taken: set[Path] = set()
        self._last_s, self._start_s, self._step, self._stats = 0.0, 0.0, 0, 0
        self._take: dict[str, Callable[[bytes], None]] = {
            "run": self._run,
            "config": self._config,
            "history": self._history,
            "summary": lambda body: self._summary.update(_items(body)),
            "stats": self._system,
            "output": self._output,
            "artifact": self._artifact,
            "exit": self._exit,
            "environment": lambda body: self._git(message(body).get(9, b"")),
        }

    def read(self, path: Path) -> None:
        self._folder = path.parent / "files"
        for kind, body in _records(path):
            try:
                self._take[kind](body)
            except InvalidError as error:
                raise InvalidError(f"{path}: record {kind}: {error.message}") from None
        for file in files_below(self._folder):
            if file not in self._taken:
                self.run.files.append(File(file.relative_to(self._folder).as_posix(), file))
        # `wandb.save` links to files that lie elsewhere; where they are was for the machine that wrote it to know.
        links = [file for file in self._folder.rglob("*") if file.is_symlink() and not inside(self._folder, file)]
        if links:
            self._lost["files behind links that lead out of the run's folder"] += len(links)

    def finished(self) -> Foreign:
        run = self.run
        for key, value in self._summary.items():
            is_media = any(f"{key[:at]}._type" in self._summary for at in range(len(key)) if key[at] == ".")
            if isinstance(value, int | float) and key not in run.series and not key.startswith("_") and not is_media:
                run.add(key, self._step, self._last_s, float(value))
        run.ended_at = from_s(self._last_s)
        return run

    def _run(self, body: bytes) -> None:
        said, run = message(body), self.run
        run.name, run.purpose = text(said.get(8)) or run.head.id, text(said.get(9))
        if not self._start_s and 17 in said:
            self._start_s = timestamp(said[17])
            run.started_at, self._last_s = from_s(self._start_s), max(self._last_s, self._start_s)
        run.tags.update((text(tag), "") for tag in repeated(body, 10))
        facts = {"entity": 2, "group": 6, "job_type": 7, "sweep": 12, "host": 13}
        run.tags.update((f"wandb.{name}", text(said[number])) for name, number in facts.items() if said.get(number))
        self._git(said.get(21, b""))
        self._config(said.get(4, b""))

    def _git(self, body: bytes) -> None:
        git = message(body)
        self.run.tags.update(
            (f"wandb.git.{name}", text(git[n])) for n, name in ((1, "remote"), (2, "commit")) if git.get(n)
        )

    def _config(self, body: bytes) -> None:
        values = {key: value for key, value in _items(body) if not key.startswith("_wandb")}
        self.run.params.update(flat(values))
        for key, _ in _items(body, 2):
            self.run.params.pop(key, None)

    def _history(self, body: bytes) -> None:
        values = dict(_items(body))
        step = values.pop("_step", signed(message(message(body).get(2, b"")).get(1, 0)))
        at = float(values.pop("_timestamp", self._last_s))
        values.pop("_runtime", None)
        self._step, self._last_s = int(step), max(self._last_s, at)
        media: dict[str, dict[str, Any]] = {}
        typed = [key.removesuffix("._type") for key in values if key.endswith("._type")]
        for key, value in values.items():
            parent = next((name for name in typed if key.startswith(f"{name}.")), None)
            if parent is not None:
                media.setdefault(parent, {})[key.removeprefix(f"{parent}.")] = value
            else:
                self._value(key, value, at)
        for key, parts in media.items():
            self._media(key, parts)

    def _value(self, key: str, value: Any, at: float) -> None:
        if isinstance(value, int | float):
            try:
                self.run.add(key, self._step, at, float(value))
            except OverflowError:
                raise InvalidError(f"{key} at step {self._step} is {value!r:.40}, too large for a float") from None
        elif isinstance(value, dict) and "_type" in value:
            self._media(key, value)
        elif isinstance(value, dict):
            for name, item in value.items():
                self._value(f"{key}.{name}", item, at)
        else:
            self._lost["values in history that are no numbers (text, lists)"] += 1

    def _media(self, key: str, value: dict[str, Any]) -> None:
        kind, base = value["_type"], f"media/{key}/{self._step}"
        if kind == "histogram":
            edges = value.get("bins") or _edges(value)
            document = {"edges": edges, "counts": value.get("values", [])}
            self.run.files.append(File(f"{base}.json", msgspec.json.encode(document), HISTOGRAM))
            return
        paths = value.get("filenames") or ([value["path"]] if value.get("path") else [])
        for number, path in enumerate(paths, start=1):
            file = self._folder / path
            if not inside(self._folder, path):
                self._lost["media whose files are not there"] += 1
                continue
            self._taken.add(file)
            is_table = kind in ("table-file", "joined-table")
            suffix = ".table.json" if is_table else posixpath.splitext(path)[1]
            name = f"{base}{suffix}" if len(paths) == 1 else f"{base}-{number}{suffix}"
            self.run.files.append(File(name, file, TABLE if is_table else ""))

    def _system(self, body: bytes) -> None:
        at = timestamp(message(body).get(2, b""))
        for key, value in _items(body, 3):
            if isinstance(value, int | float):
                self.run.add(f"system/{key}", self._stats, at, float(value))
        self._stats, self._last_s = self._stats + 1, max(self._last_s, at)

    def _output(self, body: bytes) -> None:
        said = message(body)
        at = timestamp(said.get(2, b""))
        self.run.output.append(OutputChunk("stdout" if said.get(1, 0) else "stderr", text(said.get(3)), at))
        self._last_s = max(self._last_s, at)

    def _artifact(self, body: bytes) -> None:
        said = message(body)
        if text(said.get(4)) == "run_table":
            return
        for entry in repeated(said.get(12, b""), 4):
            part = message(entry)
            path = Path(text(part.get(6)))
            if part.get(6) and path.is_file():
                self.run.files.append(File(f"artifacts/{text(said.get(5))}/{text(part.get(1))}", path))
            else:
                self._lost["files of artifacts that are not on this machine"] += 1

    def _exit(self, body: bytes) -> None:
        said, run = message(body), self.run
        run.exit_code = signed(said.get(1, 0))
        run.status = RunStatus.FAILED if run.exit_code else RunStatus.FINISHED
        run.error = ""
        self._last_s = max(self._last_s, self._start_s + said.get(2, 0))
