"""MLflow's experiments: each is a project, its path the experiment's name."""

from __future__ import annotations

import re
from typing import Any

from runward.core.ids import new_id
from runward.errors import AlreadyExistsError, InvalidError
from runward.governance.calling import Call
from runward.interop.mlflow.args import check_key, check_length
from runward.interop.mlflow.caller import DEFAULT_ID, DEFAULT_NAME, Caller, experiment_id_of
from runward.interop.mlflow.errors import invalid, missing, taken
from runward.interop.mlflow.filters import Language, Lookup, by_mapping, parse_filter, parse_order, select
from runward.registry import documents
from runward.registry.model import Document
from runward.tracking.foreign import (
    ANY_PROJECT,
    KnownProject,
    known_projects,
    rename_project,
    set_project_deleted,
)
from runward.tracking.model import NewProject
from runward.tracking.places import check_project_path

Json = dict[str, Any]
_LANGUAGE = Language(
    frozenset({"name", "creation_time", "last_update_time", "experiment_id"}),
    frozenset({"creation_time", "last_update_time"}),
)
_MOST_EXPERIMENTS = 20
_UNUSABLE = re.compile(r"[^\w .\-/]+")


def create(caller: Caller) -> Json:
    """Create the project of that name, with its parents."""
    name = check_length(caller.args.need("name"), "name", 500)
    location = caller.args.text("artifact_location")
    if location.startswith("runs:"):
        raise invalid(f"Artifact location cannot be a runs:/ URI. Given: '{location}'")
    tags = _checked(caller.args.pairs("tags"))
    if existing := _by_name(caller, name):
        restore = " in deleted state. You can restore the experiment, or permanently delete it to create a new one."
        raise taken(f"Experiment(name={name}) already exists{restore if existing.deleted else '.'}")
    project_id = _make_project(caller, name)
    body = {"artifact_location": location, "tags": tags}
    with caller.on_project(project_id, "run.write", write=True) as call:
        _store(call, project_id, name, body)
    return {"experiment_id": experiment_id_of(project_id, name)}


def _make_project(caller: Caller, name: str) -> str:
    """A project for a name that may be no path: what cannot stay in a path becomes ``-``."""
    path = name if _is_path(name) else _path_for(name)
    try:
        project = caller.do("tracking.create_project", new=NewProject(path=path, exist_ok=path == name))
    except AlreadyExistsError:
        if path == name:
            raise
        # The path, or one above it, may belong to another team.
        path = f"{path.replace('/', '-')}-{new_id()[:6]}"
        project = caller.do("tracking.create_project", new=NewProject(path=path))
    return str(project.id)


def _is_path(name: str) -> bool:
    try:
        check_project_path(name)
    except InvalidError:
        return False
    return True


def _path_for(name: str) -> str:
    parts = [part.strip()[:100] for part in _UNUSABLE.sub("-", name).split("/")]
    return "/".join(part for part in parts if part)[:240] or "experiment"


def _checked(tags: dict[str, str]) -> dict[str, str]:
    for key, value in tags.items():
        check_key(key, "key", "key")
        check_length(value, "value", 20_000)
    return tags


def _store(call: Call, project_id: str, name: str, body: Json) -> None:
    path = call.tx.scalar("SELECT path FROM projects WHERE id = ?", (project_id,))
    own = "" if path == name else name
    now = call.now_us // 1000
    documents.put(call, Document(kind="experiment", id=project_id, project_id=project_id, name=own, at=now, body=body))


def _noted(call: Call, project: KnownProject) -> Document:
    found = documents.get(call, "experiment", project.id)
    return found or Document(
        kind="experiment", id=project.id, project_id=project.id, at=project.created_us // 1000, body={}
    )


