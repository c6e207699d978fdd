"""MLflow's runs: created, described, ended, found."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from runward.core.clock import from_us, to_us
from runward.errors import NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import Clause
from runward.interop.mlflow.args import MAX_VALUE, Args, check_key
from runward.interop.mlflow.caller import Caller, experiment_id_of
from runward.interop.mlflow.errors import invalid, missing
from runward.interop.mlflow.experiments import visible
from runward.interop.mlflow.filters import parse_filter, parse_order
from runward.interop.mlflow.runfilter import RUNS, compile_filter, compile_order
from runward.registry import documents
from runward.registry.model import Document
from runward.store.database import placeholders
from runward.tracking.api import Tracking
from runward.tracking.foreign import KnownRun, known_run, known_runs, reopen_run, restore_run, run_state
from runward.tracking.model import MetricSummary, NewRun, Run, RunPatch, RunStatus

Json = dict[str, Any]
NAME_TAG, USER_TAG = "mlflow.runName", "mlflow.user"
_MODELS_TAG = "mlflow.log-model.history"
_FROM = {
    "RUNNING": RunStatus.RUNNING,
    "SCHEDULED": RunStatus.RUNNING,
    "FINISHED": RunStatus.FINISHED,
    "FAILED": RunStatus.FAILED,
    "KILLED": RunStatus.CANCELLED,
}
_NUMBERS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_TO = {
    RunStatus.RUNNING: "RUNNING",
    RunStatus.FINISHED: "FINISHED",
    RunStatus.FAILED: "FAILED",
    RunStatus.CANCELLED: "KILLED",
    RunStatus.TIMED_OUT: "FAILED",
}
_EXACT_TIMES = 10_000
"""A run with no more points than this gets the exact time of its last ones from its series."""


def milliseconds(run: Run) -> int:
    """When a run ended, or began."""
    return to_us(run.ended_at or run.started_at) // 1000


def info(found: KnownRun) -> Json:
    """What MLflow calls a run's info."""
    run, experiment_id = found.run, experiment_id_of(found.run.project_id, found.run.project)
    answer: Json = {
        "run_uuid": run.id,
        "run_id": run.id,
        "run_name": run.name,
        "experiment_id": experiment_id,
        "user_id": run.tags.get(USER_TAG, run.created_by),
        "status": _TO[run.status],
        "start_time": to_us(run.started_at) // 1000,
        "artifact_uri": f"mlflow-artifacts:/{experiment_id}/{run.id}/artifacts",
        "lifecycle_stage": "deleted" if found.deleted else "active",
    }
    if run.ended_at is not None:
        answer["end_time"] = to_us(run.ended_at) // 1000
    return answer


def as_text(value: Any) -> str:
    """A param as MLflow shows it: text."""
    return value if isinstance(value, str) else json.dumps(value)


def number(value: float | None, special: str = "") -> float | str:
    """A float as protobuf's JSON writes it: NaN and the infinities by name."""
    if value is None or not math.isfinite(value):
        return special or ("NaN" if value is None or math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
    return value


def shown(found: KnownRun, items: Sequence[Document], times: dict[str, int]) -> Json:
    """A run as MLflow's clients read it."""
    run = found.run
    inputs = [item.body for item in items if item.kind == "input" and item.run_id == run.id]
    models = {
        kind: [i.body for i in items if i.kind == kind and i.run_id == run.id] for kind in ("model_input", "output")
    }
    return {
        "info": info(found),
        "data": {
            "metrics": [_metric(metric, times.get(metric.key, milliseconds(run))) for metric in run.metrics.values()],
            "params": [{"key": key, "value": as_text(value)} for key, value in run.params.items()],
            "tags": [{"key": key, "value": value} for key, value in {**run.tags, NAME_TAG: run.name}.items()],
        },
        "inputs": {"dataset_inputs": inputs, "model_inputs": models["model_input"]},
        "outputs": {"model_outputs": models["output"]},
    }


def _metric(metric: MetricSummary, timestamp: int) -> Json:
    value = number(metric.last, metric.last_special)
    return {"key": metric.key, "value": value, "timestamp": timestamp, "step": metric.last_step}


def _items(call: Call, ids: list[str]) -> list[Document]:
    return [item for kind in ("input", "model_input", "output") for item in documents.find(call, kind, runs=ids)[::-1]]


def one(caller: Caller, run_id: str) -> Json:
    """A run with all its parts. Raises: MlflowError."""
    caller.place(run_id)
    with caller.on_run(run_id, "run.read") as call:
        found = known_run(call, run_id)
        assert found is not None
        return shown(found, _items(call, [run_id]), _last_times(call, found.run))


def _last_times(call: Call, run: Run) -> dict[str, int]:
    if not run.metrics or sum(metric.n for metric in run.metrics.values()) > _EXACT_TIMES:
        return {}
    series = call.use(Tracking).series(run.id, list(run.metrics)).series
    return {item.key: round(item.times[-1] * 1000) for item in series if item.times}


def get(caller: Caller) -> Json:
    """One run, deleted or not."""
    return {"run": one(caller, caller.args.need("run_id", "run_uuid"))}


def create(caller: Caller) -> Json:
    """Start a run in an experiment."""
    project = caller.project(caller.args.text("experiment_id", "0") or "0")
    if project.deleted:
        raise invalid(f"The experiment {project.id} must be in the 'active' state. Current state is deleted.")
    tags = checked_tags(caller.args.pairs("tags"))
    name = caller.args.text("run_name")
    if name and tags.get(NAME_TAG, name) != name:
        raise invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
            f"(run_name='{name}', mlflow.runName='{tags[NAME_TAG]}')."
        )
    name = name or tags.pop(NAME_TAG, "")
    tags.pop(NAME_TAG, None)
    # A stock client that knows of no user says "unknown"; then it is the member whose token it was.
    if (user := caller.args.text("user_id")) not in ("", "unknown"):
        tags.setdefault(USER_TAG, user)
    started = _moment(caller.args, "start_time")
    run_id = uuid.uuid4().hex
    new = NewRun(project=project.id, id=run_id, name=name[:250], tags=tags, started_at=started)
    caller.do("tracking.create_run", new=new)
    return {"run": one(caller, run_id)}


