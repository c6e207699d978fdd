"""Opening files to compare them, never beyond a declared size: a few bytes may unpack to more than a machine has."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

from runward.repro.printed import mask

MOST_BYTES = 256 << 20
"""Bytes of one file, unpacked, up to which it is compared by content."""
MOST_TEXT_BYTES = 64 << 20
"""Bytes of what is parsed as text, whose parsed form takes some ten times as much memory."""
_MOST_CELLS = 32 << 20
_CHUNK = 1 << 16
_WALL_TIME = 0x09
"""The first byte of an event's field 1, the time at which it was written."""
_ROWS = 1024
_DRAWN = re.compile(
    r"\b0x[0-9a-f]{4,}\b|\bT_[0-9a-f]{5}(?![0-9a-f])|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
)
"""What a notebook's outputs hold of chance: addresses, pandas' names of styled tables, UUIDs of plots."""
_NUMPY = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I", "u2": "H"}
_NUMPY |= {"u1": "B", "b1": "?"}
_PLAIN_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "La", "RGBa", "CMYK", "YCbCr", "HSV", "LAB")


class TooLargeError(Exception):
    """What a file unpacks to is beyond what is compared by content."""

    def __init__(self, most: int, unit: str = "") -> None:
        """Say how much would have been compared."""
        super().__init__(f"cannot be compared: larger than {f'{most:,} {unit}' if unit else f'{most >> 20} MiB'}")


