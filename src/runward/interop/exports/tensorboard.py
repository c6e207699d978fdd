"""Runs as TensorBoard's event files, written without TensorBoard."""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from runward.interop.exports.model import Whole
from runward.interop.imports.wire import masked_crc32c
from runward.tracking.model import RunStatus

_DOUBLE = 2
_STATES = {RunStatus.FINISHED: 1, RunStatus.RUNNING: 3}
_UNUSABLE = re.compile(r"[^\w.\-=+,@ ]+")


class TensorboardWriter:
    """Writes a folder for every run, with one event file: series as scalars, params as hyperparameters.

    Scalars are float64 tensors, so that no digit is lost.
    """

    format = "tensorboard"

    def __init__(self, folder: Path) -> None:
        self.target, self.lost = str(folder), Counter[str]()
        self._folder = folder

    def write(self, whole: Whole) -> bool:
        """See :class:`Writer`."""
        run = whole.run
        folder = self._folder / f"{_UNUSABLE.sub('-', run.name)[:100]}-{run.id[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        began = run.started_at.timestamp()
        with (folder / f"events.out.tfevents.{int(began)}.runward.{run.id}").open("wb") as file:
            file.write(_record(_event(began, 0, _field(3, b"brain.Event:2"))))
            file.write(_record(_event(began, 0, _summary(_hparams(run.params, began)))))
            for key, columns in whole.series():
                metadata = _field(9, _field(1, _field(1, b"scalars")))
                for step, at, value in zip(*columns, strict=True):
                    file.write(_record(_event(at, step, _summary(_scalar(key, value, metadata)))))
                    # Only the first value of a tag says which plugin it belongs to.
                    metadata = b""
            if run.ended_at is not None:
                end = _varint_field(1, _STATES.get(run.status, 2)) + _double_field(2, run.ended_at.timestamp())
                content = _plugin("_hparams_/session_end_info", _field(4, end))
                file.write(_record(_event(run.ended_at.timestamp(), 0, _summary(content))))
        for what, count in (("tags", len(run.tags)), ("artifacts", len(whole.detail.artifacts))):
            if count:
                self.lost[what] += count
        return True

    def close(self) -> None:
        """See :class:`Writer`."""


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint_field(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _double_field(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _event(at: float, step: int, content: bytes) -> bytes:
    return _double_field(1, at) + _varint_field(2, step) + content


def _summary(value: bytes) -> bytes:
    return _field(5, _field(1, value))


def _scalar(key: str, value: float, metadata: bytes) -> bytes:
    tensor = _varint_field(1, _DOUBLE) + _field(2, b"") + _field(4, struct.pack("<d", value))
    return _field(1, key.encode()) + metadata + _field(8, tensor)


def _plugin(tag: str, content: bytes) -> bytes:
    """A value of the hyperparameter plugin, whose content lies in the metadata."""
    plugin = _field(1, b"hparams") + _field(2, content)
    nothing = _varint_field(1, 1) + _field(2, b"") + _field(5, struct.pack("<f", 0.0))
    return _field(1, tag.encode()) + _field(9, _field(1, plugin)) + _field(8, nothing)


def _hparams(params: dict[str, Any], began: float) -> bytes:
    entries = b"".join(_field(1, _field(1, key.encode()) + _field(2, _value(value))) for key, value in params.items())
    return _plugin("_hparams_/session_start_info", _field(3, entries + _double_field(5, began)))


def _value(value: Any) -> bytes:
    """A google.protobuf.Value."""
    if isinstance(value, bool):
        return _varint_field(4, int(value))
    if isinstance(value, int | float) and abs(value) < 1 << 53 and math.isfinite(value):
        return _double_field(2, float(value))
    return _varint_field(1, 0) if value is None else _field(3, str(value).encode())


def _record(data: bytes) -> bytes:
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked_crc32c(head)) + data + struct.pack("<I", masked_crc32c(data))
