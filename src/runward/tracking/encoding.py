"""Pictures, sounds, tables and figures of other libraries as bytes: by their shape, none of them is imported for it."""

from __future__ import annotations

import importlib
import io
import mimetypes
import os
import struct
import wave
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from runward.errors import InvalidError
from runward.tracking.media import Medium, histogram, table

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"BM", 0, "image/bmp"),
    (b"WAVE", 8, "audio/wav"),
    (b"ID3", 0, "audio/mpeg"),
    (b"\xff\xfb", 0, "audio/mpeg"),
    (b"fLaC", 0, "audio/flac"),
    (b"OggS", 0, "audio/ogg"),
    (b"ftyp", 4, "video/mp4"),
    (b"\x1aE\xdf\xa3", 0, "video/webm"),
)
_File = bytes | bytearray | memoryview | str | os.PathLike[str]
_FILE_TYPES: Final = (bytes, bytearray, memoryview, str, os.PathLike)
_COLOUR_TYPES: Final = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's colour type by the number of channels: grey, grey with alpha, RGB, RGBA."""
_PIL_MODES: Final = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def encoded(value: _File, kind: str) -> Medium:
    """Bytes, or a file, that are a picture, a sound or a video already.

    Args:
        value: The bytes or the file's path.
        kind: ``image``, ``audio`` or ``video``.

    Raises: InvalidError (the bytes are none), OSError.
    """
    data = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else Path(value).read_bytes()
    found = next((name for magic, at, name in _MAGIC if data[at : at + len(magic)] == magic), "")
    if not found and isinstance(value, str | os.PathLike):
        found = mimetypes.guess_type(os.fspath(value))[0] or ""
    if not found and kind == "image" and b"<svg" in data[:1000]:
        found = "image/svg+xml"
    if not found.startswith(f"{kind}/"):
        raise InvalidError(
            f"the {len(data):,} bytes are no {kind} of a kind that is known", hint="log_artifact keeps any"
        )
    return Medium(data, found)


def image(value: Any) -> Medium:
    """A picture: an array of pixels, a PIL image, a matplotlib figure, or what :func:`encoded` takes.

    Arrays have the shape (height, width) or (height, width, channels) with 1 to 4 channels; tensors of torch may have
    the channels first. Whole numbers and truth values are levels from 0 to 255 (True is white); floats from 0 to 1.

    Raises: InvalidError (it is none of these).
    """
    if isinstance(value, _FILE_TYPES):
        return encoded(value, "image")
    if hasattr(value, "savefig") or hasattr(getattr(value, "figure", None), "savefig"):
        return figure(value)
    if hasattr(value, "save") and hasattr(value, "mode"):
        buffer = io.BytesIO()
        (value if value.mode in _PIL_MODES else value.convert("RGB")).save(buffer, "PNG")
        return Medium(buffer.getvalue(), "image/png")
    if hasattr(value, "__array__"):
        return Medium(_png(_pixels(value)), "image/png")
    raise InvalidError(
        f"a {type(value).__name__} is no picture", hint="give an array, a PIL image, a figure, a path or bytes"
    )


def _array(value: Any) -> Any:
    """As a numpy array, from a torch tensor too. What has ``__array__`` has brought numpy along."""
    numpy = importlib.import_module("numpy")
    return numpy.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _pixels(value: Any) -> Any:
    """An array (height, width, channels) of bytes."""
    array = _array(value)
    if hasattr(value, "detach") and array.ndim == 3 and array.shape[0] in _COLOUR_TYPES:
        array = array.transpose(1, 2, 0)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in _COLOUR_TYPES or 0 in array.shape:
        raise InvalidError(f"an array of shape {array.shape} is no picture", hint="(height, width[, 1 to 4 channels])")
    if array.dtype.kind == "b":
        return array.astype("uint8") * 255
    if array.dtype.kind == "f":
        known = importlib.import_module("numpy").nan_to_num(array.astype("float64"))
        return (known.clip(0.0, 1.0) * 255).round().astype("uint8")
    return array.clip(0, 255).astype("uint8")


def _png(pixels: Any) -> bytes:
    return _png_file(pixels.shape, [(b"IDAT", _compressed(pixels))])


def _compressed(pixels: Any) -> bytes:
    # Each row begins with its filter: none. zlib finds what repeats.
    return zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels), 6)


def _png_file(shape: tuple[int, int, int], chunks: list[tuple[bytes, bytes]]) -> bytes:
    height, width, channels = shape
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [(b"IHDR", head), *chunks, (b"IEND", b"")]
    )


def animation(value: Any, fps: int) -> Medium:
    """Frames (time, channels, height, width) as an animated PNG, which browsers show like any picture.

    Args:
        value: The frames, with levels as :func:`image` takes them.
        fps: Frames a second.

    Raises: InvalidError.
    """
    array = _array(value)
    if array.ndim != 4 or not len(array):
        raise InvalidError(f"frames of shape {array.shape} are no video", hint="(time, channels, height, width)")
    frames = [_pixels(frame.transpose(1, 2, 0)) for frame in array]
    height, width, _ = frames[0].shape
    chunks, number = [(b"acTL", struct.pack(">II", len(frames), 0))], 0
    for index, frame in enumerate(frames):
        chunks.append((b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, max(fps, 1), 0, 0)))
        data, number = _compressed(frame), number + 1
        # The first frame is what a reader without animation shows.
        chunks.append((b"IDAT", data) if index == 0 else (b"fdAT", struct.pack(">I", number) + data))
        number += index > 0
    return Medium(_png_file(frames[0].shape, chunks), "image/png")