class Numbers(NamedTuple):
    """The numbers of an array, as they lie in its file."""

    code: str
    """Of one of them, for ``struct``."""
    body: bytes

    @property
    def size(self) -> str:
        """How many there are, in words."""
        return f"{len(self.body) // struct.calcsize(self.code):,} numbers"

    def apart(self, other: Numbers) -> Iterator[tuple[int, Any, Any]]:
        """Place and both values of those in chunks that are not the same to the last bit; both have as many."""
        size = struct.calcsize(self.code)
        step = max(_CHUNK // size, 1) * size
        for at in range(0, len(self.body), step):
            first, second = self.body[at : at + step], other.body[at : at + step]
            if first != second:
                pairs = zip(struct.iter_unpack(self.code, first), struct.iter_unpack(other.code, second), strict=True)
                yield from ((at // size + place, one, two) for place, ((one,), (two,)) in enumerate(pairs))


class Rows(NamedTuple):
    """A table that is read row by row."""

    total: int
    read: Callable[[], Iterator[dict[str, Any]]]

    @property
    def size(self) -> str:
        """How many there are, in words."""
        return f"{self.total:,} rows"


def gunzipped(data: bytes) -> bytes:
    """What a gzip file holds. Raises: TooLargeError, and what ``gzip`` raises."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return _read(file, MOST_BYTES)


def parser(lower: str) -> Callable[[bytes], Any] | None:
    """What makes values of a file's bytes, by its name in lower case; None where that is no file of values.

    It raises TooLargeError, and any error of the format's reader where the bytes are not what the name says.
    """
    if lower.endswith(".ipynb"):
        return _notebook
    if lower.endswith((".json", ".geojson")):
        return lambda data: json.loads(_text(data))
    if lower.endswith((".jsonl", ".ndjson")):
        return lambda data: [json.loads(line) for line in _text(data).splitlines() if line.strip()]
    if lower.endswith((".csv", ".tsv")):
        return lambda data: _table(_text(data), "\t" if lower.endswith(".tsv") else ",")
    if lower.endswith(".npy"):
        return _array
    if lower.endswith(".npz"):
        return _arrays
    return _parquet if lower.endswith((".parquet", ".pq")) else None


def pictures(data: bytes) -> list[tuple[tuple[int, int], bytes]]:
    """Size and pixels of each picture in a file. Raises: TooLargeError, ImportError (no decoder), and what it raises."""
    from PIL import Image, ImageSequence

    found, room = list[tuple[tuple[int, int], bytes]](), MOST_BYTES
    with warnings.catch_warnings():
        # Pillow warns of, and then refuses, what is beyond our own limit anyway.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data)) as file:
                for image in ImageSequence.Iterator(file):
                    room -= 4 * image.width * image.height
                    if room < 0:
                        raise TooLargeError(MOST_BYTES)
                    # Other modes hold more than eight bits a channel, which a conversion would cut off.
                    plain = image.convert("RGBA") if image.mode in _PLAIN_MODES else image
                    found.append((image.size, plain.mode.encode() + plain.tobytes()))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise TooLargeError(MOST_BYTES) from None
    return found


def events(data: bytes) -> list[list[bytes]]:
    """The events of a TensorBoard file, each as its fields but for the time at which it was written.

    Raises: ValueError (not such a file, or it ends in the middle of an event).
    """
    found, at = list[list[bytes]](), 0
    while at < len(data):
        # A record is its length, a checksum of that, the event, and a checksum of it.
        (length,) = struct.unpack_from("<Q", data, at)
        event = data[at + 12 : at + 12 + length]
        at += length + 16
        if at > len(data):
            raise ValueError("an event is cut off")
        found.append([field for field in _fields(event) if field[0] != _WALL_TIME])
    return found


def _fields(message: bytes) -> Iterator[bytes]:
    """The fields of a protobuf message, each with its tag."""
    at = 0
    while at < len(message):
        tag, start = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            _, end = _varint(message, start)
        elif kind == 2:
            length, begin = _varint(message, start)
            end = begin + length
        elif kind in (1, 5):
            end = start + (8 if kind == 1 else 4)
        else:
            raise ValueError(f"no field of a message is of kind {kind}")
        if end > len(message):
            raise ValueError("a message is cut off")
        yield message[at:end]
        at = end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]  # IndexError where it is cut off
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
    raise ValueError("a number of a message has no end")


def _read(file: IO[bytes] | gzip.GzipFile, most: int) -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        raise TooLargeError(MOST_BYTES)
    return data


def _text(data: bytes) -> str:
    if len(data) > MOST_TEXT_BYTES:
        raise TooLargeError(MOST_TEXT_BYTES)
    return data.decode("utf-8-sig")


def _notebook(data: bytes) -> Any:
    """A notebook without what each execution draws by lot: ids of cells, addresses of objects, ids in HTML."""
    notebook = json.loads(_text(data))
    for cell in notebook["cells"]:
        cell.pop("id", None)
        if "outputs" in cell:
            cell["outputs"] = _said(cell["outputs"])
    return notebook


def _said(outputs: list[dict[str, Any]]) -> list[Any]:
    """A cell's outputs: each stream whole, as other printed text is compared, for how two interleave is chance."""
    streams, shown = dict[str, str](), list[Any]()
    for output in outputs:
        if output["output_type"] == "stream":
            name = output["name"]
            streams[name] = streams.get(name, "") + "".join(output["text"])
        else:
            for kind in ("text/plain", "text/html"):
                if kind in output.get("data", {}):
                    output["data"][kind] = _DRAWN.sub("<drawn>", "".join(output["data"][kind]))
            shown.append(output)
    return [{name: mask(text).splitlines() for name, text in sorted(streams.items())}, *shown]


def _table(text: str, delimiter: str) -> Any:
    """A table as its columns if its first row names them, else as rows."""
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    head = rows[0] if rows else []
    named = len(set(head)) == len(head) and not any(map(_is_number, head))
    if named and all(len(row) == len(head) for row in rows):
        return dict(zip(head, map(list, zip(*rows[1:], strict=True)), strict=True)) if rows[1:] else head
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parquet(data: bytes) -> Any:
    from pyarrow import parquet

    file = parquet.ParquetFile(io.BytesIO(data))
    facts = file.metadata
    if facts.num_rows * max(facts.num_columns, 1) > _MOST_CELLS:
        raise TooLargeError(_MOST_CELLS, "values")

    def rows() -> Iterator[dict[str, Any]]:
        room = MOST_BYTES
        for batch in file.iter_batches(_ROWS):
            room -= batch.nbytes
            if room < 0:
                raise TooLargeError(MOST_BYTES)
            yield from batch.to_pylist()

    return {"schema": str(file.schema_arrow.remove_metadata()), "rows": Rows(facts.num_rows, rows)}


def _arrays(data: bytes) -> Any:
    found, room = dict[str, Any](), MOST_BYTES
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                content = _read(member, room)
            room -= len(content)
            found[name] = _array(content)
    return found


def _array(data: bytes) -> Any:
    """An array of numbers, or of anything whose bytes are all there is to it, from NumPy's own format."""
    if data[:6] != b"\x93NUMPY":
        raise ValueError("not an array")
    wide = data[6] > 1
    start = 12 if wide else 10
    (length,) = struct.unpack("<I" if wide else "<H", data[8:start])
    if length > _CHUNK:
        raise ValueError("the head of an array is short")
    head = ast.literal_eval(data[start : start + length].decode("latin1"))
    body, kind = data[start + length :], head["descr"]
    facts = {"kind": str(kind), "shape": str(head["shape"]), "order": str(head["fortran_order"])}
    if not isinstance(kind, str) or kind[1:] not in _NUMPY:
        return facts | {"bytes": body.hex()}
    code = (">" if kind[0] == ">" else "<") + _NUMPY[kind[1:]]
    if len(body) % struct.calcsize(code):
        raise ValueError("an array ends in the middle of a number")
    return facts | {"values": Numbers(code, body)}
