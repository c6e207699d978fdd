"""MLflow's scorers: named functions in text, with versions, kept in a project. They are not run here."""

from __future__ import annotations

import uuid
from typing import Any

from runward.governance.calling import Call
from runward.interop.mlflow.args import check_length
from runward.interop.mlflow.caller import Caller, experiment_id_of
from runward.interop.mlflow.errors import MlflowError, missing
from runward.registry import documents
from runward.registry.model import Document
from runward.tracking.foreign import KnownProject

Json = dict[str, Any]
_KIND = "scorer"


def _versions(call: Call, project: KnownProject, name: str = "") -> list[Document]:
    """The versions in a project (of one name), by name, newest version first."""
    found = [item for item in documents.find(call, _KIND, projects=[project.id]) if name in ("", item.name)]
    return sorted(found, key=lambda item: (item.name, -int(item.version)))


def _not_found(name: str, experiment_id: str, version: int = 0) -> MlflowError:
    which = f" and version {version}" if version else ""
    return missing(f"Scorer with name '{name}'{which} not found for experiment {experiment_id}.")


def register(caller: Caller) -> Json:
    """Store a scorer; the versions of a name are numbered."""
    args, project = caller.args, caller.project(caller.args.need("experiment_id"))
    name = check_length(args.need("name"), "name", 256)
    text = args.need("serialized_scorer")
    with caller.on_project(project.id, "run.write", write=True, audit="register_scorer") as call:
        known = _versions(call, project, name)
        version, now = int(known[0].version) + 1 if known else 1, call.now_us // 1000
        body = {
            "experiment_id": experiment_id_of(project.id, project.path),
            "scorer_name": name,
            "scorer_version": version,
            "serialized_scorer": text,
            "creation_time": now,
            "scorer_id": known[0].body["scorer_id"] if known else uuid.uuid4().hex,
        }
        item = Document(
            kind=_KIND,
            id=f"{project.id}\n{name}\n{version}",
            project_id=project.id,
            name=name,
            version=str(version),
            at=now,
            body=body,
        )
        documents.put(call, item)
    return {**body, "version": version, "name": name}


def _listed(caller: Caller, name: str = "") -> list[Document]:
    project = caller.project(caller.args.need("experiment_id"))
    with caller.on_project(project.id, "run.read") as call:
        return _versions(call, project, name)


def _shown(item: Document) -> Json:
    # MLflow's message has the experiment's id as a number; ours are text, and clients ignore what they asked for.
    return {key: value for key, value in item.body.items() if key != "experiment_id" or str(value).isdigit()}


def search(caller: Caller) -> Json:
    """The newest version of each scorer of an experiment."""
    newest: dict[str, Document] = {}
    for item in _listed(caller):
        newest.setdefault(item.name, item)
    return {"scorers": [_shown(item) for item in newest.values()]}


def versions(caller: Caller) -> Json:
    """All versions of a scorer, oldest first."""
    name = caller.args.need("name")
    found = _listed(caller, name)
    if not found:
        raise _not_found(name, caller.args.text("experiment_id"))
    return {"scorers": [_shown(item) for item in found[::-1]]}


def get(caller: Caller) -> Json:
    """One version of a scorer; the newest where none is named."""
    name, version = caller.args.need("name"), caller.args.integer("version")
    for item in _listed(caller, name):
        if version in (0, int(item.version)):
            return {"scorer": _shown(item)}
    raise _not_found(name, caller.args.text("experiment_id"), version)


def delete(caller: Caller) -> Json:
    """Remove one version of a scorer, or all."""
    name, version = caller.args.need("name"), caller.args.integer("version")
    doomed = [item for item in _listed(caller, name) if version in (0, int(item.version))]
    if not doomed:
        raise _not_found(name, caller.args.text("experiment_id"), version)
    with caller.on_project(doomed[0].project_id, "run.delete", write=True, audit="delete_scorer") as call:
        documents.delete(call, _KIND, [item.id for item in doomed])
    return {}
