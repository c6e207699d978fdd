"""Blocks: many segments of one run folded into few bytes, readable one series at a time.

A block is a head (where everything lies) and pages of about 64 kB. Keys that were logged together share their steps and
times. Every column takes the smallest of a few exact encodings, byte-shuffled and zstd-compressed; a long series also
carries a level: the least and the greatest point of every 128, so that a chart reads 1/64 of it.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import operator
import struct
import zlib
from array import array
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from runward.core.zstd import compress, decompress
from runward.errors import CorruptedError
from runward.tracking.points import Columns, column_of, decoded, extremes, in_order, pick, raw_of

PAGE_BYTES: Final = 1 << 16
BUCKET: Final = 128
"""Points that share one least and one greatest point in the level."""
_WITH_LEVEL: Final = 8 * BUCKET

_CONSTANT, _RANGE, _DELTA, _PLAIN, _SINGLE, _DOUBLE = range(6)
_PACKED: Final = 0x80
_HEAD: Final = struct.Struct("<BcqqB")
_LEVEL: Final = struct.Struct("<III")
_DENOMINATORS: Final = (1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6)
"""Decimal places that people log with."""
_BITS: Final = 255
"""In place of a denominator: the whole numbers are the bit patterns of the values. Those of neighbouring times differ
by little, and taking them back costs no arithmetic."""
_MAX_EXACT: Final = 1 << 53
_MANY: Final = 1 << 13
"""Values from which on numpy, where it is installed, is worth its import: it decodes a million in a tenth of the time."""
_INTS: Final = (("b", 7), ("h", 15), ("i", 31), ("q", 63))


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a chunk lies."""

    page: int
    offset: int
    length: int


class Axis(msgspec.Struct, frozen=True, array_like=True):
    """Steps and times that some series share."""

    n: int
    steps: Place
    times: Place


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One series of a block."""

    axis: int
    values: Place
    level: Place | None


class Head(msgspec.Struct, frozen=True, array_like=True):
    """What a block holds."""

    axes: list[Axis]
    series: dict[str, Entry]
    sums: list[int] = []
    """CRC-32 of each page; none where the block was made before there were any."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Head)


class Block(NamedTuple):
    """A block as it is stored."""

    head: bytes
    pages: list[bytes]
    points: int


# columns -------------------------------------------------------------------------------------------------------------


def _shuffle(raw: bytes, width: int) -> bytes:
    """All first bytes, then all second bytes, …: the bytes that hardly change come to lie together."""
    return raw if width == 1 else b"".join(raw[i::width] for i in range(width))


def _unshuffle(raw: bytes, width: int) -> bytes | bytearray:
    if width == 1:
        return raw
    count = len(raw) // width
    whole = bytearray(len(raw))
    for i in range(width):
        whole[i::width] = raw[i * count : (i + 1) * count]
    return whole


def _chunk(mode: int, column: array[Any], first: int = 0, second: int = 0, scale: int = 0) -> bytes:
    raw = _shuffle(raw_of(column), column.itemsize)
    packed = compress(raw) if len(raw) > 64 else raw
    if len(packed) >= len(raw):
        return _HEAD.pack(mode, column.typecode.encode(), first, second, scale) + raw
    return _HEAD.pack(mode | _PACKED, column.typecode.encode(), first, second, scale) + packed


def _narrow(low: int, high: int) -> str:
    for code, bits in _INTS:
        if -(1 << bits) <= low and high < 1 << bits:
            return code
    raise OverflowError


def pack_ints(column: array[int], scale: int = 0) -> bytes:
    """A non-empty int64 column in its smallest exact form."""
    count, first = len(column), column[0]
    stride = column[1] - first if count > 1 else 0
    if column == array("q", [first]) * count:
        return _HEAD.pack(_CONSTANT, b"q", first, 0, scale)
    ends_there = stride and abs(stride) < _MAX_EXACT and column[-1] == first + stride * (count - 1)
    if ends_there and column == array("q", range(first, first + stride * count, stride)):
        return _HEAD.pack(_RANGE, b"q", first, stride, scale)
    plain = _narrow(min(column), max(column))
    try:
        deltas = array("q", map(operator.sub, itertools.islice(column, 1, None), column))
    except OverflowError:
        return _chunk(_PLAIN, column, scale=scale)
    code = _narrow(min(deltas), max(deltas))
    if array(code).itemsize < array(plain).itemsize:
        return _chunk(_DELTA, array(code, deltas), first, scale=scale)
    return _chunk(_PLAIN, array(plain, column), scale=scale)


