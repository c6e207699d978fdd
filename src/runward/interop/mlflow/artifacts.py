"""MLflow's proxied artifacts: files of runs, and files of a project that belong to no run (logged models, traces)."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from runward.core.ids import Digest
from runward.interop.mlflow.caller import Caller, experiment_id_of
from runward.interop.mlflow.errors import MlflowError, invalid, missing
from runward.registry import documents
from runward.tracking.api import Tracking
from runward.tracking.files import record_upload
from runward.tracking.foreign import remove_artifacts
from runward.tracking.model import NewArtifact

Json = dict[str, Any]
_OF_RUN = re.compile(r"([^/]+)/artifacts(?:/(.*))?")


class Place(NamedTuple):
    """Where an address leads: a file or folder of a run, or of a project."""

    project_id: str
    run_id: str
    """Empty for what belongs to no run."""
    path: str


class File(NamedTuple):
    """A stored file."""

    path: str
    digest: Digest
    size: int


def check_path(path: str) -> str:
    """A path that stays where it is. Raises: MlflowError."""
    parts = path.split("/")
    if path and ("\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts)):
        raise invalid(f"Invalid path: {path[:200]}")
    return path


def place_of(caller: Caller, address: str) -> Place:
    """Where an address below ``mlflow-artifacts:/`` leads. Raises: MlflowError."""
    address = check_path(address.strip("/"))
    experiment_id, _, rest = address.partition("/")
    project = caller.project(experiment_id)
    match = _OF_RUN.fullmatch(rest)
    if match is not None:
        try:
            found = caller.run(match[1])
        except MlflowError:
            return Place(project.id, "", rest)
        if found.run.project_id == project.id:
            return Place(project.id, match[1], match[2] or "")
    return Place(project.id, "", rest)


def files(caller: Caller, place: Place) -> list[File]:
    """The files at and below a place, by path."""
    if not place.run_id:
        with caller.on_project(place.project_id, "run.read") as call:
            found = documents.files_below(call, place.project_id, place.path)
        return [File(item.path, Digest(item.digest), item.size) for item in found]
    with caller.on_run(place.run_id, "run.read") as call:
        artifacts = call.use(Tracking).get_run(place.run_id).artifacts
    below = f"{place.path}/" if place.path else ""
    return [File(a.path, a.digest, a.size) for a in artifacts if a.path == place.path or a.path.startswith(below)]


def entries(found: list[File], folder: str) -> list[Json]:
    """What lies directly in a folder, with its path from the root; folders have no size."""
    below = f"{folder}/" if folder else ""
    listed: dict[str, Json] = {}
    for file in found:
        if not file.path.startswith(below):
            continue
        name, _, deeper = file.path[len(below) :].partition("/")
        whole = below + name
        listed[whole] = {"path": whole, "is_dir": True} if deeper else _file(whole, file.size)
    return [listed[path] for path in sorted(listed)]


def _file(path: str, size: int) -> Json:
    return {"path": path, "is_dir": False, "file_size": size}


def of_run(caller: Caller) -> Json:
    """The artifacts of a run in a folder."""
    run_id = caller.args.need("run_id", "run_uuid")
    run = caller.run(run_id).run
    place = Place(run.project_id, run_id, check_path(caller.args.text("path").strip("/")))
    root = f"mlflow-artifacts:/{experiment_id_of(run.project_id, run.project)}/{run_id}/artifacts"
    return {"root_uri": root, "files": entries(files(caller, place), place.path)}


def listing(caller: Caller) -> Json:
    """What lies in a folder of the proxied store, by name."""
    address = caller.args.text("path").strip("/")
    if not address:
        return {"files": []}
    place = place_of(caller, address)
    found = entries(files(caller, place), place.path)
    return {"files": [{**item, "path": item["path"].rpartition("/")[2]} for item in found]}


def file_at(caller: Caller, address: str) -> File:
    """The one file at an address. Raises: MlflowError."""
    place = place_of(caller, address)
    found = next((file for file in files(caller, place) if file.path == place.path and place.path), None)
    if found is None:
        raise missing(f"No artifact at {address[:300]}")
    return found


def may_upload(caller: Caller, address: str) -> Place:
    """Where an upload goes, before its bytes are read. Raises: MlflowError, ForbiddenError."""
    place = place_of(caller, address)
    if not place.path:
        raise invalid(f"Invalid path: {address[:200]}")
    with caller.on_project(place.project_id, "run.write"):
        return place


def store(caller: Caller, place: Place, digest: Digest, size: int) -> None:
    """Give uploaded bytes their name."""
    name = "upload_artifact"
    if place.run_id:
        with caller.on_run(place.run_id, "run.write", write=True, audit=name) as call:
            record_upload(call, place.project_id, digest, size)
            call.use(Tracking).add_artifact(place.run_id, NewArtifact(place.path, digest))
        return
    with caller.on_project(place.project_id, "run.write", write=True, audit=name) as call:
        record_upload(call, place.project_id, digest, size)
        documents.put_file(call, place.project_id, place.path, digest, size)


def delete(caller: Caller, address: str) -> Json:
    """Remove a file or all below a folder; the bytes stay until garbage is collected."""
    place = place_of(caller, address)
    if place.run_id:
        with caller.on_run(place.run_id, "run.delete", write=True, audit="delete_artifact") as call:
            remove_artifacts(call, place.run_id, place.path)
        return {}
    if not place.path:
        raise invalid(f"Invalid path: {address[:200]}")
    with caller.on_project(place.project_id, "run.delete", write=True, audit="delete_artifact") as call:
        documents.delete_files(call, place.project_id, place.path)
    return {}
