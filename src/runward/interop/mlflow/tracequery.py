"""Traces found: filters on what is known about them, their spans, their assessments and the runs they belong to."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from runward.governance.calling import Call
from runward.interop.mlflow.caller import Caller
from runward.interop.mlflow.errors import invalid
from runward.interop.mlflow.experiments import visible
from runward.interop.mlflow.filters import (
    Comparison,
    Language,
    Lookup,
    by_mapping,
    parse_filter,
    parse_order,
    select,
)
from runward.interop.mlflow.runs import number
from runward.interop.mlflow.spans import attributes, texts
from runward.interop.mlflow.traces import (
    RUN_LINK,
    checked_id,
    duration_ms,
    linked_prompts,
    milliseconds,
    trace_name,
    v2,
)
from runward.registry import documents
from runward.registry.model import Document

Json = dict[str, Any]
_NUMBERS = frozenset(
    {"timestamp", "timestamp_ms", "execution_time", "execution_time_ms", "request_time", "end_time", "end_time_ms"}
)
_TEXTS = {
    "name",
    "status",
    "state",
    "trace_id",
    "request_id",
    "client_request_id",
    "run_id",
    "experiment_id",
    "text",
    "prompt",
}
_LANGUAGE = Language(
    _NUMBERS | _TEXTS, _NUMBERS, frozenset({"attribute", "tag", "metadata", "span", "feedback", "expectation"})
)
_MOST_LINKS = 100


class _Trace(NamedTuple):
    info: Json
    spans: list[Json]
    runs: list[str]


def _traces(call: Call, projects: list[str], conditions: list[Comparison]) -> list[_Trace]:
    """The traces of some projects, newest first, with as much beside them as the conditions ask for."""
    spans, runs = dict[str, list[Json]](), dict[str, list[str]]()
    if any(c.kind == "span" or c.key == "text" for c in conditions):
        spans = {item.id: item.body for item in documents.find(call, "spans", projects=projects)}
    if any(c.key == "run_id" for c in conditions):
        for link in documents.find(call, RUN_LINK, projects=projects):
            runs.setdefault(link.name, []).append(link.run_id)
    found = documents.find(call, "trace", projects=projects)
    return [_Trace(item.body, spans.get(item.id, []), runs.get(item.id, [])) for item in found]


def _lookup(trace: _Trace) -> Lookup:
    info = trace.info
    at, took = milliseconds(info["request_time"]), duration_ms(info.get("execution_duration", ""))
    made_in = info["trace_metadata"].get("mlflow.sourceRun")
    known = {
        "timestamp": at,
        "timestamp_ms": at,
        "request_time": at,
        "end_time": at + took,
        "end_time_ms": at + took,
        "execution_time": took,
        "execution_time_ms": took,
        "status": info.get("state"),
        "state": info.get("state"),
        "name": trace_name(info),
        "trace_id": info["trace_id"],
        "request_id": info["trace_id"],
        "client_request_id": info.get("client_request_id"),
        "run_id": [*trace.runs, *([made_in] if made_in else [])] or None,
        "prompt": [f"{item['name']}/{item['version']}" for item in linked_prompts(info)] or None,
        "text": "\n".join(text for span in trace.spans for text in texts(span)),
    }
    plain = by_mapping(known, info["tags"], metadata=info["trace_metadata"])
    return lambda kind, key: _BESIDE[kind](trace, key) if kind in _BESIDE else plain(kind, key)


def _of_spans(trace: _Trace, key: str) -> list[str] | None:
    """What the spans have as ``name``, ``type`` or ``attributes.<key>``."""
    if key == "name":
        found = [span.get("name", "") for span in trace.spans]
    else:
        wanted = "mlflow.spanType" if key == "type" else key.removeprefix("attributes.")
        found = [str(values[wanted]) for values in map(attributes, trace.spans) if wanted in values]
    return found or None


def _assessed(part: str) -> Callable[[_Trace, str], list[str] | None]:
    def values(trace: _Trace, name: str) -> list[str] | None:
        found = [
            item[part].get("value", item[part].get("serialized_value", {}).get("value"))
            for item in trace.info.get("assessments", [])
            if item.get("assessment_name") == name and part in item and item.get("valid", True)
        ]
        return [value if isinstance(value, str) else msgspec.json.encode(value).decode() for value in found] or None

    return values


_BESIDE: dict[str, Callable[[_Trace, str], list[str] | None]] = {
    "span": _of_spans,
    "feedback": _assessed("feedback"),
    "expectation": _assessed("expectation"),
}


def _experiments(caller: Caller) -> list[str]:
    return caller.args.texts("experiment_ids") + [
        item.object("mlflow_experiment").need("experiment_id") for item in caller.args.objects("locations")
    ]


def search(caller: Caller) -> Json:
    """The traces of some experiments that match a filter, newest first."""
    size, offset = caller.args.page(100, 500)
    conditions = parse_filter(caller.args.text("filter"), _LANGUAGE)
    order = parse_order(caller.args.texts("order_by"), _LANGUAGE)
    ids = _experiments(caller)
    with caller.on_list() as call:
        found = _traces(call, list(visible(call, ids)), conditions)
    found = select(found, _lookup, conditions, order)
    answer: Json = {"traces": [trace.info for trace in found[offset : offset + size]]}
    if offset + size < len(found):
        answer["next_page_token"] = str(offset + size)
    return answer


def search_v2(caller: Caller) -> Json:
    """The traces of some experiments that match a filter, as clients before 3 read them."""
    found = search(caller)
    return {**found, "traces": [v2(info) for info in found["traces"]]}


def link_to_run(caller: Caller) -> Json:
    """Say that traces of a run's experiment belong to the run. A trace may arrive later than its link."""
    run_id, ids = caller.args.need("run_id"), [checked_id(one) for one in caller.args.texts("trace_ids")]
    if len(ids) > _MOST_LINKS:
        raise invalid(
            f"Cannot link more than {_MOST_LINKS} traces to a run in a single request. Provided {len(ids)} traces."
        )
    project_id = caller.active(run_id).project_id
    with caller.on_run(run_id, "run.write", write=True, audit="link_traces") as call:
        for trace_id in ids:
            link, now = f"{run_id}\n{trace_id}", call.now_us // 1000
            documents.put(
                call, Document(kind=RUN_LINK, id=link, project_id=project_id, run_id=run_id, name=trace_id, at=now)
            )
    return {}


