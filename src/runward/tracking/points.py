"""Points as columns of raw bytes: how they travel, how they are stored, how a chart's share is taken."""

from __future__ import annotations

import bisect
import itertools
import math
import operator
import struct
import sys
from array import array
from collections.abc import Container, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from runward.core.zstd import compress, decompress
from runward.errors import CorruptedError, InvalidError
from runward.tracking.model import Points, Series

T = TypeVar("T")
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
    steps, times, values = columns
    return Points(key, raw_of(steps), raw_of(times), raw_of(values))


def raw_of(column: array[Any]) -> bytes:
    """A column as little-endian bytes."""
    if _SWAP:
        column = column[:]
        column.byteswap()
    return column.tobytes()


def column_of(code: str, raw: bytes | bytearray) -> array[Any]:
    """A column of a type code from its little-endian bytes."""
    column: array[Any] = array(code)
    column.frombytes(raw)
    if _SWAP:
        column.byteswap()
    return column


def _count(points: Points) -> int:
    size = len(points.steps)
    if size % 8 or not size == len(points.times) == len(points.values):
        raise InvalidError(f"metric {points.key!r}: steps, times and values differ in length or are cut")
    return size // 8


def unpack_columns(points: Points) -> Columns:
    """Columns from their raw bytes. Raises: InvalidError (lengths differ or are no multiple of 8)."""
    _count(points)
    return Columns(column_of("q", points.steps), column_of("d", points.times), column_of("d", points.values))


def pack_segment(points: Sequence[Points]) -> bytes:
    """A batch's points as one stored segment."""
    return compress(_encoder.encode(points))


def unpack_segment(data: bytes) -> list[Points]:
    """The points of a stored segment. Raises: CorruptedError."""
    return decoded(_decoder, data)


def decoded(decoder: msgspec.msgpack.Decoder[T], data: bytes, limit: int = 1 << 28) -> T:
    """What a stored, compressed document holds. Raises: CorruptedError."""
    try:
        return decoder.decode(decompress(data, limit))
    except (InvalidError, msgspec.MsgspecError) as error:
        raise CorruptedError(f"stored points are damaged: {error}", hint="restore a backup") from error


def collect(segments: Iterable[bytes], keys: Container[str] | None = None) -> dict[str, Columns]:
    """The asked series (all, by default) from a run's segments, in order of arrival."""
    found: dict[str, Columns] = {}
    for data in segments:
        for points in unpack_segment(data):
            if keys is None or points.key in keys:
                extend(found.setdefault(points.key, empty_columns()), unpack_columns(points))
    return found


def extend(whole: Columns, piece: Columns) -> None:
    """Add later points to a series."""
    whole.steps.extend(piece.steps)
    whole.times.extend(piece.times)
    whole.values.extend(piece.values)


def _is_sorted(steps: Sequence[int]) -> bool:
    return all(map(operator.le, steps, itertools.islice(steps, 1, None)))


def in_order(columns: Columns) -> Columns:
    """The points in order of step; equal steps stay in order of arrival."""
    steps = columns.steps
    if _is_sorted(steps):
        return columns
    return pick(columns, sorted(range(len(steps)), key=steps.__getitem__))


def pick(columns: Columns, positions: Iterable[int]) -> Columns:
    """The points at some positions."""
    positions = list(positions)
    steps, times, values = columns
    return Columns(
        array("q", [steps[i] for i in positions]),
        array("d", [times[i] for i in positions]),
        array("d", [values[i] for i in positions]),
    )


def extremes(values: array[float], start: int, end: int) -> set[int]:
    """Where a non-empty piece is least and greatest, and every position that is not finite."""
    piece = values[start:end]
    total = sum(piece)
    if total - total == 0:  # Not so when anything in it is not finite.
        return {start + piece.index(min(piece)), start + piece.index(max(piece))}
    finite = [i for i, value in enumerate(piece) if math.isfinite(value)]
    kept = set(range(len(piece))).difference(finite)
    if finite:
        kept |= {min(finite, key=piece.__getitem__), max(finite, key=piece.__getitem__)}
    return {start + i for i in kept}


def reduce_columns(columns: Columns, width: int) -> Columns:
    """At most two points for each of ``width`` pixel columns: where the series is least and greatest.

    The ends stay, and so does every value that is not finite, because a chart marks it.
    """
    steps, _, values = columns
    if width <= 0 or len(steps) <= 2 * width:
        return columns
    first, span = steps[0], max(steps[-1] - steps[0], 1)
    keep, start = {0, len(steps) - 1}, 0
    all_finite = math.isfinite(sum(values))
    for pixel in range(1, width + 2):
        end = bisect.bisect_left(steps, first - (-pixel * span // width), start)
        if end > start:
            if all_finite:
                piece = values[start:end]
                keep.add(start + piece.index(min(piece)))
                keep.add(start + piece.index(max(piece)))
            else:
                keep |= extremes(values, start, end)
            start = end
    return pick(columns, sorted(keep))


class Summary(NamedTuple):
    """One line for a piece of a series; None stands for NaN."""

    key: str
    n: int
    last: float | None
    last_step: int
    low: float | None
    high: float | None


def summary_of(points: Points) -> Summary | None:
    """One line for a piece of a series as it travels; None where it has no points.

    The last value is the one with the greatest step, the latest among equals.

    Raises: InvalidError, as :func:`unpack_columns`.
    """
    if not (n := _count(points)):
        return None
    steps, values = struct.unpack(f"<{n}q", points.steps), struct.unpack(f"<{n}d", points.values)
    greatest = max(steps)
    last = values[-1] if steps[-1] == greatest else values[n - 1 - steps[::-1].index(greatest)]
    total = sum(values)
    # x - x is 0 for finite numbers only.
    comparable = values if total - total == 0 else [v for v in values if not math.isnan(v)]
    low, high = (min(comparable), max(comparable)) if comparable else (None, None)
    return Summary(points.key, n, None if math.isnan(last) else last, greatest, low, high)


def special_name(value: float) -> str:
    """``NaN``, ``Infinity``, ``-Infinity``, or empty for a finite value."""
    if math.isfinite(value):
        return ""
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def as_series(key: str, n: int, columns: Columns, width: int) -> Series:
    """Columns as an answer, reduced to a chart's width; ``n`` points are stored in all."""
    shown = reduce_columns(columns, width)
    special: dict[int, str] = {}
    found = shown.values.tolist()
    total, values = sum(found), cast(list[float | None], found)
    if total - total != 0:
        special = {i: special_name(v) for i, v in enumerate(shown.values) if not math.isfinite(v)}
        for i in special:
            values[i] = None
    return Series(
        key=key,
        n=n,
        steps=shown.steps.tolist(),
        times=shown.times.tolist(),
        values=values,
        special=special,
        reduced=len(shown.steps) < n,
    )
