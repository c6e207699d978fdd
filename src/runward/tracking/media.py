"""Media of a run: where they lie among its artifacts, and what a table and a histogram look like as documents.

A medium is an artifact with the path ``media/<key>/<step>[-<n>].<extension>``: the key may contain ``/``, the step is a
whole number, and ``n`` counts several of one step from 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec

from runward.errors import InvalidError
from runward.governance.names import check_name

FOLDER: Final = "media"
TABLE_TYPE: Final = "application/vnd.runward.table+json"
HISTOGRAM_TYPE: Final = "application/vnd.runward.histogram+json"

_EXTENSIONS: Final = {
    TABLE_TYPE: "json",
    HISTOGRAM_TYPE: "json",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/svg+xml": "svg",
    "audio/wav": "wav",
    "audio/mpeg": "mp3",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "text/plain": "txt",
    "text/html": "html",
}
_PATH = re.compile(rf"{FOLDER}/(?P<key>.+)/(?P<step>-?\d{{1,19}})(?:-(?P<n>[1-9]\d*))?\.(?P<extension>\w+)", re.DOTALL)


class Medium(NamedTuple):
    """The bytes of a medium and what they are."""

    data: bytes
    media_type: str


class MediaPath(NamedTuple):
    """Where a medium belongs; ``n`` is 0 for the only one of its step."""

    key: str
    step: int
    n: int
    extension: str


def extension_of(media_type: str) -> str:
    """The extension that a file of this type gets."""
    return _EXTENSIONS.get(media_type, "bin")


def media_path(key: str, step: int, media_type: str, n: int = 0) -> str:
    """The artifact's path of a medium.

    Args:
        key: What it shows, such as ``val/confusion``.
        step: When.
        media_type: Decides on the extension.
        n: Its number among several of the same step, from 1; 0 for the only one.

    Raises: InvalidError (a key that is no relative path).
    """
    if any(part in ("", ".", "..") or "\\" in part for part in check_name(key, "media key", limit=900).split("/")):
        raise InvalidError(
            f"media key {key!r:.80} must be names with '/' between them, without '.', '..' or '\\'",
            hint="for example val/confusion",
        )
    return f"{FOLDER}/{key}/{step}{f'-{n}' if n else ''}.{extension_of(media_type)}"


def parse_media_path(path: str) -> MediaPath | None:
    """What an artifact's path says; None for one that is no medium."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    return MediaPath(found["key"], int(found["step"]), int(found["n"] or 0), found["extension"])


def plain(value: Any) -> Any:
    """A value as JSON can hold it; what it cannot is kept as text."""
    if value is None or isinstance(value, bool):
        return value
    # Not as they are: numpy's float64 is a float, but no encoder takes it for one.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        return plain(value.item())
    return str(value)


def table(columns: Sequence[Any], rows: Sequence[Sequence[Any]]) -> Medium:
    """A table of plain cells. Raises: InvalidError (a row that has more or fewer cells than there are columns)."""
    names = [str(column) for column in columns]
    data = [[plain(cell) for cell in row] for row in rows]
    for number, row in enumerate(data):
        if len(row) != len(names):
            raise InvalidError(f"row {number} of the table has {len(row)} cells for {len(names)} columns {names!r:.80}")
    return Medium(msgspec.json.encode({"columns": names, "data": data}), TABLE_TYPE)


def histogram(edges: Sequence[float], counts: Sequence[float]) -> Medium:
    """A histogram of ``n`` counts between ``n + 1`` rising edges. Raises: InvalidError."""
    borders, numbers = [float(edge) for edge in edges], [plain(count) for count in counts]
    if not numbers or len(borders) != len(numbers) + 1:
        raise InvalidError(
            f"a histogram has one edge more than counts, not {len(borders)} edges and {len(numbers)} counts"
        )
    if not all(low < high for low, high in pairwise(borders)) or not all(
        isinstance(number, int | float) and number >= 0 for number in numbers
    ):
        raise InvalidError("the edges of a histogram rise and its counts are numbers of at least 0")
    return Medium(msgspec.json.encode({"edges": borders, "counts": numbers}), HISTOGRAM_TYPE)
