"""MLflow's logged models: documents of a project with files beside them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import msgspec

from runward.interop.mlflow import artifacts
from runward.interop.mlflow.args import Args
from runward.interop.mlflow.caller import Caller, experiment_id_of
from runward.interop.mlflow.errors import invalid, missing
from runward.interop.mlflow.experiments import visible
from runward.interop.mlflow.filters import Language, Lookup, Ordering, by_mapping, identifier, parse_filter, select
from runward.registry import documents
from runward.registry.model import Document

Json = dict[str, Any]
_NUMBERS = frozenset({"creation_timestamp", "creation_time", "last_updated_timestamp"})
_LANGUAGE = Language(
    _NUMBERS | {"name", "model_id", "model_type", "status", "source_run_id", "experiment_id"},
    _NUMBERS,
    frozenset({"attribute", "tag", "metric", "parameter"}),
)
_STATUS = (
    "LOGGED_MODEL_STATUS_UNSPECIFIED",
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
)
_DELETED = "deleted"
_VERSIONS_TAG = "mlflow.modelVersions"


def _find(caller: Caller, model_id: str, *, deleted: bool = False) -> Document:
    with caller.on_list() as call:
        found = documents.get(call, "model", model_id)
        if found is not None and not visible(call, [found.project_id]):
            found = None
    if found is None or (found.status == _DELETED and not deleted):
        raise missing(f"Logged model with ID '{model_id}' not found.")
    return found


def artifact_uri_of(caller: Caller, model_id: str) -> str:
    """Where a logged model's files lie. Raises: MlflowError."""
    return str(_find(caller, model_id).body["info"]["artifact_uri"])


def note_version(caller: Caller, model_id: str, name: str, version: int) -> None:
    """Write into a logged model which version was registered from it. Raises: MlflowError."""
    tags = {tag["key"]: tag["value"] for tag in _find(caller, model_id).body["info"]["tags"]}
    known = json.loads(tags.get(_VERSIONS_TAG, "[]"))
    noted = json.dumps([*known, {"name": name, "version": version}])
    _change(caller, model_id, {"tags": {_VERSIONS_TAG: noted}})


def source_run_of(caller: Caller, model_id: str) -> str:
    """The run that made a logged model. Raises: MlflowError."""
    return _find(caller, model_id).run_id