def pack_floats(column: array[float]) -> bytes:
    """A non-empty float64 column in its smallest exact form; what comes back is equal bit for bit."""
    raw = column.tobytes()
    sample = column[:: max(len(column) // 64, 1)]
    for number, denominator in enumerate(_DENOMINATORS):
        if _scaled(sample, denominator) is None:
            continue
        whole = _scaled(column, denominator)
        if whole is not None:
            return pack_ints(whole, number + 1)
    bits = column_of("q", raw_of(column))
    # Tried on a piece first: for what jumps about, it would be work for nothing.
    if len(pack_ints(bits[:256], _BITS)) < 4 * min(len(bits), 256):
        return pack_ints(bits, _BITS)
    try:
        single = array("f", column)
    except OverflowError:
        return _chunk(_DOUBLE, column)
    # Comparing bytes and not numbers: NaN payloads and the sign of zero count.
    if array("d", single).tobytes() == raw:
        return _chunk(_SINGLE, single)
    return _chunk(_DOUBLE, column)


def _scaled(column: array[float], denominator: float) -> array[int] | None:
    """The column times a denominator as whole numbers, if that division gives every value back bit for bit."""
    try:
        whole = array("q", [round(value * denominator) for value in column])
    except (ValueError, OverflowError):
        return None
    if max(whole) >= _MAX_EXACT or min(whole) <= -_MAX_EXACT:
        return None
    return whole if array("d", [value / denominator for value in whole]).tobytes() == column.tobytes() else None


def _payload(chunk: bytes, code: str, packed: bool) -> array[Any]:
    raw = chunk[_HEAD.size :]
    return column_of(code, _unshuffle(decompress(raw, 1 << 31) if packed else raw, array(code).itemsize))


def _numpy(count: int) -> Any:
    """The library for a long column, if there is one; what comes out is the same bit for bit without."""
    return _imported_numpy() if count >= _MANY else None


@functools.cache
def _imported_numpy() -> Any:
    try:
        return importlib.import_module("numpy")
    except ImportError:
        return None


def _native(code: str, values: Any) -> array[Any]:
    column: array[Any] = array(code)
    column.frombytes(memoryview(values).cast("B"))
    return column


def _progression(first: int, stride: int, count: int) -> array[int]:
    if (numpy := _numpy(count)) is None:
        return array("q", range(first, first + stride * count, stride))
    return _native("q", numpy.arange(count, dtype="i8") * stride + first)


def _summed(first: int, deltas: array[int]) -> array[int]:
    if (numpy := _numpy(len(deltas))) is None:
        return array("q", itertools.accumulate(deltas, initial=first))
    # Sums may pass 64 bits on the way: what is lost there is lost in the addition of `first` as well.
    sums = numpy.concatenate(([first], numpy.asarray(deltas)), dtype="i8")
    return _native("q", numpy.cumsum(sums, out=sums))


def _doubles(column: array[Any], denominator: float = 1.0) -> array[float]:
    if (numpy := _numpy(len(column))) is None:
        return array(
            "d", column if denominator == 1.0 else map(operator.truediv, column, itertools.repeat(denominator))
        )
    whole = numpy.asarray(column).astype("f8")
    return _native("d", whole if denominator == 1.0 else whole / denominator)


def _unpack(chunk: bytes, count: int) -> tuple[int, int, array[Any]]:
    """(mode, scale, column): whole numbers for the integer modes, else floats."""
    mode, code, first, second, scale = _HEAD.unpack_from(chunk)
    packed, mode = bool(mode & _PACKED), mode & ~_PACKED
    if mode == _CONSTANT:
        return mode, scale, array("q", [first]) * count
    if mode == _RANGE:
        return mode, scale, _progression(first, second, count)
    column = _payload(chunk, code.decode(), packed)
    if mode == _DELTA:
        column = _summed(first, column)
    if len(column) != count:
        raise CorruptedError(f"a stored series has {len(column)} values instead of {count}", hint="restore a backup")
    return mode, scale, column


def unpack_ints(chunk: bytes, count: int) -> array[int]:
    """The column of :func:`pack_ints`."""
    column = _unpack(chunk, count)[2]
    return column if column.typecode == "q" else array("q", column)


def unpack_floats(chunk: bytes, count: int) -> array[float]:
    """The column of :func:`pack_floats`."""
    mode, scale, column = _unpack(chunk, count)
    if mode == _DOUBLE:
        return column
    if mode == _SINGLE:
        return _doubles(column)
    if scale == _BITS:
        return column_of("d", raw_of(column if column.typecode == "q" else array("q", column)))
    return _doubles(column, _DENOMINATORS[scale - 1])


# blocks --------------------------------------------------------------------------------------------------------------


class _Pages:
    def __init__(self) -> None:
        self.done: list[bytes] = []
        self._open = bytearray()

    def add(self, chunk: bytes) -> Place:
        place = Place(len(self.done), len(self._open), len(chunk))
        self._open += chunk
        if len(self._open) >= PAGE_BYTES:
            self.close()
        return place

    def close(self) -> None:
        if self._open:
            self.done.append(bytes(self._open))
            self._open = bytearray()


def thin(columns: Columns) -> Columns:
    """The ends, and the least and greatest point of every :data:`BUCKET`; what is not finite stays."""
    count = len(columns.steps)
    kept = {0, count - 1}
    for start in range(0, count, BUCKET):
        kept.update(extremes(columns.values, start, min(start + BUCKET, count)))
    return pick(columns, sorted(kept))


def build_block(series: Mapping[str, Columns]) -> Block:
    """Fold series into a block; each is put in order of step, equal steps in order of arrival."""
    pages, axes, entries = _Pages(), list[Axis](), dict[str, Entry]()
    shared: dict[tuple[bytes, bytes], list[str]] = {}
    ordered = {key: in_order(columns) for key, columns in series.items() if len(columns.steps)}
    for key, columns in ordered.items():
        shared.setdefault((columns.steps.tobytes(), columns.times.tobytes()), []).append(key)
    for keys in shared.values():
        steps, times, _ = ordered[keys[0]]
        axes.append(Axis(len(steps), pages.add(pack_ints(steps)), pages.add(pack_floats(times))))
        for key in keys:
            values = pages.add(pack_floats(ordered[key].values))
            level = pages.add(_pack_level(thin(ordered[key]))) if len(steps) >= _WITH_LEVEL else None
            entries[key] = Entry(len(axes) - 1, values, level)
    pages.close()
    points = sum(axes[entry.axis].n for entry in entries.values())
    sums = [zlib.crc32(page) for page in pages.done]
    return Block(compress(_encoder.encode(Head(axes, entries, sums))), pages.done, points)


def _pack_level(columns: Columns) -> bytes:
    steps, times, values = pack_ints(columns.steps), pack_floats(columns.times), pack_floats(columns.values)
    return _LEVEL.pack(len(columns.steps), len(steps), len(times)) + steps + times + values


class BlockReader:
    """Reads series out of one block; pages are fetched when they are needed."""

    def __init__(self, head: bytes, fetch: Callable[[int], bytes]) -> None:
        self.head = decoded(_decoder, head, 1 << 30)
        self._fetch = fetch
        self._page = functools.lru_cache(maxsize=8)(self._whole)
        self._axes: dict[int, tuple[array[int], array[float]]] = {}

    def _whole(self, page: int) -> bytes:
        data = self._fetch(page)
        if self.head.sums and zlib.crc32(data) != self.head.sums[page]:
            raise CorruptedError(f"stored points are damaged: page {page} of a block", hint="restore a backup")
        return data

    def check(self) -> None:
        """Read all of it. Raises: CorruptedError."""
        for page in range(len(self.head.sums)):
            self._whole(page)
        if not self.head.sums:
            for key in self.head.series:
                self.columns(key)

    def _read(self, place: Place) -> bytes:
        return self._page(place.page)[place.offset : place.offset + place.length]

    def count(self, key: str) -> int:
        """How many points of a series the block has."""
        entry = self.head.series.get(key)
        return 0 if entry is None else self.head.axes[entry.axis].n

    def columns(self, key: str) -> Columns:
        """A series of the block."""
        entry = self.head.series[key]
        axis = self.head.axes[entry.axis]
        if entry.axis not in self._axes:
            steps, times = unpack_ints(self._read(axis.steps), axis.n), unpack_floats(self._read(axis.times), axis.n)
            self._axes[entry.axis] = steps, times
        return Columns(*self._axes[entry.axis], unpack_floats(self._read(entry.values), axis.n))

    def level(self, key: str) -> Columns:
        """A series reduced to the least and greatest of every :data:`BUCKET` points; short ones whole."""
        place = self.head.series[key].level
        if place is None:
            return self.columns(key)
        chunk = self._read(place)
        count, steps, times = _LEVEL.unpack_from(chunk)
        body = chunk[_LEVEL.size :]
        return Columns(
            unpack_ints(body[:steps], count),
            unpack_floats(body[steps : steps + times], count),
            unpack_floats(body[steps + times :], count),
        )


def renamed(head: bytes, keys: Mapping[str, str]) -> bytes:
    """A stored head in which series have other names. Raises: CorruptedError."""
    found: Head = decoded(_decoder, head, 1 << 30)
    series = {keys.get(key, key): entry for key, entry in found.series.items()}
    return compress(_encoder.encode(Head(found.axes, series, found.sums)))
