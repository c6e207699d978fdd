"""What an assessment says: read from a request, checked, and written as MLflow's clients read it."""

from __future__ import annotations

import json
import uuid
from typing import Any

from runward.core.clock import from_us
from runward.interop.mlflow.args import Args, check_length
from runward.interop.mlflow.errors import invalid

Json = dict[str, Any]
VALUES = ("feedback", "expectation", "issue")
"""What an assessment can be; it is exactly one of these."""
CHANGEABLE = ("assessment_name", *VALUES, "rationale", "metadata", "valid")
"""What may be given, and changed later."""
_SOURCES = ("HUMAN", "LLM_JUDGE", "AI_JUDGE", "CODE", "SOURCE_TYPE_UNSPECIFIED")


def timestamp(us: int) -> str:
    """Microseconds since 1970 as protobuf's JSON writes a time."""
    return from_us(us // 1000 * 1000).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def content(given: Args, names: tuple[str, ...]) -> Json:
    """The parts of an assessment that a request gives, checked. Raises: MlflowError."""
    found: Json = {}
    for name in names:
        if not given.has(name):
            continue
        if name in VALUES:
            found[name] = (
                _plain(dict(given.object(name).values)) if name == "expectation" else given.object(name).values
            )
        elif name == "metadata":
            found[name] = given.pairs(name)
        else:
            found[name] = given.flag(name) if name == "valid" else given.text(name)
    if "assessment_name" in found:
        check_length(found["assessment_name"], "assessment_name", 250)
    return found


def _plain(expectation: Json) -> Json:
    """MLflow writes an expectation that is no scalar as JSON text."""
    value = expectation.get("value")
    if isinstance(value, dict | list):
        return {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": json.dumps(value)}}
    return expectation


def read_assessment(given: Args, trace_id: str) -> Json:
    """An assessment that a request gives, with an id. Raises: MlflowError."""
    given.need("assessment_name")
    if sum(given.has(name) for name in VALUES) != 1:
        raise invalid("Exactly one of 'feedback', 'expectation' or 'issue' must be given in an assessment.")
    source = given.object("source")
    return {
        "assessment_id": given.text("assessment_id") or f"a-{uuid.uuid4().hex}",
        "trace_id": trace_id,
        "valid": True,
        **content(given, CHANGEABLE),
        **{name: given.text(name) for name in _TEXTS if given.text(name)},
        "source": {"source_type": _source_type(source), "source_id": source.text("source_id")},
    }


_TEXTS = ("span_id", "overrides", "create_time", "last_update_time")


def stamped(item: Json, us: int) -> Json:
    """The assessment with its times, where it has none."""
    return {"create_time": timestamp(us), "last_update_time": timestamp(us), **item}


def _source_type(source: Args) -> str:
    word = source.text("source_type", "SOURCE_TYPE_UNSPECIFIED").upper()
    if word not in _SOURCES:
        raise invalid(f"Invalid assessment source type: {word[:80]}. Valid source types: {list(_SOURCES)}")
    return "LLM_JUDGE" if word == "AI_JUDGE" else word
