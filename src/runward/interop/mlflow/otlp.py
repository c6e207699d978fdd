"""OpenTelemetry's trace export, read without a protobuf library: bytes in, spans as protobuf's JSON out."""

from __future__ import annotations

import base64
import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from runward.interop.mlflow.errors import invalid
from runward.interop.mlflow.spans import plain_span

Json = dict[str, Any]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 50
_MAX_BYTES = 64 << 20
_STATUS = ("STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR")


class _Broken(Exception):
    """The bytes are no protobuf message."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise _Broken
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of a message's fields; 64 and 32 bit values as raw bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire, -1)
        if wire == _BYTES:
            size, at = _varint(data, at)
        if size < 0 or at + size > len(data):
            raise _Broken
        yield number, wire, data[at : at + size]
        at += size


def _all(data: bytes, wanted: int) -> list[bytes]:
    return [value for number, wire, value in _fields(data) if number == wanted and wire == _BYTES]


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _any_value(data: bytes, depth: int = 0) -> Json:
    if depth > _MAX_DEPTH:
        raise _Broken
    found: Json = {}
    for number, _, value in _fields(data):
        if number == 1:
            found = {"stringValue": value.decode(errors="replace")}
        elif number == 2:
            found = {"boolValue": bool(value)}
        elif number == 3:
            found = {"intValue": str(_signed(value))}
        elif number == 4:
            found = {"doubleValue": _double(value)}
        elif number == 5:
            found = {"arrayValue": {"values": [_any_value(item, depth + 1) for item in _all(value, 1)]}}
        elif number == 6:
            found = {"kvlistValue": {"values": [_pair(item, depth + 1) for item in _all(value, 1)]}}
        elif number == 7:
            found = {"bytesValue": base64.b64encode(value).decode()}
    return found


def _double(raw: bytes) -> float | str:
    value = float(struct.unpack("<d", raw)[0])
    if math.isnan(value):
        return "NaN"
    return value if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")


def _pair(data: bytes, depth: int = 0) -> Json:
    pair: Json = {"key": "", "value": {}}
    for number, _, value in _fields(data):
        if number == 1:
            pair["key"] = value.decode(errors="replace")
        elif number == 2:
            pair["value"] = _any_value(value, depth)
    return pair


def _nanoseconds(raw: bytes) -> str:
    return str(struct.unpack("<Q", raw)[0])


def _part(data: bytes, texts: dict[int, str], ids: dict[int, str], times: dict[int, str], pairs: int) -> Json:
    """A message whose fields are texts, ids, times and one list of attributes."""
    found: Json = {}
    for number, wire, value in _fields(data):
        if number in texts and wire == _BYTES:
            found[texts[number]] = value.decode(errors="replace")
        elif number in ids and wire == _BYTES:
            found[ids[number]] = base64.b64encode(value).decode()
        elif number in times and wire == _FIXED64:
            found[times[number]] = _nanoseconds(value)
        elif number == pairs and wire == _BYTES:
            found.setdefault("attributes", []).append(_pair(value))
    return found


def _span(data: bytes) -> Json:
    span = _part(
        data,
        {3: "traceState", 5: "name"},
        {1: "traceId", 2: "spanId", 4: "parentSpanId"},
        {7: "startTimeUnixNano", 8: "endTimeUnixNano"},
        9,
    )
    for number, wire, value in _fields(data):
        if number == 6 and wire == _VARINT:
            span["kind"] = value
        elif number == 11 and wire == _BYTES:
            span.setdefault("events", []).append(_part(value, {2: "name"}, {}, {1: "timeUnixNano"}, 3))
        elif number == 13 and wire == _BYTES:
            link = _part(value, {3: "traceState"}, {1: "traceId", 2: "spanId"}, {}, 4)
            span.setdefault("links", []).append(link)
        elif number == 15 and wire == _BYTES:
            span["status"] = _status(value)
    return span


def _status(data: bytes) -> Json:
    status: Json = {"code": _STATUS[0]}
    for number, _, value in _fields(data):
        if number == 2:
            status["message"] = value.decode(errors="replace")
        elif number == 3:
            status["code"] = _STATUS[value] if value < len(_STATUS) else _STATUS[0]
    return status


def _unpacked(data: bytes, encoding: str) -> bytes:
    if not encoding or encoding == "identity":
        return data
    if encoding not in ("gzip", "deflate"):
        raise invalid(f"Unsupported Content-Encoding: {encoding[:40]}")
    window = zlib.MAX_WBITS | 16 if encoding == "gzip" else zlib.MAX_WBITS
    try:
        unpacker = zlib.decompressobj(window)
        plain = unpacker.decompress(data, _MAX_BYTES)
    except (zlib.error, gzip.BadGzipFile):
        raise invalid("Failed to decompress the request body") from None
    if unpacker.unconsumed_tail:
        raise invalid(f"The unpacked body is larger than {_MAX_BYTES >> 20} MiB")
    return plain


def read_spans(data: bytes, media_type: str, encoding: str = "") -> list[Json]:
    """The spans of an export, as protobuf or as OTLP's JSON. Raises: MlflowError."""
    media_type = media_type.partition(";")[0].strip()
    data = _unpacked(data, encoding.lower())
    try:
        if media_type == "application/json":
            found = _from_json(data)
        elif media_type == "application/x-protobuf":
            scopes = [scope for resource in _all(data, 1) for scope in _all(resource, 2)]
            found = [_span(span) for scope in scopes for span in _all(scope, 2)]
        else:
            raise invalid(f"Invalid Content-Type: {media_type}. Expected: application/x-protobuf or application/json")
        for span in found:
            plain_span(span)
    except (_Broken, struct.error, LookupError, ValueError, ArithmeticError, TypeError, AttributeError, RecursionError):
        raise invalid("Invalid OpenTelemetry format") from None
    if not found:
        raise invalid("Invalid OpenTelemetry format - no spans found")
    for span in found:
        if len(_raw_id(span.get("traceId"))) != 16 or len(_raw_id(span.get("spanId"))) != 8:
            raise invalid("Invalid OpenTelemetry format: a span needs a trace id of 16 bytes and a span id of 8")
    return found


def _from_json(data: bytes) -> list[Json]:
    """OTLP's JSON writes ids as hexadecimal digits, protobuf's JSON as base64."""
    document = msgspec.json.decode(data)
    scopes = [scope for resource in document["resourceSpans"] for scope in resource.get("scopeSpans", [])]
    found = [dict(span) for scope in scopes for span in scope.get("spans", [])]
    for span in found:
        for name in ("traceId", "spanId", "parentSpanId"):
            if span.get(name):
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        code = span.get("status", {}).get("code", 0)
        if isinstance(code, int):
            span["status"] = {**span.get("status", {}), "code": _STATUS[code] if code < len(_STATUS) else _STATUS[0]}
    return found


def _raw_id(text: Any) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except (ValueError, TypeError):
        return b""


def trace_id_of(span: Json) -> str:
    """MLflow's id of the trace that a span belongs to."""
    return f"tr-{_raw_id(span['traceId']).hex()}"


def attribute(span: Json, key: str) -> str:
    """A text attribute of a span; empty where there is none."""
    for pair in span.get("attributes", []):
        if pair.get("key") == key:
            return str(pair.get("value", {}).get("stringValue", ""))
    return ""
