"""Comparing two files whose bytes differ by what they say: tables, arrays, pictures, text."""

from __future__ import annotations

import csv
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from runward.repro.model import ItemStatus, Tolerance
from runward.repro.moments import is_own_time, without_own_times
from runward.repro.printed import NOWHERE, Around, close, compare_stdout, without_traces
from runward.repro.unpacked import (
    MOST_BYTES,
    MOST_TEXT_BYTES,
    Numbers,
    Rows,
    TooLargeError,
    events,
    gunzipped,
    parser,
    pictures,
)

_DURATION = re.compile(
    r"(?:^|[/_. -])(?:time|times|duration|elapsed|runtime|walltime|seconds|secs|latency|throughput|timestamp)"
    r"(?:_s|_ms|_sec|_seconds)?$|(?:^|/)(?:system|sys|times?|timing)/|per_(?:s|sec|second)$",
    re.IGNORECASE,
)
_TEXTS = (".txt", ".log", ".md", ".rst", ".html", ".svg", ".tex", ".out", ".yaml", ".yml", ".toml", ".ini")
_DRAWINGS = (".pdf", ".eps", ".ps")
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
_BROKEN = (
    ValueError, ArithmeticError, RuntimeError, LookupError, TypeError, SyntaxError, MemoryError, OSError, EOFError,
    struct.error, csv.Error, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
)  # fmt: skip
"""What readers raise of a file that is not what its name says."""

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
    so are times at which the runs themselves ran, and their folders. What would be looked into and is larger than
    ``MOST_BYTES`` once unpacked (text: ``MOST_TEXT_BYTES``) is ``unchecked``: nothing is known of it.

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
    if compare := _comparison(lower):
        try:
            if max(len(before), len(after)) > MOST_BYTES:
                raise TooLargeError(MOST_BYTES)
            return compare(_Pair(lower, before, after, tolerance or Tolerance(), around))
        except ImportError as error:
            detail = f"; {error.name or error} is not installed, so only bytes were compared"
        except TooLargeError as error:
            return "unchecked", str(error)
        except _BROKEN:
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
    if parse := parser(lower):
        return lambda pair: _compare_values(parse(pair.before), parse(pair.after), pair)
    if lower.endswith(_IMAGES):
        return _compare_pictures
    if lower.endswith(_DRAWINGS):
        return _compare_drawings
    if ".tfevents." in lower.rpartition("/")[2]:
        return _compare_events
    return _compare_texts if lower.endswith(_TEXTS) else None


def _compare_unpacked(pair: _Pair) -> Verdict:
    before, after = gunzipped(pair.before), gunzipped(pair.after)
    status, detail = compare_content(pair.name.removesuffix(".gz"), before, after, pair.tolerance, pair.around)
    return status, detail or "same content, compressed at another time"


def _compare_texts(pair: _Pair) -> Verdict:
    if max(len(pair.before), len(pair.after)) > MOST_TEXT_BYTES:
        raise TooLargeError(MOST_TEXT_BYTES)
    texts = [data.decode() for data in (pair.before, pair.after)]
    if pair.name.endswith(".svg"):
        # Drawing programs draw names for parts of a picture by lot.
        texts = [re.sub(r'(?:id="|#)\w+', "", text) for text in texts]
    found = compare_stdout(texts[0], texts[1], pair.tolerance, pair.around)
    return found.status, found.detail or "identical but for the names of its parts"


def _compare_drawings(pair: _Pair) -> Verdict:
    """PDF and PostScript, which say when they were drawn; nothing else in them is looked into."""
    texts = [data.decode("latin1") for data in (pair.before, pair.after)]
    if without_own_times(texts[0], pair.around[0].span) == without_own_times(texts[1], pair.around[1].span):
        return "identical", "identical but for the time at which it was drawn"
    raise ValueError("drawn otherwise")


def _compare_events(pair: _Pair) -> Verdict:
    before, after = events(pair.before), events(pair.after)
    if len(before) != len(after):
        return "different", f"{len(before):,} events became {len(after):,}"
    for place, (first, second) in enumerate(zip(before, after, strict=True)):
        if first != second:
            return "different", f"event {place} is another one"
    return "identical", "same events, written at another time"


def _compare_pictures(pair: _Pair) -> Verdict:
    before, after = pictures(pair.before), pictures(pair.after)
    if len(before) != len(after):
        return "different", f"{len(before)} pictures became {len(after)}"
    for (size, first), (other, second) in zip(before, after, strict=True):
        if size != other:
            return "different", f"{size} became {other} pixels"
        if first != second:
            return "different", "the pixels differ"
    return "identical", "same pixels, written differently"


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
    elif isinstance(before, Numbers) and isinstance(after, Numbers) and len(before.body) == len(after.body):
        yield from ((f"{path}[{place}]", first, second) for place, first, second in before.apart(after))
    elif isinstance(before, Rows) and isinstance(after, Rows) and before.total == after.total:
        for index, rows in enumerate(zip(before.read(), after.read(), strict=True)):
            yield from _leaves(*rows, f"{path}[{index}]")
    elif isinstance(before, Numbers | Rows) and isinstance(after, Numbers | Rows):
        yield path, before.size, after.size
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
