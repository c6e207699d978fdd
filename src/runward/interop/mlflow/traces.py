"""MLflow's traces: a document each, its spans beside it."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec

from runward.errors import NotFoundError
from runward.governance.calling import Call
from runward.interop.mlflow.args import check_length
from runward.interop.mlflow.assessed import read_assessment, stamped, timestamp
from runward.interop.mlflow.caller import Caller, experiment_id_of
from runward.interop.mlflow.errors import invalid, missing
from runward.interop.mlflow.experiments import visible
from runward.interop.mlflow.otlp import attribute, trace_id_of
from runward.interop.mlflow.spans import with_underscores
from runward.registry import documents
from runward.registry.model import Document
from runward.tracking.foreign import KnownProject

Json = dict[str, Any]
_LOCATION, _SPANS, _NAME = "mlflow.artifactLocation", "mlflow.trace.spansLocation", "mlflow.traceName"
_IN_STORE = "TRACKING_STORE"
_PROMPTS = "mlflow.linkedPrompts"
RUN_LINK = "trace_run"
"""The kind of document that says that a trace belongs to a run; its name is the trace's id."""
_SAID = "said"
"""Marks a trace that a client described itself; what spans say does not overwrite it."""
_DURATION = re.compile(r"(-?\d{1,12})(?:\.(\d{1,9}))?s")
_ID = re.compile(r"[\w.:/\-]{1,250}")