def _moment(args: Args, name: str) -> Any:
    milliseconds = args.integer(name)
    if not milliseconds:
        return None
    try:
        return from_us(milliseconds * 1000)
    except OverflowError:
        raise invalid(f"Invalid value {milliseconds} for parameter '{name}' supplied: it is no time.") from None


def checked_tags(tags: dict[str, str], path: str = "key") -> dict[str, str]:
    """Tags that keep MLflow's rules; a value that is too long is cut. Raises: MlflowError."""
    return {check_key(key, path, "key"): value[:MAX_VALUE] for key, value in tags.items()}


def update(caller: Caller) -> Json:
    """Change status, end time and name."""
    run_id = caller.args.need("run_id", "run_uuid")
    caller.active(run_id)
    found = caller.run(run_id)
    given = caller.args.values.get("status")
    word = _NUMBERS.get(given) if isinstance(given, int) else caller.args.text("status")
    if word and word not in _FROM:
        raise invalid(f"Invalid value \"{word}\" for parameter 'status' supplied: one of {sorted(_FROM)}.")
    if name := caller.args.text("run_name"):
        caller.do("tracking.update_run", run_id=run_id, patch=RunPatch(name=name[:250]))
    ended = _moment(caller.args, "end_time")
    if word or ended:
        status = _FROM[word] if word else found.run.status
        _set_status(caller, run_id, status, ended)
    return {"run_info": info(caller.run(run_id))}


def _set_status(caller: Caller, run_id: str, status: RunStatus, ended: Any) -> None:
    with caller.on_run(run_id, "run.write", write=True, audit="update_run") as call:
        present = known_run(call, run_id)
        assert present is not None
        until = ended or (present.run.ended_at if present.run.status == status else None) or call.now
        reopen_run(call, run_id, status, to_us(until) if status.is_terminal else None)


def delete(caller: Caller) -> Json:
    """Put a run out of sight; it can be restored."""
    run_id = caller.args.need("run_id")
    if not caller.place(run_id).deleted:
        caller.do("tracking.delete_run", run_id=run_id)
    return {}


def restore(caller: Caller) -> Json:
    """Bring a deleted run back."""
    run_id = caller.args.need("run_id")
    caller.place(run_id)
    with caller.on_run(run_id, "run.delete", write=True, audit="restore_run") as call:
        restore_run(call, run_id)
    return {}


def set_tag(caller: Caller) -> Json:
    """Set a tag of a run; MLflow's name tag is the run's name."""
    run_id = caller.args.need("run_id", "run_uuid")
    key, value = caller.args.need("key"), caller.args.text("value")
    tags = checked_tags({key: value})
    caller.active(run_id)
    patch = RunPatch(name=value[:250]) if key == NAME_TAG and value else RunPatch(tags={**tags})
    caller.do("tracking.update_run", run_id=run_id, patch=patch)
    return {}