def shown(project: KnownProject, noted: Document) -> Json:
    """An experiment as MLflow's clients read it."""
    experiment_id = experiment_id_of(project.id, project.path)
    return {
        "experiment_id": experiment_id,
        "name": noted.name or project.path,
        "artifact_location": noted.body.get("artifact_location") or f"mlflow-artifacts:/{experiment_id}",
        "lifecycle_stage": "deleted" if project.deleted else "active",
        "creation_time": project.created_us // 1000,
        "last_update_time": max(noted.at, project.created_us // 1000),
        "tags": [{"key": key, "value": value} for key, value in noted.body.get("tags", {}).items()],
    }


def _by_name(caller: Caller, name: str) -> KnownProject | None:
    with caller.on_list() as call:
        found = known_projects(call, path=name)
        if not found:
            noted = documents.named(call, "experiment", name)
            found = [project for item in noted for project in known_projects(call, project_id=item.id)]
    return found[0] if found else None


def get(caller: Caller) -> Json:
    """One experiment by id."""
    project = caller.project(caller.args.need("experiment_id"))
    with caller.on_project(project.id, "run.read") as call:
        return {"experiment": shown(project, _noted(call, project))}


def get_by_name(caller: Caller) -> Json:
    """One experiment by name."""
    name = caller.args.need("experiment_name")
    project = _by_name(caller, name)
    if project is None and name == DEFAULT_NAME:
        project = caller.project(DEFAULT_ID)
    if project is None:
        raise missing(f"Could not find experiment with name '{name}'")
    with caller.on_project(project.id, "run.read") as call:
        return {"experiment": shown(project, _noted(call, project))}


def search(caller: Caller) -> Json:
    """The experiments that match a filter."""
    view = caller.args.text("view_type", "ACTIVE_ONLY")
    size, offset = caller.args.page(1000, 50_000)
    conditions = parse_filter(caller.args.text("filter"), _LANGUAGE)
    order = parse_order(caller.args.texts("order_by"), _LANGUAGE)
    with caller.on_list() as call:
        projects = [
            p
            for p in _with_default(call, known_projects(call))
            if view == "ALL" or p.deleted == (view == "DELETED_ONLY")
        ]
        noted = {item.id: item for item in documents.find(call, "experiment", projects=[p.id for p in projects])}
        found = [shown(project, noted.get(project.id) or _noted(call, project)) for project in projects]
    found = select(found, _lookup, conditions, order)
    answer: Json = {"experiments": found[offset : offset + size]}
    if offset + size < len(found):
        answer["next_page_token"] = str(offset + size)
    return answer


def _with_default(call: Call, projects: list[KnownProject]) -> list[KnownProject]:
    """The projects and experiment 0, which MLflow's clients expect and whose project is made when it is first used."""
    if call.tx.scalar("SELECT 1 FROM projects WHERE path = ?", (DEFAULT_NAME,)):
        return projects
    first = int(call.tx.scalar("SELECT min(created_at) FROM teams") or 0)
    return [*projects, KnownProject("", DEFAULT_NAME, first, False)]


def search_datasets(caller: Caller) -> Json:
    """The data sets that runs of some experiments read."""
    ids, request = caller.args.texts("experiment_ids"), "SearchDatasets request"
    if not ids:
        raise invalid(f"{request} must specify at least one experiment_id.")
    if len(ids) > _MOST_EXPERIMENTS:
        raise invalid(
            f"{request} cannot specify more than {_MOST_EXPERIMENTS} experiment_ids. Received {len(ids)} experiment_ids."
        )
    with caller.on_list() as call:
        projects = visible(call, ids)
        found = documents.find(call, "input", projects=list(projects))
    rows = {(projects[item.project_id], item.name, item.version, item.status): None for item in found}
    summaries = [
        {"experiment_id": experiment_id_of(p.id, p.path), "name": name, "digest": digest, "context": context}
        for p, name, digest, context in rows
    ]
    return {"dataset_summaries": summaries}


def _lookup(item: Json) -> Lookup:
    return by_mapping(item, {tag["key"]: tag["value"] for tag in item["tags"]})


def rename(caller: Caller) -> Json:
    """Give an experiment another name; where that is a path beside the old one, the project moves too."""
    project = caller.project(caller.args.need("experiment_id"))
    _must_be_active(project)
    if not caller.args.has("new_name"):
        return {}
    name = check_length(caller.args.need("new_name"), "name", 500)
    existing = _by_name(caller, name)
    if existing is not None and existing.id != project.id:
        raise taken(f"Experiment(name={name}) already exists.")
    with caller.on_project(project.id, "project.update", write=True, audit="rename_experiment") as call:
        noted = _noted(call, project)
        parent = project.path.rpartition("/")[0]
        if _is_path(name) and name.rpartition("/")[0] == parent and project.path != DEFAULT_NAME:
            rename_project(call, project.id, name)
        _store(call, project.id, name, noted.body)
    return {}


def _must_be_active(project: KnownProject) -> None:
    if project.deleted:
        raise invalid(f"The experiment {project.id} must be in the 'active' state. Current state is deleted.")


def delete(caller: Caller) -> Json:
    """Put an experiment out of sight; it can be restored."""
    return _set_deleted(caller, deleted=True)


def restore(caller: Caller) -> Json:
    """Bring a deleted experiment back."""
    return _set_deleted(caller, deleted=False)


def _set_deleted(caller: Caller, *, deleted: bool) -> Json:
    project = caller.project(caller.args.need("experiment_id"))
    if project.deleted == deleted:
        state = "deleted" if deleted else "active"
        raise missing(f"No Experiment with id={project.id} exists that is not {state} already")
    audit = "delete_experiment" if deleted else "restore_experiment"
    with caller.on_project(project.id, "project.update", write=True, audit=audit) as call:
        set_project_deleted(call, project.id, deleted)
        noted = _noted(call, project)
        _store(call, project.id, noted.name or project.path, noted.body)
    return {}


def set_tag(caller: Caller) -> Json:
    """Set a tag of an experiment."""
    key, value = caller.args.need("key"), caller.args.text("value")
    _checked({key: value})
    return _tag(caller, key, value)


def delete_tag(caller: Caller) -> Json:
    """Remove a tag of an experiment."""
    return _tag(caller, caller.args.need("key"), None)


def _tag(caller: Caller, key: str, value: str | None) -> Json:
    project = caller.project(caller.args.need("experiment_id"))
    _must_be_active(project)
    with caller.on_project(project.id, "run.write", write=True, audit="set_experiment_tag") as call:
        noted = _noted(call, project)
        tags = dict(noted.body.get("tags", {}))
        if value is None and tags.pop(key, None) is None:
            raise missing(f"No tag with name: {key} in experiment with id {project.id}")
        if value is not None:
            tags[key] = value
        _store(call, project.id, noted.name or project.path, {**noted.body, "tags": tags})
    return {}


def visible(call: Call, experiment_ids: list[str]) -> dict[str, KnownProject]:
    """The projects behind experiment ids, as far as the caller may see them, by project id."""
    found = {}
    for experiment_id in dict.fromkeys(experiment_ids):
        wanted = {"path": DEFAULT_NAME} if experiment_id == DEFAULT_ID else {"project_id": experiment_id}
        for project in known_projects(call, **wanted) if experiment_id else []:
            if call.role_on(ANY_PROJECT, project.id) is not None:
                found[project.id] = project
    return found
