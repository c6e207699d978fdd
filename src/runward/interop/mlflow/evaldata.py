"""MLflow's evaluation data sets: named records of inputs and expectations, kept in a project, shown in experiments."""

from __future__ import annotations

import json
import uuid
from typing import Any

import msgspec

from runward.core.hashing import digest_bytes
from runward.governance.calling import Call
from runward.interop.mlflow import kept
from runward.interop.mlflow.args import Args, check_length
from runward.interop.mlflow.caller import DEFAULT_ID, Caller, experiment_id_of
from runward.interop.mlflow.errors import invalid, missing
from runward.interop.mlflow.filters import Language, Lookup, by_mapping
from runward.registry import documents
from runward.registry.model import Document
from runward.tracking.foreign import known_projects

Json = dict[str, Any]
_KIND, _RECORD = "evaluation_dataset", "evaluation_record"
_USER = "mlflow.user"
_NUMBERS = frozenset({"created_time", "last_update_time"})
_LANGUAGE = Language(_NUMBERS | {"name", "created_by", "last_updated_by"}, _NUMBERS)
_MERGED = ("outputs", "expectations", "tags", "source")


def _find(caller: Caller) -> Document:
    dataset_id = caller.args.need("dataset_id")
    return kept.found(caller, _KIND, dataset_id, missing(f"Dataset with ID '{dataset_id}' not found"))


def _shown(body: Json) -> Json:
    """A data set as clients read it: its tags and its profile are JSON texts."""
    shown = {key: value for key, value in body.items() if value is not None}
    return {**shown, "tags": json.dumps(body["tags"]), "profile": json.dumps({"num_records": body["profile"]})}


def _tags(args: Args) -> Json:
    """Tags as a request gives them: JSON text. Raises: MlflowError."""
    tags = _parsed(args, "tags", {})
    if not isinstance(tags, dict):
        raise invalid("Invalid value for parameter 'tags' supplied: a JSON object is needed.")
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in tags.items()}


def _parsed(args: Args, name: str, default: Any) -> Any:
    text = args.text(name)
    try:
        return msgspec.json.decode(text) if text else default
    except (msgspec.DecodeError, RecursionError):
        raise invalid(f"Invalid value for parameter '{name}' supplied: it is not valid JSON.") from None


def create(caller: Caller) -> Json:
    """Create a data set. Its home is the first experiment that it is shown in, or experiment 0."""
    args = caller.args
    name, tags = check_length(args.need("name"), "name", 255), _tags(args)
    projects = [caller.project(one) for one in args.texts("experiment_ids")]
    home = projects[0] if projects else caller.project(DEFAULT_ID)
    dataset_id, user = f"d-{uuid.uuid4().hex}", tags.get(_USER)
    with caller.on_project(home.id, "run.write", write=True, audit="create_dataset") as call:
        now = call.now_us // 1000
        body = {
            "dataset_id": dataset_id,
            "name": name,
            "tags": tags,
            "schema": None,
            "profile": 0,
            "digest": digest_bytes(f"{dataset_id}:{now}".encode())[:8],
            "created_time": now,
            "last_update_time": now,
            "created_by": user,
            "last_updated_by": user,
            "experiment_ids": [experiment_id_of(p.id, p.path) for p in projects],
        }
        documents.put(call, Document(kind=_KIND, id=dataset_id, project_id=home.id, name=name, at=now, body=body))
    return {"dataset": _shown(body)}


def get(caller: Caller) -> Json:
    """One data set, without its records."""
    return {"dataset": _shown(_find(caller).body)}


def delete(caller: Caller) -> Json:
    """Remove a data set with its records."""
    found = _find(caller)
    with caller.on_project(found.project_id, "run.delete", write=True, audit="delete_dataset") as call:
        documents.delete(call, _RECORD, [item.id for item in documents.find(call, _RECORD, runs=[found.id])])
        documents.delete(call, _KIND, [found.id])
    return {}


def search(caller: Caller) -> Json:
    """The data sets that match a filter, of some experiments or of all."""
    ids = caller.args.texts("experiment_ids")
    # Clients take an id that is given instead of a list apart into its characters.
    wanted = {*ids, "".join(ids)} if ids else set()
    with caller.on_list() as call:
        found = documents.find(call, _KIND, projects=[project.id for project in known_projects(call)])
    items = [item.body for item in found if not wanted or wanted & set(item.body["experiment_ids"])]
    answer = kept.page(caller, items, _lookup, _LANGUAGE, "datasets", 1000)
    return {**answer, "datasets": [_shown(body) for body in answer["datasets"]]}


def _lookup(body: Json) -> Lookup:
    return by_mapping(body, body["tags"])


def set_tags(caller: Caller) -> Json:
    """Set tags; the others stay."""
    tags = _tags(caller.args)
    found = _find(caller)
    body = kept.changed(
        caller, found, "set_dataset_tags", lambda call, b: _touched(call, {**b, "tags": b["tags"] | tags})
    )
    return {"dataset": _shown(body)}


def delete_tag(caller: Caller) -> Json:
    """Remove a tag; nothing happens where there is none."""
    key, found = caller.args.need("key"), _find(caller)

    def without(call: Call, body: Json) -> Json:
        return _touched(call, {**body, "tags": {name: text for name, text in body["tags"].items() if name != key}})

    kept.changed(caller, found, "delete_dataset_tag", without)
    return {}


