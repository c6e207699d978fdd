"""Comparing two files whose bytes differ by what they say: tables, arrays, pictures, text."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from runward.repro.model import ItemStatus, Tolerance
from runward.repro.moments import is_own_time
from runward.repro.printed import NOWHERE, Around, close, compare_stdout, without_traces

_DURATION = re.compile(
    r"(?:^|[/_. -])(?:time|times|duration|elapsed|runtime|walltime|seconds|secs|latency|throughput|timestamp)"
    r"(?:_s|_ms|_sec|_seconds)?$|(?:^|/)(?:system|sys|times?|timing)/|per_(?:s|sec|second)$",
    re.IGNORECASE,
)
_TEXTS = (".txt", ".log", ".md", ".rst", ".html", ".svg", ".tex", ".out", ".yaml", ".yml", ".toml", ".ini")
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
_NUMPY = {"f8": "d", "f4": "f", "f2": "e", "i8": "q", "i4": "i", "i2": "h", "i1": "b", "u8": "Q", "u4": "I", "u2": "H"}
_NUMPY |= {"u1": "B", "b1": "?"}
_MOST_BYTES = 256 << 20

Verdict = tuple[ItemStatus, str]


class _Pair(NamedTuple):
    """Two contents of one name, and how to look at them."""

    name: str
    before: bytes
    after: bytes
    tolerance: Tolerance
    around: tuple[Around, Around]


def compare_content(
    name: str,
    before: bytes,
    after: bytes,
    tolerance: Tolerance | None = None,
    around: tuple[Around, Around] = NOWHERE,
) -> Verdict:
    """The status of a file whose bytes differ, and what differs first.

    Looks inside of JSON, CSV, Parquet, NPY, NPZ, pictures (where a decoder is installed), plain text and these
    compressed by gzip; anything else, pickles too, is compared by its bytes. Values that measure time are passed over, and
    so are times at which the runs themselves ran, and their folders.

    Args:
        name: The file's name, whose ending says what it is.
        before: The original's bytes.
        after: The rerun's.
        tolerance: For the numbers in it.
        around: The surroundings of either run, whose traces in text do not count.
    """
    if before == after:
        return "identical", ""
    lower, detail = name.lower(), ""
    compare = _comparison(lower) if max(len(before), len(after)) <= _MOST_BYTES else None
    if compare:
        try:
            return compare(_Pair(lower, before, after, tolerance or Tolerance(), around))
        except ImportError as error:
            detail = f"; {error.name or error} is not installed, so only bytes were compared"
        except (ValueError, RecursionError, OSError, EOFError, KeyError, struct.error, csv.Error, zipfile.BadZipFile):
            pass  # not what its name says
    first = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    where = f"first at byte {first}" if first is not None else "one is the start of the other"
    return "different", f"{len(before)} and {len(after)} bytes, {where}{detail}"


def measures_time(name: str) -> bool:
    """Whether a metric, key or column of that name is a duration, a rate or a machine's load."""
    return bool(_DURATION.search(name))


def same_bits(before: float, after: float) -> bool:
    """Whether two numbers are the same to the last bit; NaN equals NaN."""
    if before != before and after != after:  # noqa: PLR0124 - NaN
        return True
    return struct.pack("<d", before) == struct.pack("<d", after)


def _comparison(lower: str) -> Callable[[_Pair], Verdict] | None:
    if lower.endswith(".gz"):
        return _compare_unpacked
    if parse := _parser(lower):
        return lambda pair: _compare_values(parse(pair.before), parse(pair.after), pair)
    if lower.endswith(_IMAGES):
        return _compare_pictures
    return _compare_texts if lower.endswith(_TEXTS) else None


def _compare_unpacked(pair: _Pair) -> Verdict:
    before, after = gzip.decompress(pair.before), gzip.decompress(pair.after)
    status, detail = compare_content(pair.name.removesuffix(".gz"), before, after, pair.tolerance, pair.around)
    return status, detail or "same content, compressed at another time"


def _compare_texts(pair: _Pair) -> Verdict:
    texts = [data.decode() for data in (pair.before, pair.after)]
    if pair.name.endswith(".svg"):
        # Drawing programs draw names for parts of a picture by lot.
        texts = [re.sub(r'(?:id="|#)\w+', "", text) for text in texts]
    found = compare_stdout(texts[0], texts[1], pair.tolerance, pair.around)
    return found.status, found.detail or "identical but for the names of its parts"