def create(caller: Caller) -> Json:
    """Start a logged model; its files come next."""
    args, project = caller.args, caller.project(caller.args.need("experiment_id"))
    experiment_id, model_id = experiment_id_of(project.id, project.path), f"m-{uuid.uuid4().hex}"
    run_id, name = args.text("source_run_id"), args.text("name") or f"model-{model_id[2:8]}"
    if any(character in name for character in "/:.%\"'"):
        raise invalid(
            f"Invalid model name ({name}) provided. Model name must be a non-empty string and cannot contain the"
            " following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )
    with caller.on_project(project.id, "run.write", write=True, audit="create_logged_model") as call:
        now = call.now_us // 1000
        info = {
            "model_id": model_id,
            "experiment_id": experiment_id,
            "name": name,
            "creation_timestamp_ms": now,
            "last_updated_timestamp_ms": now,
            "artifact_uri": f"mlflow-artifacts:/{experiment_id}/models/{model_id}/artifacts",
            "status": _STATUS[1],
            "model_type": args.text("model_type"),
            "source_run_id": run_id,
            "tags": _listed(args.pairs("tags")),
        }
        body = {"info": info, "data": {"params": _listed(args.pairs("params")), "metrics": []}}
        documents.put(
            call,
            Document(kind="model", id=model_id, project_id=project.id, run_id=run_id, name=name, at=now, body=body),
        )
    return {"model": body}


def _listed(pairs: dict[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in pairs.items()]


def get(caller: Caller) -> Json:
    """One logged model."""
    return {"model": _find(caller, caller.args.need("model_id"), deleted=caller.args.flag("allow_deleted")).body}


def _changed(caller: Caller, change: dict[str, Any], *, status: str = "") -> Json:
    return _change(caller, caller.args.need("model_id"), change, status=status)


def _change(caller: Caller, model_id: str, change: dict[str, Any], *, status: str = "") -> Json:
    """Replace parts of a logged model's info or data."""
    found = _find(caller, model_id)
    with caller.on_project(found.project_id, "run.write", write=True, audit="update_logged_model") as call:
        present = documents.get(call, "model", model_id) or found
        info = {**present.body["info"], "last_updated_timestamp_ms": call.now_us // 1000}
        data = {**present.body["data"]}
        for name, pairs in change.items():
            where = data if name == "params" else info
            if isinstance(pairs, dict):
                merged = {**{item["key"]: item["value"] for item in where[name]}, **pairs}
                where[name] = _listed({key: value for key, value in merged.items() if value is not None})
            else:
                where[name] = pairs
        body = {"info": info, "data": data}
        documents.put(call, msgspec.structs.replace(present, body=body, status=status or present.status))
    return {"model": body}


def finalize(caller: Caller) -> Json:
    """Say that a logged model's files are there, or that they are not."""
    given = caller.args.values.get("status")
    status = _STATUS[given] if isinstance(given, int) and 0 <= given < len(_STATUS) else caller.args.need("status")
    if status not in _STATUS:
        raise invalid(f"Invalid value \"{status}\" for parameter 'status' supplied: one of {list(_STATUS)}.")
    return _changed(caller, {"status": status})


def set_tags(caller: Caller) -> Json:
    """Set tags of a logged model."""
    return _changed(caller, {"tags": caller.args.pairs("tags")})


def delete_tag(caller: Caller) -> Json:
    """Remove a tag of a logged model."""
    key = caller.args.need("key")
    tags = _find(caller, caller.args.need("model_id")).body["info"]["tags"]
    if key not in [tag["key"] for tag in tags]:
        raise missing(f"No tag with key {key!r} found for model with ID {caller.args.need('model_id')!r}.")
    _changed(caller, {"tags": {key: None}})
    return {}


def log_params(caller: Caller) -> Json:
    """Add params to a logged model."""
    _changed(caller, {"params": caller.args.pairs("params")})
    return {}


def delete(caller: Caller) -> Json:
    """Put a logged model out of sight."""
    _changed(caller, {}, status=_DELETED)
    return {}


def note_metrics(caller: Caller, run_id: str, entries: list[Args]) -> None:
    """Write metrics that name a logged model into it, beside the run's series."""
    for entry in entries:
        model_id = entry.text("model_id")
        if not model_id:
            continue
        found = _find(caller, model_id)
        point = {
            **{key: entry.values[key] for key in ("key", "value", "timestamp") if key in entry.values},
            **{key: entry.text(key) for key in ("dataset_name", "dataset_digest") if entry.has(key)},
            "step": entry.integer("step"),
            "model_id": model_id,
            "run_id": run_id,
        }
        with caller.on_project(found.project_id, "run.write", write=True) as call:
            present = documents.get(call, "model", model_id) or found
            metrics = [*(m for m in present.body["data"]["metrics"] if not _same(m, point)), point]
            body = {**present.body, "data": {**present.body["data"], "metrics": metrics}}
            documents.put(call, msgspec.structs.replace(present, body=body))


def _same(one: Json, other: Json) -> bool:
    names = ("key", "run_id", "dataset_name", "dataset_digest")
    return all(one.get(name) == other.get(name) for name in names)


def search(caller: Caller) -> Json:
    """The logged models of some experiments that match a filter."""
    size, offset = caller.args.page(50, 50_000)
    conditions = parse_filter(caller.args.text("filter"), _LANGUAGE)
    order = []
    for item in caller.args.objects("order_by"):
        order.append(Ordering(*identifier(item.need("field_name"), _LANGUAGE), item.values.get("ascending") is False))
    with caller.on_list() as call:
        projects = list(visible(call, caller.args.texts("experiment_ids")))
        found = [d.body for d in documents.find(call, "model", projects=projects) if d.status != _DELETED]
    wanted = [(item.need("dataset_name"), item.text("dataset_digest")) for item in caller.args.objects("datasets")]
    if wanted:
        found = [body for body in found if _measured_on(body, wanted)]
    found = select(found, _lookup, conditions, order)
    answer: Json = {"models": found[offset : offset + size]}
    if offset + size < len(found):
        answer["next_page_token"] = str(offset + size)
    return answer


def _measured_on(body: Json, datasets: list[tuple[str, str]]) -> bool:
    """Whether a model has a metric on one of some data sets; no digest is any digest."""
    points = [(point.get("dataset_name"), point.get("dataset_digest")) for point in body["data"]["metrics"]]
    return any(name == one[0] and digest in ("", one[1]) for one in points for name, digest in datasets)


def _lookup(body: Json) -> Lookup:
    info, data = body["info"], body["data"]
    attributes = {
        **info,
        "status": info["status"].removeprefix("LOGGED_MODEL_"),
        "creation_timestamp": info["creation_timestamp_ms"],
        "creation_time": info["creation_timestamp_ms"],
        "last_updated_timestamp": info["last_updated_timestamp_ms"],
    }
    metrics = {item["key"]: float(item["value"]) for item in data["metrics"]}
    params = {item["key"]: item["value"] for item in data["params"]}
    return by_mapping(attributes, {t["key"]: t["value"] for t in info["tags"]}, metric=metrics, parameter=params)


def folder_of(caller: Caller) -> artifacts.Place:
    """Where the files of the logged model lie that a request names. Raises: MlflowError."""
    found = _find(caller, caller.args.need("model_id"))
    return artifacts.Place(found.project_id, "", f"models/{found.id}/artifacts")


def directories(caller: Caller) -> Json:
    """What lies in a folder of a logged model."""
    place = folder_of(caller)
    inner = artifacts.check_path(caller.args.text("artifact_directory_path").strip("/"))
    inside = place._replace(path=f"{place.path}/{inner}" if inner else place.path)
    listed = artifacts.entries(artifacts.files(caller, inside), inside.path)
    files = [{**item, "path": item["path"][len(place.path) + 1 :]} for item in listed]
    return {"root_uri": artifact_uri_of(caller, caller.args.need("model_id")), "files": files}
