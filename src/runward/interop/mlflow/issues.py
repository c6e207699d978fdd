"""MLflow's issues: what somebody found wrong in an experiment's traces."""

from __future__ import annotations

import uuid
from typing import Any

from runward.interop.mlflow import kept
from runward.interop.mlflow.args import Args, check_length
from runward.interop.mlflow.caller import Caller, experiment_id_of
from runward.interop.mlflow.errors import invalid, missing
from runward.interop.mlflow.experiments import visible
from runward.interop.mlflow.filters import Language, Lookup, by_mapping
from runward.registry import documents
from runward.registry.model import Document
from runward.tracking.foreign import known_projects

Json = dict[str, Any]
_KIND = "issue"
_WORDS = {"status": ("pending", "rejected", "resolved"), "severity": ("not_an_issue", "low", "medium", "high")}
_NUMBERS = frozenset({"created_timestamp", "last_updated_timestamp"})
_TEXTS = {"issue_id", "name", "status", "severity", "source_run_id", "created_by", "experiment_id"}
_LANGUAGE = Language(_NUMBERS | _TEXTS, _NUMBERS)


def _content(args: Args) -> Json:
    """What a request says about an issue. Raises: MlflowError."""
    limits = {"name": 250, "description": 8000}
    found: Json = {name: check_length(args.text(name), name, limits[name]) for name in limits if args.has(name)}
    for name, words in _WORDS.items():
        if word := args.text(name):
            if word not in words:
                raise invalid(f"Invalid value \"{word[:80]}\" for parameter '{name}' supplied: one of {list(words)}.")
            found[name] = word
    return found


def create(caller: Caller) -> Json:
    """Note an issue in an experiment."""
    args, project = caller.args, caller.project(caller.args.need("experiment_id"))
    args.need("name")
    args.need("description")
    with caller.on_project(project.id, "run.write", write=True, audit="create_issue") as call:
        now = call.now_us // 1000
        body = {
            "issue_id": f"iss-{uuid.uuid4().hex}",
            "experiment_id": experiment_id_of(project.id, project.path),
            "status": "pending",
            **_content(args),
            **{name: args.text(name) for name in ("source_run_id", "created_by") if args.text(name)},
            "root_causes": args.texts("root_causes"),
            "categories": args.texts("categories"),
            "created_timestamp": now,
            "last_updated_timestamp": now,
        }
        documents.put(call, Document(kind=_KIND, id=body["issue_id"], project_id=project.id, at=now, body=body))
    return {"issue": body}


def _find(caller: Caller) -> Document:
    issue_id = caller.args.need("issue_id")
    return kept.found(caller, _KIND, issue_id, missing(f"Issue with ID '{issue_id}' not found"))


def get(caller: Caller) -> Json:
    """One issue."""
    return {"issue": _find(caller).body}


def update(caller: Caller) -> Json:
    """Change what is given of an issue."""
    content, found = _content(caller.args), _find(caller)
    body = kept.changed(
        caller, found, "update_issue", lambda call, b: {**b, **content, "last_updated_timestamp": call.now_us // 1000}
    )
    return {"issue": body}


def search(caller: Caller) -> Json:
    """The issues that match a filter, of one experiment or of all, newest first."""
    experiment_id = caller.args.text("experiment_id")
    with caller.on_list() as call:
        projects = visible(call, [experiment_id]) if experiment_id else [project.id for project in known_projects(call)]
        found = [item.body for item in documents.find(call, _KIND, projects=list(projects))]
    return kept.page(caller, found, _lookup, _LANGUAGE, "issues", 100)


def _lookup(body: Json) -> Lookup:
    return by_mapping(body, {})