def _touched(call: Call, body: Json) -> Json:
    return {**body, "last_update_time": call.now_us // 1000}


# experiments ----------------------------------------


def experiment_ids(caller: Caller) -> Json:
    """The experiments that a data set is shown in."""
    return {"experiment_ids": _find(caller).body["experiment_ids"]}


def add_experiments(caller: Caller) -> Json:
    """Show a data set in more experiments."""
    found = _find(caller)
    more = [experiment_id_of(p.id, p.path) for p in map(caller.project, caller.args.texts("experiment_ids"))]

    def added(call: Call, body: Json) -> Json:
        return _touched(call, {**body, "experiment_ids": list(dict.fromkeys([*body["experiment_ids"], *more]))})

    return {"dataset": _shown(kept.changed(caller, found, "add_dataset_to_experiments", added))}


def remove_experiments(caller: Caller) -> Json:
    """Show a data set in fewer experiments; it stays where it is kept."""
    found, gone = _find(caller), set(caller.args.texts("experiment_ids"))

    def removed(call: Call, body: Json) -> Json:
        return _touched(call, {**body, "experiment_ids": [one for one in body["experiment_ids"] if one not in gone]})

    return {"dataset": _shown(kept.changed(caller, found, "remove_dataset_from_experiments", removed))}


# records ----------------------------------------


def upsert_records(caller: Caller) -> Json:
    """Add records; one with the same inputs is merged into the one that is there."""
    given = _parsed(caller.args, "records", [])
    if not isinstance(given, list) or not all(isinstance(record, dict) for record in given):
        raise invalid("Invalid value for parameter 'records' supplied: a JSON list of objects is needed.")
    found, counts = _find(caller), {True: 0, False: 0}

    def merged(call: Call, body: Json) -> Json:
        for record in given:
            counts[_merge(call, found, record)] += 1
        return _touched(
            call, {**body, "profile": body["profile"] + counts[True], "schema": _schema(body["schema"], given)}
        )

    kept.changed(caller, found, "upsert_dataset_records", merged)
    return {"inserted_count": counts[True], "updated_count": counts[False]}


def _merge(call: Call, dataset: Document, record: Json) -> bool:
    """Store a record; returns whether it is new."""
    inputs, now = record.get("inputs") or {}, call.now_us // 1000
    key = digest_bytes(json.dumps(inputs, sort_keys=True).encode())[:32]
    document_id = f"dr-{digest_bytes(f'{dataset.id}:{key}'.encode())[:32]}"
    present = documents.get(call, _RECORD, document_id)
    user = (record.get("tags") or {}).get(_USER)
    body = present.body if present else _new_record(dataset.id, document_id, inputs, now, user)
    for name in _MERGED:
        given = record.get(name)
        if isinstance(given, dict) and isinstance(body.get(name), dict) and name != "outputs":
            given = body[name] | given
        if given is not None:
            body[name] = given
    body |= {"last_update_time": now, "last_updated_by": user or body["last_updated_by"]}
    source = body.get("source")
    body["source_type"] = source.get("source_type") if isinstance(source, dict) else None
    documents.put(
        call,
        Document(
            kind=_RECORD,
            id=document_id,
            project_id=dataset.project_id,
            run_id=dataset.id,
            at=body["created_time"],
            body=body,
        ),
    )
    return present is None


def _new_record(dataset_id: str, record_id: str, inputs: Any, now: int, user: str | None) -> Json:
    return {
        "dataset_record_id": record_id,
        "dataset_id": dataset_id,
        "inputs": inputs,
        "created_time": now,
        "created_by": user,
        "last_updated_by": user,
    }


def _schema(known: str | None, records: list[Json]) -> str:
    """The fields that records have, with a word for the type of the first value."""
    schema: dict[str, dict[str, str]] = (
        json.loads(known) if known else {"inputs": {}, "outputs": {}, "expectations": {}}
    )
    for record in records:
        for part, fields in schema.items():
            values = record.get(part)
            for field, value in (values if isinstance(values, dict) else {}).items():
                fields.setdefault(field, _TYPES.get(type(value), "object"))
    return json.dumps(schema)


_TYPES = {str: "string", bool: "boolean", int: "integer", float: "float", list: "array"}


def records(caller: Caller) -> Json:
    """A page of a data set's records, oldest first."""
    found = _find(caller)
    size, offset = caller.args.page(1000, 50_000)
    with caller.on_list() as call:
        items = documents.find(call, _RECORD, runs=[found.id])[::-1]
    token = str(offset + size) if offset + size < len(items) else ""
    shown = [item.body for item in items[offset : offset + size]]
    return {"records": json.dumps(shown), "next_page_token": token}


def delete_records(caller: Caller) -> Json:
    """Remove records by id; returns how many were there."""
    found, wanted = _find(caller), set(caller.args.texts("dataset_record_ids"))
    gone = 0

    def fewer(call: Call, body: Json) -> Json:
        nonlocal gone
        inside = [item.id for item in documents.find(call, _RECORD, runs=[found.id]) if item.id in wanted]
        gone = documents.delete(call, _RECORD, inside)
        return _touched(call, {**body, "profile": max(0, body["profile"] - gone)})

    kept.changed(caller, found, "delete_dataset_records", fewer)
    return {"deleted_count": gone}
