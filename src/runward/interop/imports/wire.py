"""Protocol Buffers on the wire, and the two kinds of record files that carry them: as much as reading needs."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from runward.errors import InvalidError
from runward.tracking.points import column_of

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LENGTH = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_LOG_HEAD = struct.Struct("<IHB")
_BLOCK = 32768
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_MAX_RECORD = 1 << 31


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of a message's fields: whole numbers as they are, fixed ones and all else as bytes.

    Raises: InvalidError (no message, or cut).
    """
    at, end = 0, len(data)
    try:
        while at < end:
            key, at = _varint(data, at)
            kind = key & 7
            if kind == _VARINT:
                value, at = _varint(data, at)
                yield key >> 3, value
                continue
            if kind == _BYTES:
                size, at = _varint(data, at)
            else:
                size = {_FIXED64: 8, _FIXED32: 4}[kind]
            if at + size > end:
                raise IndexError
            yield key >> 3, data[at : at + size]
            at += size
    except (IndexError, KeyError):
        raise InvalidError(f"a message of {end} bytes is cut or damaged at byte {at}") from None


def message(data: bytes) -> dict[int, Any]:
    """A message's fields by number; of a repeated one the last."""
    return dict(fields(data))


def repeated(data: bytes, number: int) -> list[Any]:
    """All values of one field."""
    return [value for found, value in fields(data) if found == number]


def text(value: bytes | None) -> str:
    """A string field."""
    return (value or b"").decode("utf-8", "replace")


def signed(value: int) -> int:
    """An int64 field: negative ones travel as their two's complement."""
    return value - (1 << 64) if value >> 63 else value


def double(value: bytes | None) -> float:
    """A double field."""
    return float(struct.unpack("<d", value)[0]) if value else 0.0


def single(value: bytes | None) -> float:
    """A float field."""
    return float(struct.unpack("<f", value)[0]) if value else 0.0


def numbers(code: str, chunks: list[Any]) -> array[Any]:
    """A repeated field of fixed-size numbers, packed or not."""
    return column_of(code, b"".join(chunks))


def timestamp(data: bytes) -> float:
    """A google.protobuf.Timestamp in seconds since 1970."""
    found = message(data)
    return float(signed(found.get(1, 0)) + found.get(2, 0) / 1e9)


# record files --------------------------------------------------------------------------------------------------------


def _crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901
        table.append(value)
    return table


_TABLE = _crc32c_table()


def masked_crc32c(data: bytes) -> int:
    """The checksum of TensorFlow's record files."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def tf_records(path: Path) -> Iterator[bytes]:
    """The records of a TensorFlow record file, each checked. A last one that is not whole yet is left out.

    Raises: InvalidError (a checksum is wrong; by file and byte), OSError.
    """
    with open(path, "rb") as file:
        while len(head := file.read(12)) == 12:
            at = file.tell() - 12
            size, crc = _LENGTH.unpack(head)
            if masked_crc32c(head[:8]) != crc or size > _MAX_RECORD:
                raise InvalidError(f"{path}: the record at byte {at} has no valid length: the file is damaged")
            data, tail = file.read(size), file.read(4)
            if len(data) < size or len(tail) < 4:
                return
            if masked_crc32c(data) != _CRC.unpack(tail)[0]:
                raise InvalidError(f"{path}: the record at byte {at} does not match its checksum: the file is damaged")
            yield data


def log_records(path: Path, magic: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format that begins with a magic, each checked by CRC-32.

    A last record that is not whole yet is left out. Raises: InvalidError (by file and byte), OSError.
    """
    with open(path, "rb") as file:
        if file.read(len(magic)) != magic:
            raise InvalidError(f"{path} does not begin with {magic!r}: it is another kind of file")
        parts: list[bytes] = []
        for kind, data in _chunks(file, path):
            if kind in (_FULL, _FIRST):
                parts = []
            parts.append(data)
            if kind in (_FULL, _LAST):
                yield b"".join(parts)


def _chunks(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    while True:
        at = file.tell()
        room = _BLOCK - at % _BLOCK
        if room < _LOG_HEAD.size:
            file.seek(room, 1)
            continue
        head = file.read(_LOG_HEAD.size)
        if len(head) < _LOG_HEAD.size:
            return
        crc, size, kind = _LOG_HEAD.unpack(head)
        if not crc and not size and not kind:
            # The rest of the block was not used.
            file.seek(room - _LOG_HEAD.size, 1)
            continue
        data = file.read(size)
        if len(data) < size:
            return
        if kind not in (_FULL, _FIRST, _MIDDLE, _LAST) or zlib.crc32(bytes([kind]) + data) != crc:
            raise InvalidError(f"{path}: the record at byte {at} does not match its checksum: the file is damaged")
        yield kind, data
