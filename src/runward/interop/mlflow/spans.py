"""Spans as MLflow writes them: OpenTelemetry's fields with underscores, or the plain form of ``traces.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_CAPITAL = re.compile("[A-Z]")


def with_underscores(value: Any) -> Any:
    """OpenTelemetry's JSON with the names that protobuf gives its fields. Keys of users are values there, and stay."""
    if isinstance(value, dict):
        return {_CAPITAL.sub(lambda m: f"_{m[0].lower()}", key): with_underscores(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_underscores(item) for item in value]
    return value


def _value(found: Json) -> Any:
    """What an OpenTelemetry value means."""
    for kind, value in found.items():
        if kind == "arrayValue":
            return [_value(item) for item in value.get("values", [])]
        if kind == "kvlistValue":
            return _pairs(value.get("values", []))
        return int(value) if kind == "intValue" else float(value) if kind == "doubleValue" else value
    return None


def _pairs(pairs: list[Json]) -> Json:
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs}


def attributes(span: Json) -> Json:
    """A span's attributes by key."""
    return _pairs(span.get("attributes", []))


def plain_span(span: Json) -> Json:
    """A span as ``traces.json`` has it: attributes as JSON texts by key."""
    return {
        "trace_id": span["traceId"],
        "span_id": span["spanId"],
        "parent_span_id": span.get("parentSpanId") or None,
        "name": span.get("name", ""),
        "start_time_unix_nano": int(span.get("startTimeUnixNano", 0)),
        "end_time_unix_nano": int(span.get("endTimeUnixNano", 0)),
        "events": [
            {
                "name": event.get("name", ""),
                "time_unix_nano": int(event.get("timeUnixNano", 0)),
                "attributes": _pairs(event.get("attributes", [])),
            }
            for event in span.get("events", [])
        ],
        "status": {"message": "", **span.get("status", {})},
        "attributes": {key: json.dumps(value) for key, value in attributes(span).items()},
    }


def texts(span: Json) -> Iterator[str]:
    """What a search in the text of a span looks at: its name, keys and values of attributes and events."""
    yield span.get("name", "")
    for part in (span, *span.get("events", [])):
        for key, value in attributes(part).items():
            yield key
            yield value if isinstance(value, str) else json.dumps(value)
