"""TensorBoard: event files (TensorFlow's record files), read without TensorFlow or TensorBoard."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from runward.errors import InvalidError
from runward.interop.imports.model import HISTOGRAM, Broken, File, Foreign, Head, from_s, stat_of, version_of
from runward.interop.imports.wire import double, fields, message, numbers, repeated, signed, single, text, tf_records
from runward.tracking.model import RunStatus

_PATTERN = "*tfevents*"
_POINT_BYTES = 50
"""About what a scalar takes in a file."""
_CODES = {1: ("f", 5, 4), 2: ("d", 6, 8), 3: ("i", 7, 4), 9: ("q", 10, 8)}
"""Type code, number of the field with single values, and width in bytes, by the tensor's type."""
_HALF, _BFLOAT, _STRING, _BOOL = 19, 14, 7, 10
_IMAGES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif"}
_STATES = {1: RunStatus.FINISHED, 2: RunStatus.FAILED, 3: RunStatus.RUNNING}
_HPARAMS = "_hparams_/"


class TensorboardFolder:
    """A log folder: every folder with event files in it is a run, as TensorBoard has it."""

    tool = "tensorboard"

    def __init__(self, path: Path) -> None:
        self.where, self.lost = str(path), Counter[str]()
        files = [path] if path.is_file() else sorted(path.rglob(_PATTERN))
        if not files:
            raise InvalidError(
                f"{path} has no event file ({_PATTERN})", hint="give what `tensorboard --logdir` is given"
            )
        root = (path.parent if path.is_file() else path).absolute()
        self._place = root.name
        self._runs: dict[str, list[Path]] = {}
        for file in files:
            name = file.parent.absolute().relative_to(root).as_posix()
            self._runs.setdefault(root.name if name == "." else name, []).append(file)

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        for name, files in self._runs.items():
            try:
                facts = stat_of(files)
            except OSError as error:
                yield Broken(Head(name, "", "", ""), str(error))
                continue
            # Names of event files tell second, machine and process, so a folder that moved is still the same run.
            points = sum(size for _, size, _ in facts) // _POINT_BYTES
            yield Head(name, f"{name}/{files[0].name}", self._place, version_of(facts), points)

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            try:
                reader = _Reader(head, self.lost)
                for file in self._runs[head.id]:
                    reader.read(file)
                yield reader.finished()
            except (InvalidError, OSError) as error:
                yield Broken(head, str(error))