# how often two filters meet ----------------------------------------


def correlation(caller: Caller) -> Json:
    """How many traces match two filters, each and both, and how far that is from chance."""
    args, ids = caller.args, _experiments(caller)
    base, first, second = (
        parse_filter(args.text(name), _LANGUAGE) for name in ("base_filter", "filter_string1", "filter_string2")
    )
    with caller.on_list() as call:
        found = _traces(call, list(visible(call, ids)), [*base, *first, *second])
    found = select(found, _lookup, base, [])
    one, other = ({t.info["trace_id"] for t in select(found, _lookup, wanted, [])} for wanted in (first, second))
    joint, total = len(one & other), len(found)
    smooth = _npmi(joint + 0.5, len(one) + 1, len(other) + 1, total + 2)
    return {
        "npmi": number(_npmi(joint, len(one), len(other), total)),
        "npmi_smoothed": number(smooth if total else math.nan),
        "filter1_count": len(one),
        "filter2_count": len(other),
        "joint_count": joint,
        "total_count": total,
    }


def _npmi(joint: float, one: float, other: float, total: float) -> float:
    """Normalized pointwise mutual information: 1 always together, 0 by chance, -1 never; NaN where one never occurs."""
    if not one or not other:
        return math.nan
    if not joint:
        return -1.0
    if joint == total:
        return 1.0
    return max(-1.0, min(1.0, math.log(joint * total / (one * other)) / -math.log(joint / total)))