def delete_tag(caller: Caller) -> Json:
    """Remove a tag of a run."""
    run_id, key = caller.args.need("run_id"), caller.args.need("key")
    caller.active(run_id)
    found = caller.run(run_id)
    if key not in found.run.tags:
        raise missing(f"No tag with name: {key} in run with id {run_id}")
    caller.do("tracking.update_run", run_id=run_id, patch=RunPatch(tags={key: None}))
    return {}


def search(caller: Caller) -> Json:
    """The runs of some experiments that match a filter."""
    size, offset = caller.args.page(1000, 50_000)
    conditions = parse_filter(caller.args.text("filter"), RUNS)
    order = compile_order(parse_order(caller.args.texts("order_by"), RUNS))
    view = caller.args.text("run_view_type", "ACTIVE_ONLY")
    states = {"ACTIVE_ONLY": "r.deleted_at IS NULL", "DELETED_ONLY": "r.deleted_at IS NOT NULL", "ALL": "TRUE"}
    if view not in states:
        raise invalid(f"Invalid value {json.dumps(view)} for parameter 'run_view_type' supplied.")
    with caller.on_list() as call:
        projects = list(visible(call, caller.args.texts("experiment_ids")))
        condition = compile_filter(conditions, call.tx.dialect)
        where = Clause(
            f"r.project_id IN ({placeholders(projects) or 'NULL'}) AND {states[view]} AND {condition.sql}",
            (*projects, *condition.params),
        )
        found = known_runs(call, where, order, size + 1, offset)
        items = _items(call, [item.run.id for item in found])
    answer: Json = {"runs": [shown(item, items, {}) for item in found[:size]]}
    if len(found) > size:
        answer["next_page_token"] = str(offset + size)
    return answer


def log_inputs(caller: Caller) -> Json:
    """Note the data sets and models that a run reads."""
    run_id = caller.args.need("run_id")
    caller.active(run_id)
    datasets = [_dataset_input(item) for item in caller.args.objects("datasets")]
    models = [dict(item.values) for item in caller.args.objects("models")]
    with caller.on_run(run_id, "run.write", write=True, audit="log_inputs") as call:
        for place, body in enumerate(datasets):
            data, context = body["dataset"], {tag["key"]: tag["value"] for tag in body["tags"]}
            name, digest = data["name"], data["digest"]
            item = _document(call, run_id, "input", f"{name}\n{digest}", body)
            # Those of one request come back in their order, by times that follow each other.
            found = {"name": name, "version": digest, "status": context.get("mlflow.data.context", "")}
            documents.put(call, msgspec.structs.replace(item, at=item.at + place, **found))
        for body in models:
            documents.put(call, _document(call, run_id, "model_input", str(body.get("model_id")), body))
    return {}


def _dataset_input(item: Args) -> Json:
    data = item.object("dataset")
    kept = {key: data.text(key) for key in ("schema", "profile") if data.has(key)}
    named = {key: data.need(key) for key in ("name", "digest", "source_type", "source")}
    tags = [{"key": key, "value": value} for key, value in item.pairs("tags").items()]
    return {"dataset": {**named, **kept}, "tags": tags}


def _document(call: Call, run_id: str, kind: str, key: str, body: Json) -> Document:
    found = run_state(call, run_id)
    if found is None:
        raise NotFoundError(f"there is no run {run_id!r}")
    now = call.now_us // 1000
    return Document(kind=kind, id=f"{run_id}\n{key}", project_id=found.project_id, run_id=run_id, at=now, body=body)


def log_model(caller: Caller) -> Json:
    """Note a model's description on its run, as clients before 3 read it."""
    run_id, text = caller.args.need("run_id"), caller.args.need("model_json")
    try:
        model = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid(f"Malformed model info. \n {text[:200]} \n is not a valid JSON.") from None
    wanted = {"artifact_path", "flavors", "utc_time_created", "run_id"}
    if not isinstance(model, dict) or wanted - set(model):
        raise invalid(f"Model json is missing mandatory fields: {sorted(wanted - set(model))}")
    caller.active(run_id)
    found = caller.run(run_id)
    history = [*json.loads(found.run.tags.get(_MODELS_TAG, "[]")), model]
    caller.do("tracking.update_run", run_id=run_id, patch=RunPatch(tags={_MODELS_TAG: json.dumps(history)}))
    return {}


def log_outputs(caller: Caller) -> Json:
    """Note the models that a run makes."""
    run_id = caller.args.need("run_id")
    caller.active(run_id)
    with caller.on_run(run_id, "run.write", write=True, audit="log_outputs") as call:
        for model in caller.args.objects("models"):
            body: Json = {"model_id": model.need("model_id"), "step": model.integer("step")}
            documents.put(call, _document(call, run_id, "output", body["model_id"], body))
    return {}