def as_array(values: list[Any]) -> Any:
    """A list as an array of numpy, which must be installed."""
    return importlib.import_module("numpy").asarray(values)


def as_frame(rows: list[list[Any]], columns: list[Any]) -> Any:
    """Rows as a frame of pandas, which must be installed."""
    return importlib.import_module("pandas").DataFrame(rows, columns=columns)


def figure(value: Any) -> Medium:
    """A figure of matplotlib (or an axis of one) as a picture, one of plotly as a page that stands alone.

    Raises: InvalidError (it is neither).
    """
    found: Any = value if hasattr(value, "savefig") else getattr(value, "figure", None)
    if hasattr(found, "savefig"):
        buffer = io.BytesIO()
        found.savefig(buffer, format="png")
        return Medium(buffer.getvalue(), "image/png")
    if hasattr(value, "to_plotly_json") and hasattr(value, "to_html"):
        return Medium(value.to_html(include_plotlyjs=True).encode(), "text/html")
    raise InvalidError(f"a {type(value).__name__} is no figure", hint="give one of matplotlib or plotly")


def audio(value: Any, sample_rate: int) -> Medium:
    """A sound: samples (frames) or (frames, channels), or what :func:`encoded` takes.

    Floats are levels from -1 to 1, int16 is kept as it is; what lies outside is cut off.

    Args:
        value: The samples, the bytes of a sound file, or its path.
        sample_rate: Samples a second, for samples.

    Raises: InvalidError.
    """
    if isinstance(value, _FILE_TYPES):
        return encoded(value, "audio")
    if not isinstance(sample_rate, int) or sample_rate < 1:
        raise InvalidError(f"sample rate {sample_rate!r} is no whole number above 0", hint="sample_rate=44100")
    frames, channels = _samples(value)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(frames)
    return Medium(buffer.getvalue(), "audio/wav")


def _samples(value: Any) -> tuple[bytes, int]:
    """Signed 16-bit samples, and how many channels."""
    if not hasattr(value, "__array__"):
        levels = [round(max(-1.0, min(1.0, float(level))) * 32767) for level in value]
        return struct.pack(f"<{len(levels)}h", *levels), 1
    array = _array(value)
    if array.ndim not in (1, 2):
        raise InvalidError(f"samples of shape {array.shape} are no sound", hint="(frames) or (frames, channels)")
    if array.dtype.kind == "f":
        array = (array.clip(-1.0, 1.0) * 32767).round()
    return array.clip(-32768, 32767).astype("<i2").tobytes(), 1 if array.ndim == 1 else int(array.shape[1])


def table_of(value: Any, columns: Sequence[str] | None) -> Medium:
    """A table: a frame of pandas or polars, columns by name, rows as dicts, or rows with ``columns``.

    Raises: InvalidError (rows without columns, of unequal length).
    """
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        names = list(value.columns)
        return table(names, list(zip(*(value[name].to_list() for name in names), strict=True)))
    if isinstance(value, Mapping):
        return table(list(value), list(zip(*value.values(), strict=True)))
    rows = list(value)
    if columns is None and rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return table(names, [[row.get(name) for name in names] for row in rows])
    if columns is None:
        raise InvalidError("a table of rows needs the names of its columns", hint='columns=["image", "label"]')
    return table(columns, rows)


def histogram_of(value: Any, bins: int) -> Medium:
    """A histogram of numbers, or one that is counted already: a pair (counts, edges) as ``numpy.histogram`` gives it.

    NaN and ±inf are left out. Raises: InvalidError (nothing is left; the number of bins).
    """
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, Iterable) for part in value):
        counts, edges = value
        return histogram(_listed(edges), _listed(counts))
    if not isinstance(bins, int) or not 1 <= bins <= 10_000:
        raise InvalidError(f"bins {bins!r} is no whole number from 1 to 10,000", hint="bins=64")
    if hasattr(value, "__array__"):
        return _count_array(_array(value).astype("float64").ravel(), bins)
    return _count([float(number) for number in value], bins)


def _listed(value: Any) -> list[Any]:
    return list(value.tolist()) if hasattr(value, "tolist") else list(value)


def _count_array(array: Any, bins: int) -> Medium:
    numpy = importlib.import_module("numpy")
    finite = array[numpy.isfinite(array)]
    if not finite.size:
        raise InvalidError("a histogram of no finite number", hint="check what is NaN")
    counts, edges = numpy.histogram(finite, bins)
    return histogram(edges.tolist(), counts.tolist())


def _count(values: list[float], bins: int) -> Medium:
    finite = [number for number in values if number - number == 0]
    if not finite:
        raise InvalidError("a histogram of no finite number", hint="check what is NaN")
    low, high = min(finite), max(finite)
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, width = [0] * bins, (high - low) / bins
    for number in finite:
        counts[min(int((number - low) / width), bins - 1)] += 1
    return histogram([low + width * index for index in range(bins)] + [high], counts)
