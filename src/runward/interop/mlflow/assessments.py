"""Assessments of traces: feedback and expectations of people, models and code, kept with what is known of the trace."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from runward.governance.calling import Call
from runward.interop.mlflow.assessed import CHANGEABLE, VALUES, content, read_assessment, stamped, timestamp
from runward.interop.mlflow.caller import Caller
from runward.interop.mlflow.errors import MlflowError, invalid, missing, missing_value
from runward.interop.mlflow.traces import find
from runward.registry import documents

Json = dict[str, Any]
_CAPITAL = re.compile("[A-Z]")


def _not_found(trace_id: str, assessment_id: str) -> MlflowError:
    return missing(f"Assessment with ID '{assessment_id}' not found for trace '{trace_id}'")


def _changed(caller: Caller, audit: str, change: Callable[[Call, dict[str, Json]], Json]) -> Json:
    """Change a trace's assessments, which ``change`` gets by id; returns what that returns."""
    found = find(caller, caller.args.need("trace_id"))
    with caller.on_project(found.project_id, "run.write", write=True, audit=audit) as call:
        present = documents.get(call, "trace", found.id) or found
        items = {item["assessment_id"]: item for item in present.body.get("assessments", [])}
        answer = change(call, items)
        body = {**present.body, "assessments": list(items.values())}
        documents.put(call, msgspec.structs.replace(present, body=body))
    return answer


def create(caller: Caller) -> Json:
    """Add an assessment; one that it overrides is no longer valid."""
    trace_id = caller.args.need("trace_id")
    given = read_assessment(caller.args.object("assessment"), trace_id)

    def add(call: Call, items: dict[str, Json]) -> Json:
        overridden = given.get("overrides")
        if overridden:
            if overridden not in items:
                raise _not_found(trace_id, overridden)
            items[overridden] = {**items[overridden], "valid": False}
        items[given["assessment_id"]] = stamped(given, call.now_us)
        return {"assessment": items[given["assessment_id"]]}

    return _changed(caller, "create_assessment", add)


def get(caller: Caller) -> Json:
    """One assessment."""
    trace_id, assessment_id = caller.args.need("trace_id"), caller.args.need("assessment_id")
    for item in find(caller, trace_id).body.get("assessments", []):
        if item["assessment_id"] == assessment_id:
            return {"assessment": item}
    raise _not_found(trace_id, assessment_id)


def update(caller: Caller) -> Json:
    """Change what ``update_mask`` names of an assessment, or all that is given; metadata is merged."""
    trace_id, assessment_id = caller.args.need("trace_id"), caller.args.need("assessment_id")
    given = caller.args.object("assessment")
    mask = [_CAPITAL.sub(lambda m: f"_{m[0].lower()}", name) for name in caller.args.text("update_mask").split(",")]
    names = tuple(name for name in CHANGEABLE if name in mask or mask == [""])
    change = content(given, names)
    if not change:
        raise missing_value("assessment")

    def merge(call: Call, items: dict[str, Json]) -> Json:
        known = items.get(assessment_id)
        if known is None:
            raise _not_found(trace_id, assessment_id)
        if any(name in change and name not in known for name in VALUES):
            raise invalid("An assessment cannot change between feedback, expectation and issue.")
        merged = {**known.get("metadata", {}), **change.get("metadata", {})}
        items[assessment_id] = {**known, **change, "last_update_time": timestamp(call.now_us), "metadata": merged}
        return {"assessment": items[assessment_id]}

    return _changed(caller, "update_assessment", merge)


def delete(caller: Caller) -> Json:
    """Remove an assessment; one that it overrode is valid again."""
    trace_id, assessment_id = caller.args.need("trace_id"), caller.args.need("assessment_id")

    def remove(call: Call, items: dict[str, Json]) -> Json:
        gone = items.pop(assessment_id, None)
        if gone is None:
            raise _not_found(trace_id, assessment_id)
        overridden = gone.get("overrides")
        if overridden in items:
            items[overridden] = {**items[overridden], "valid": True}
        return {}

    return _changed(caller, "delete_assessment", remove)