class _Reader:
    def __init__(self, head: Head, lost: Counter[str]) -> None:
        self._lost = lost
        self.run = Foreign(head=head, name=head.id, status=RunStatus.FINISHED, started_at=from_s(0))
        self.run.params, self.run.tags, self.run.series, self.run.files = {}, {}, {}, []
        self._plugins: dict[str, str] = {}
        self._first_s, self._last_s = math.inf, 0.0
        self._media: Counter[str] = Counter()

    def read(self, path: Path) -> None:
        for data in tf_records(path):
            try:
                self._event(data)
            except InvalidError as error:
                raise InvalidError(f"{path}: {error.message}") from None

    def finished(self) -> Foreign:
        run = self.run
        if math.isfinite(self._first_s):
            run.started_at = from_s(self._first_s)
            run.ended_at = from_s(self._last_s) if run.status.is_terminal else None
        return run

    def _event(self, data: bytes) -> None:
        event = message(data)
        at, step = double(event.get(1)), signed(event.get(2, 0))
        self._first_s, self._last_s = min(self._first_s, at), max(self._last_s, at)
        if 5 in event:
            for value in repeated(event[5], 1):
                self._value(message(value), at, step)
        for number, what in ((4, "graphs"), (9, "graphs"), (8, "profiles (run metadata)"), (6, "log messages")):
            if number in event:
                self._lost[what] += 1

    def _value(self, value: dict[int, Any], at: float, step: int) -> None:
        tag = text(value.get(1))
        if 9 in value:
            plugin = message(message(value[9]).get(1, b""))
            # Only the first value of a tag says which plugin it belongs to.
            self._plugins.setdefault(tag, text(plugin.get(1)))
            if tag.startswith(_HPARAMS):
                self._hparams(plugin.get(2, b""))
                return
        if 2 in value:
            self.run.add(tag, step, at, single(value[2]))
        elif 4 in value:
            self._image(tag, step, message(value[4]).get(4, b""))
        elif 5 in value:
            self._histogram(tag, step, value[5])
        elif 6 in value:
            self._file(tag, step, "wav", message(value[6]).get(4, b""))
        elif 8 in value:
            self._tensor(tag, step, at, value[8])

    def _tensor(self, tag: str, step: int, at: float, data: bytes) -> None:
        plugin, tensor = self._plugins.get(tag, ""), message(data)
        if tensor.get(1) == _STRING:
            texts = repeated(data, 8)
            if plugin == "images":
                for picture in texts[2:]:
                    self._image(tag, step, picture)
            elif plugin == "audio":
                for sound in texts[::2]:
                    self._file(tag, step, "wav", sound)
            elif plugin == "text" or not plugin:
                self._file(tag, step, "txt", b"\n".join(texts))
            else:
                self._lost[f"values of the plugin {plugin}"] += 1
            return
        values = _numbers(tensor, data)
        if plugin == "histograms" and len(values) % 3 == 0:
            self._histogram_of(tag, step, [*values[0::3], *values[-2:-1]], list(values[2::3]))
        elif len(values) == 1 and plugin in ("scalars", ""):
            self.run.add(tag, step, at, float(values[0]))
        else:
            self._lost[f"values of the plugin {plugin or 'none'} (tensors)"] += 1

    def _histogram(self, tag: str, step: int, data: bytes) -> None:
        found = message(data)
        limits, counts = numbers("d", repeated(data, 6)).tolist(), numbers("d", repeated(data, 7)).tolist()
        lowest = double(found.get(1))
        # Old writers say only where each bin ends; the first begins at the least value.
        self._histogram_of(tag, step, [min(lowest, *limits[:1]), *limits], counts)

    def _histogram_of(self, tag: str, step: int, edges: list[float], counts: list[float]) -> None:
        top = 1.7976931348623157e308
        document = {"edges": [max(min(edge, top), -top) for edge in edges], "counts": counts}
        self._file(tag, step, "json", msgspec.json.encode(document), HISTOGRAM)

    def _image(self, tag: str, step: int, data: bytes) -> None:
        kind = next((name for magic, name in _IMAGES.items() if data.startswith(magic)), "")
        if kind:
            self._file(tag, step, kind, data)
        else:
            self._lost["images of an unknown kind"] += 1

    def _file(self, tag: str, step: int, suffix: str, data: bytes, media_type: str = "") -> None:
        base = f"media/{tag}/{step}"
        self._media[f"{base}.{suffix}"] += 1
        number = self._media[f"{base}.{suffix}"]
        name = f"{base}.{suffix}" if number == 1 else f"{base}-{number}.{suffix}"
        self.run.files.append(File(name, data, media_type))

    def _hparams(self, content: bytes) -> None:
        said = message(content)
        if 3 in said:
            for pair in repeated(said[3], 1):
                entry = message(pair)
                self.run.params[text(entry.get(1))] = _plain(entry.get(2, b""))
        if 4 in said:
            self.run.status = _STATES.get(message(said[4]).get(1, 0), RunStatus.FINISHED)


def _plain(data: bytes) -> Any:
    """A google.protobuf.Value as a JSON value."""
    for number, value in fields(data):
        if number == 2:
            return double(value)
        if number == 3:
            return text(value)
        if number == 4:
            return bool(value)
        if number == 5:
            entries = [message(pair) for pair in repeated(value, 1)]
            return {text(entry.get(1)): _plain(entry.get(2, b"")) for entry in entries}
        if number == 6:
            return [_plain(item) for item in repeated(value, 1)]
    return None


def _numbers(tensor: dict[int, Any], data: bytes) -> Sequence[float]:
    """The numbers of a tensor of any of the usual types."""
    kind, content = tensor.get(1, 0), tensor.get(4, b"")
    if kind in _CODES:
        code, number, width = _CODES[kind]
        if content:
            return array(code, content) if len(content) % width == 0 else []
        if code in "fd":
            return numbers(code, repeated(data, number))
        found = repeated(data, number)
        return [signed(value) for value in found if isinstance(value, int)]
    if kind == _HALF and content:
        return memoryview(content).cast("e").tolist()  # type: ignore[call-overload,no-any-return]
    if kind == _BFLOAT and content:
        return array("f", b"".join(b"\0\0" + content[at : at + 2] for at in range(0, len(content), 2)))
    if kind == _BOOL:
        return [float(byte) for byte in content]
    return []