def _compare_pictures(pair: _Pair) -> Verdict:
    from PIL import Image

    with Image.open(io.BytesIO(pair.before)) as first, Image.open(io.BytesIO(pair.after)) as second:
        if first.size != second.size:
            return "different", f"{first.size} became {second.size} pixels"
        if first.convert("RGBA").tobytes() == second.convert("RGBA").tobytes():
            return "identical", "same pixels, written differently"
    return "different", "the pixels differ"


def _parser(lower: str) -> Callable[[bytes], Any] | None:
    if lower.endswith(".json"):
        return json.loads
    if lower.endswith((".jsonl", ".ndjson")):
        return lambda data: [json.loads(line) for line in data.splitlines() if line.strip()]
    if lower.endswith((".csv", ".tsv")):
        return lambda data: _table(data, "\t" if lower.endswith(".tsv") else ",")
    if lower.endswith(".npy"):
        return _array
    if lower.endswith(".npz"):
        return _arrays
    return _parquet if lower.endswith((".parquet", ".pq")) else None


def _table(data: bytes, delimiter: str) -> Any:
    """A table as its columns if its first row names them, else as rows."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=delimiter))
    head = rows[0] if rows else []
    named = len(set(head)) == len(head) and not any(_number(cell) is not None for cell in head)
    if named and all(len(row) == len(head) for row in rows):
        return dict(zip(head, map(list, zip(*rows[1:], strict=True)), strict=True)) if rows[1:] else head
    return rows


def _parquet(data: bytes) -> Any:
    from pyarrow import parquet

    table = parquet.read_table(io.BytesIO(data))
    return {"schema": str(table.schema.remove_metadata()), "columns": table.to_pydict()}


def _arrays(data: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: _array(archive.read(name)) for name in archive.namelist()}


def _array(data: bytes) -> Any:
    """An array of numbers, or of anything whose bytes are all there is to it, from NumPy's own format."""
    if data[:6] != b"\x93NUMPY":
        raise ValueError("not an array")
    wide = data[6] > 1
    start = 12 if wide else 10
    (length,) = struct.unpack("<I" if wide else "<H", data[8:start])
    head = ast.literal_eval(data[start : start + length].decode("latin1"))
    body, kind = data[start + length :], head["descr"]
    if not isinstance(kind, str) or kind[1:] not in _NUMPY:
        return [str(kind), head["shape"], body.hex()]
    code = _NUMPY[kind[1:]]
    order = ">" if kind[0] == ">" else "<"
    values = list(struct.unpack(f"{order}{len(body) // struct.calcsize(code)}{code}", body))
    return {"kind": kind, "shape": str(head["shape"]), "order": str(head["fortran_order"]), "values": values}


def _compare_values(before: Any, after: Any, pair: _Pair) -> Verdict:
    worst: ItemStatus = "identical"
    for path, first, second in _leaves(before, after, ""):
        status = _compare_leaf(first, second, pair)
        if status == "different":
            return "different", f"{path or 'value'}: {str(first)[:60]} became {str(second)[:60]}"
        worst = "within_tolerance" if status == "within_tolerance" else worst
    return worst, "same content, written differently" if worst == "identical" else "numbers within the tolerance"


def _leaves(before: Any, after: Any, path: str) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            if not measures_time(str(key)):
                yield from _leaves(before[key], after[key], f"{path}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _leaves(*pair, f"{path}[{index}]")
    else:
        yield path, before, after


def _compare_leaf(before: Any, after: Any, pair: _Pair) -> ItemStatus:
    if type(before) is type(after) and not isinstance(before, float) and before == after:
        return "identical"
    first, second = _number(before), _number(after)
    if first is not None and second is not None and same_bits(first, second):
        return "identical"
    places = pair.around
    if is_own_time(before, places[0].span) and is_own_time(after, places[1].span):
        return "identical"
    if first is None or second is None:
        texts = isinstance(before, str) and isinstance(after, str)
        same = texts and without_traces(before, places[0]) == without_traces(after, places[1])
        return "identical" if same else "different"
    return "within_tolerance" if close(first, second, pair.tolerance) else "different"


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