def milliseconds(text: str) -> int:
    """A protobuf timestamp as milliseconds since 1970. Raises: MlflowError."""
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        return round(moment.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise invalid(f"Invalid timestamp: {text[:60]!r}") from None


def duration_ms(text: str) -> int:
    """A protobuf duration in milliseconds. Raises: MlflowError."""
    match = _DURATION.fullmatch(text or "0s")
    if match is None:
        raise invalid(f"Invalid duration: {text[:60]!r}")
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0")[:3])


def trace_name(info: Json) -> str | None:
    """A trace's name, which is a tag."""
    name: str | None = info["tags"].get(_NAME)
    return name


def find(caller: Caller, trace_id: str) -> Document:
    """A trace. Raises: MlflowError."""
    with caller.on_list() as call:
        found = documents.get(call, "trace", trace_id)
        if found is None or not visible(call, [found.project_id]):
            raise missing(f"Trace with ID '{trace_id}' not found.")
        return found


def _put(call: Call, project: KnownProject, trace_id: str, info: Json, *, said: bool = True) -> Document:
    """Store a trace's info, merged with what its spans said before."""
    present = documents.get(call, "trace", trace_id)
    if present is not None and present.project_id != project.id:
        raise NotFoundError(f"there is no trace {trace_id!r}")
    known = present.body if present else {}
    experiment_id = experiment_id_of(project.id, project.path)
    location = f"mlflow-artifacts:/{experiment_id}/traces/{trace_id}/artifacts"
    merged = {**known, **{key: value for key, value in info.items() if value not in (None, "")}}
    for key in ("tags", "trace_metadata"):
        merged[key] = {**known.get(key, {}), **(info.get(key) or {})}
    merged["tags"].setdefault(_LOCATION, location)
    at = milliseconds(merged["request_time"])
    duration_ms(merged.get("execution_duration", ""))
    item = Document(
        kind="trace",
        id=trace_id,
        project_id=project.id,
        run_id=merged["trace_metadata"].get("mlflow.sourceRun", ""),
        name=merged["tags"].get(_NAME, "")[:250],
        version=_SAID if said or (present is not None and present.version == _SAID) else "",
        status=merged.get("state", ""),
        at=at,
        body=merged,
    )
    documents.put(call, item)
    return item


def start(caller: Caller) -> Json:
    """Store what a client says about a whole trace (version 3), or begin one (version 2)."""
    if not caller.args.has("trace"):
        return _start_v2(caller)
    info = caller.args.object("trace").object("trace_info")
    trace_id = checked_id(info.need("trace_id"))
    experiment_id = info.object("trace_location").object("mlflow_experiment").need("experiment_id")
    project = caller.project(experiment_id)
    body = {
        **info.values,
        "request_time": info.need("request_time"),
        "tags": info.pairs("tags"),
        "trace_metadata": info.pairs("trace_metadata"),
    }
    assessed = [read_assessment(item, trace_id) for item in info.objects("assessments")]
    with caller.on_project(project.id, "run.write", write=True, audit="start_trace") as call:
        body["assessments"] = [stamped(item, call.now_us) for item in assessed] or None
        return {"trace": {"trace_info": _put(call, project, trace_id, body).body}}


def checked_id(trace_id: str) -> str:
    """An id that a trace can have. Raises: MlflowError."""
    if not _ID.fullmatch(trace_id):
        raise invalid(f"Invalid trace ID: {trace_id[:80]!r}")
    return trace_id


def export(caller: Caller, experiment_id: str, run_id: str, spans: list[Json]) -> None:
    """Store spans that arrived by OpenTelemetry's protocol."""
    project = caller.project(experiment_id)
    by_trace: dict[str, list[Json]] = {}
    for span in spans:
        by_trace.setdefault(trace_id_of(span), []).append(span)
    with caller.on_project(project.id, "run.write", write=True, audit="log_spans") as call:
        for trace_id, found in by_trace.items():
            present = documents.get(call, "spans", trace_id)
            kept = {span["spanId"]: span for span in [*(present.body if present else []), *found]}
            whole = list(kept.values())
            item = _put(call, project, trace_id, _from_spans(call, project, trace_id, run_id, whole), said=False)
            documents.put(call, msgspec.structs.replace(item, kind="spans", name="", status="", body=whole))


def _from_spans(call: Call, project: KnownProject, trace_id: str, run_id: str, spans: list[Json]) -> Json:
    """What spans say about their trace; what the client said itself stays."""
    known = documents.get(call, "trace", trace_id)
    info: Json = {"tags": {_SPANS: _IN_STORE}, "trace_metadata": {"mlflow.sourceRun": run_id} if run_id else {}}
    if known is not None and known.version == _SAID:
        return info
    starts = [int(span.get("startTimeUnixNano", 0)) for span in spans]
    ends = [int(span.get("endTimeUnixNano", 0)) for span in spans]
    root = next((span for span in spans if not span.get("parentSpanId")), None)
    state = (
        "IN_PROGRESS"
        if root is None
        else {"STATUS_CODE_ERROR": "ERROR"}.get(root.get("status", {}).get("code", ""), "OK")
    )
    experiment = {"experiment_id": experiment_id_of(project.id, project.path)}
    tags = {_NAME: root["name"]} if root and root.get("name") else {}
    previews = {"request_preview": "mlflow.spanInputs", "response_preview": "mlflow.spanOutputs"}
    return {
        **{name: attribute(root, key)[:1000] for name, key in previews.items() if root},
        "trace_id": trace_id,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": experiment},
        "request_time": timestamp(min(starts) // 1000),
        "execution_duration": f"{max(max(ends) - min(starts), 0) / 1e9:.3f}s",
        "state": state,
        "tags": {**info["tags"], **tags},
        "trace_metadata": {"mlflow.trace_schema.version": "3", **info["trace_metadata"]},
    }


def get(caller: Caller) -> Json:
    """What is known about a trace, without its spans."""
    return {"trace": {"trace_info": find(caller, caller.args.need("trace_id")).body}}


def get_whole(caller: Caller) -> Json:
    """A trace with its spans."""
    return {"trace": _whole(caller, [caller.args.need("trace_id")], strict=True)[0]}


def batch_get(caller: Caller) -> Json:
    """Traces with their spans; those that are not there are left out."""
    return {"traces": _whole(caller, caller.args.texts("trace_ids"))}


def batch_get_infos(caller: Caller) -> Json:
    """What is known about some traces."""
    return {"trace_infos": [item["trace_info"] for item in _whole(caller, caller.args.texts("trace_ids"))]}


def _whole(caller: Caller, ids: list[str], *, strict: bool = False) -> list[Json]:
    with caller.on_list() as call:
        found = documents.get_many(call, "trace", ids)
        seen = visible(call, list({item.project_id for item in found.values()}))
        spans = documents.get_many(call, "spans", ids)
    shown = [found[one] for one in ids if one in found and found[one].project_id in seen]
    if strict and not shown:
        raise missing(f"Trace with ID '{ids[0]}' not found.")
    inside = {item.id: with_underscores(item.body) for item in spans.values()}
    return [{"trace_info": item.body, "spans": inside.get(item.id, [])} for item in shown]


def spans_of(caller: Caller, trace_id: str) -> tuple[Document, list[Json]]:
    """A trace with the spans that arrived by OpenTelemetry's protocol. Raises: MlflowError."""
    found = find(caller, trace_id)
    with caller.on_list() as call:
        spans = documents.get(call, "spans", trace_id)
    return found, spans.body if spans else []


def set_tag(caller: Caller) -> Json:
    """Set a tag of a trace."""
    key, value = caller.args.need("key"), caller.args.text("value")
    check_length(key, "key", 250)
    _tag(caller, {key: check_length(value, "value", 8000)})
    return {}


def delete_tag(caller: Caller) -> Json:
    """Remove a tag of a trace."""
    key, trace_id = caller.args.need("key"), caller.args.need("trace_id")
    if key not in find(caller, trace_id).body["tags"]:
        raise missing(f"No trace tag with key '{key}' for trace with ID '{trace_id}'")
    _tag(caller, {key: None})
    return {}


def _tag(caller: Caller, change: dict[str, str | None]) -> None:
    found = find(caller, caller.args.need("trace_id"))
    with caller.on_project(found.project_id, "run.write", write=True, audit="set_trace_tag") as call:
        present = documents.get(call, "trace", found.id) or found
        tags = {key: value for key, value in {**present.body["tags"], **change}.items() if value is not None}
        documents.put(call, msgspec.structs.replace(present, body={**present.body, "tags": tags}))


def linked_prompts(info: Json) -> list[dict[str, str]]:
    """The versions of prompts that a trace used."""
    try:
        found = json.loads(info["tags"].get(_PROMPTS, "[]"))
    except ValueError:  # a client may write any text there
        return []
    return [item for item in found if isinstance(item, dict) and {"name", "version"} <= item.keys()]


def link_prompts(caller: Caller) -> Json:
    """Note in a trace's tags which versions of prompts it used."""
    trace_id = caller.args.need("trace_id")
    wanted = [
        {"name": item.need("name"), "version": item.need("version")} for item in caller.args.objects("prompt_versions")
    ]
    known = linked_prompts(find(caller, trace_id).body)
    _tag(caller, {_PROMPTS: json.dumps([*known, *(item for item in wanted if item not in known)])})
    return {}


def delete(caller: Caller) -> Json:
    """Remove traces by id, or the oldest ones up to a time."""
    args, project = caller.args, caller.project(caller.args.need("experiment_id"))
    ids = args.texts("trace_ids") or args.texts("request_ids")
    until, most = args.integer("max_timestamp_millis"), args.integer("max_traces")
    if bool(ids) == bool(until):
        raise invalid("Either `max_timestamp_millis` or `trace_ids` must be specified, but not both.")
    with caller.on_project(project.id, "run.delete", write=True, audit="delete_traces") as call:
        inside = documents.find(call, "trace", projects=[project.id])[::-1]
        doomed = [item.id for item in inside if item.id in ids or (until and item.at <= until)]
        doomed = doomed[:most] if most else doomed
        documents.delete(call, "spans", doomed)
        links = documents.find(call, RUN_LINK, projects=[project.id])
        documents.delete(call, RUN_LINK, [link.id for link in links if link.name in doomed])
        return {"traces_deleted": documents.delete(call, "trace", doomed)}


# version 2, which clients before 3 speak ----------------------------------------


def v2(info: Json) -> Json:
    """What is known about a trace, in the form of version 2."""
    at, took = milliseconds(info["request_time"]), duration_ms(info.get("execution_duration", ""))
    return {
        "request_id": info["trace_id"],
        "experiment_id": info["trace_location"]["mlflow_experiment"]["experiment_id"],
        "timestamp_ms": at,
        "execution_time_ms": took,
        "status": info.get("state", "IN_PROGRESS"),
        "request_metadata": [{"key": key, "value": value} for key, value in info["trace_metadata"].items()],
        "tags": [{"key": key, "value": value} for key, value in info["tags"].items()],
    }


def _start_v2(caller: Caller) -> Json:
    args, project = caller.args, caller.project(caller.args.need("experiment_id"))
    trace_id = f"tr-{uuid.uuid4().hex}"
    experiment = {"experiment_id": experiment_id_of(project.id, project.path)}
    info = {
        "trace_id": trace_id,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": experiment},
        "request_time": timestamp(args.integer("timestamp_ms") * 1000),
        "state": "IN_PROGRESS",
        "tags": args.pairs("tags"),
        "trace_metadata": args.pairs("request_metadata"),
    }
    with caller.on_project(project.id, "run.write", write=True, audit="start_trace") as call:
        return {"trace_info": v2(_put(call, project, trace_id, info).body)}


def end_v2(caller: Caller) -> Json:
    """End a trace."""
    args, found = caller.args, find(caller, caller.args.need("trace_id"))
    took = max(args.integer("timestamp_ms") - found.at, 0)
    change = {
        "execution_duration": f"{took / 1000:.3f}s",
        "state": args.text("status", "OK"),
        "tags": args.pairs("tags"),
        "trace_metadata": args.pairs("request_metadata"),
    }
    project = caller.project(experiment_id_of(found.project_id, ""))
    with caller.on_project(project.id, "run.write", write=True, audit="end_trace") as call:
        return {"trace_info": v2(_put(call, project, found.id, change).body)}


def info_v2(caller: Caller) -> Json:
    """What is known about a trace."""
    return {"trace_info": v2(find(caller, caller.args.need("trace_id")).body)}
