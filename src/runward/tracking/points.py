"""Points as columns of raw bytes: how they travel, how they are stored, how a chart's share is taken."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from runward.core.zstd import compress, decompress
from runward.errors import InvalidError
from runward.tracking.model import Points, Series

MAX_STEP = 2**63 - 1
_SWAP = sys.byteorder == "big"
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Points])


class Columns(NamedTuple):
    """The points of one series: int64 steps, float64 times (seconds since 1970) and values."""

    steps: array[int]
    times: array[float]
    values: array[float]


def empty_columns() -> Columns:
    """Columns without points."""
    return Columns(array("q"), array("d"), array("d"))


def pack_columns(key: str, columns: Columns) -> Points:
    """Columns as they travel."""
    return Points(key, *(_raw(column) for column in columns))


def _raw(column: array[int] | array[float]) -> bytes:
    if _SWAP:
        column = column[:]
        column.byteswap()
    return column.tobytes()


def _column(code: str, raw: bytes) -> array[float]:
    column: array[float] = array(code)
    column.frombytes(raw)
    if _SWAP:
        column.byteswap()
    return column


def unpack_columns(points: Points) -> Columns:
    """Columns from their raw bytes. Raises: InvalidError (lengths differ or are no multiple of 8)."""
    sizes = {len(points.steps), len(points.times), len(points.values)}
    if len(sizes) != 1 or sizes.pop() % 8:
        raise InvalidError(f"metric {points.key!r}: steps, times and values differ in length or are cut")
    steps = array("q")
    steps.frombytes(points.steps)
    if _SWAP:
        steps.byteswap()
    return Columns(steps, _column("d", points.times), _column("d", points.values))


def pack_segment(points: Sequence[Points]) -> bytes:
    """A batch's points as one stored segment."""
    return compress(_encoder.encode(points))


def unpack_segment(data: bytes) -> list[Points]:
    """The points of a stored segment."""
    return _decoder.decode(decompress(data))


def collect(segments: Iterable[bytes], keys: Sequence[str]) -> dict[str, Columns]:
    """The asked series from a run's segments, in order of step; equal steps stay in order of arrival."""
    found = {key: empty_columns() for key in keys}
    for data in segments:
        for points in unpack_segment(data):
            if points.key in found:
                whole, piece = found[points.key], unpack_columns(points)
                whole.steps.extend(piece.steps)
                whole.times.extend(piece.times)
                whole.values.extend(piece.values)
    return {key: _in_order(columns) for key, columns in found.items()}


def _in_order(columns: Columns) -> Columns:
    steps = columns.steps
    if all(steps[i] <= steps[i + 1] for i in range(len(steps) - 1)):
        return columns
    order = sorted(range(len(steps)), key=steps.__getitem__)
    return Columns(
        array("q", (steps[i] for i in order)),
        array("d", (columns.times[i] for i in order)),
        array("d", (columns.values[i] for i in order)),
    )


def reduce_columns(columns: Columns, width: int) -> Columns:
    """At most two points for each of ``width`` pixel columns: where the series is least and greatest.

    The ends stay, and so does every value that is not finite, because a chart marks it.
    """
    steps, _, values = columns
    if width <= 0 or len(steps) <= 2 * width:
        return columns
    first, span = steps[0], max(steps[-1] - steps[0], 1)
    keep = {0, len(steps) - 1}
    low = high = -1
    bucket = -1
    for index, value in enumerate(values):
        here = (steps[index] - first) * width // span
        if here != bucket:
            keep.update((low, high))
            bucket, low, high = here, -1, -1
        if not math.isfinite(value):
            keep.add(index)
            continue
        low = index if low < 0 or value < values[low] else low
        high = index if high < 0 or value > values[high] else high
    keep.update((low, high))
    keep.discard(-1)
    order = sorted(keep)
    return Columns(
        array("q", (steps[i] for i in order)),
        array("d", (columns.times[i] for i in order)),
        array("d", (values[i] for i in order)),
    )


class Summary(NamedTuple):
    """One line for a piece of a series; None stands for NaN."""

    key: str
    n: int
    last: float | None
    last_step: int
    low: float | None
    high: float | None


def summarise(key: str, columns: Columns) -> Summary:
    """One line for a piece of a series. The last value is the one with the greatest step, the latest among equals."""
    steps, values = columns.steps, columns.values
    position = max(range(len(steps)), key=lambda i: (steps[i], i))
    comparable = [v for v in values if not math.isnan(v)]
    last = values[position]
    return Summary(
        key,
        len(steps),
        None if math.isnan(last) else last,
        steps[position],
        min(comparable, default=None),
        max(comparable, default=None),
    )


def special_name(value: float) -> str:
    """``NaN``, ``Infinity``, ``-Infinity``, or empty for a finite value."""
    if math.isfinite(value):
        return ""
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def as_series(key: str, columns: Columns, width: int) -> Series:
    """Columns as an answer, reduced to a chart's width."""
    shown = reduce_columns(columns, width)
    special = {i: special_name(v) for i, v in enumerate(shown.values) if not math.isfinite(v)}
    return Series(
        key=key,
        n=len(columns.steps),
        steps=list(shown.steps),
        times=list(shown.times),
        values=[None if i in special else v for i, v in enumerate(shown.values)],
        special=special,
        reduced=len(shown.steps) < len(columns.steps),
    )
