"""MLflow's proxied artifacts: files of runs, and files of a project that belong to no run (logged models, traces)."""

from __future__ import annotations

import mimetypes
import re
from typing import Any, NamedTuple

from runward.core.call import Intent
from runward.core.ids import Digest
from runward.interop.mlflow.caller import DEFAULT_ID, Caller, experiment_id_of
from runward.interop.mlflow.errors import MlflowError, invalid, missing
from runward.registry import documents
from runward.store.blobs import Blobs
from runward.tracking.api import Tracking
from runward.tracking.files import blobs_for, record_upload
from runward.tracking.foreign import remove_artifacts
from runward.tracking.model import NewArtifact

Json = dict[str, Any]
_OF_RUN = re.compile(r"([^/]+)/artifacts(?:/(.*))?")
_ID = re.compile(r"\d+|[0-9a-z]{12}")
"""What ids of experiments look like; an address that begins with something else lies in no experiment."""
_LOOSE = "files"
"""Where files that lie in no experiment are kept, in the project ``Default``."""
_TEXT = {
    "txt",
    "log",
    "err",
    "cfg",
    "conf",
    "cnf",
    "ini",
    "json",
    "yaml",
    "yml",
    "toml",
    "md",
    "csv",
    "tsv",
    "py",
    "js",
}
_TEXT_NAMES = {"mlmodel", "mlproject"}
_SAFE = {"application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp", "audio/x-wav", "video/mp4"}
"""What a browser may be told that bytes are: none of it runs scripts."""


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


def media_type_of(path: str) -> str:
    """What MLflow calls a file of this name, as far as it is harmless."""
    name = path.rpartition("/")[2].lower()
    if name in _TEXT_NAMES or name.rpartition(".")[2] in _TEXT:
        return "text/plain"
    guessed = mimetypes.guess_type(name)[0]
    return guessed if guessed in _SAFE else "application/octet-stream"


def check_path(path: str) -> str:
    """A path that stays where it is. Raises: MlflowError."""
    parts = path.split("/")
    if path and ("\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts)):
        raise invalid("Invalid path")
    return path


def place_of(caller: Caller, address: str) -> Place:
    """Where an address below ``mlflow-artifacts:/`` leads. Raises: MlflowError."""
    address = check_path(address.strip("/"))
    experiment_id, _, rest = address.partition("/")
    if not _ID.fullmatch(experiment_id) and not _OF_RUN.fullmatch(rest):
        return Place(caller.project(DEFAULT_ID).id, "", f"{_LOOSE}/{address}".rstrip("/"))
    project = caller.project(experiment_id)
    match = _OF_RUN.fullmatch(rest)
    if match is not None:
        try:
            found = caller.place(match[1])
        except MlflowError:
            return Place(project.id, "", rest)
        if found.project_id == project.id:
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
    run = caller.place(run_id)
    place = Place(run.project_id, run_id, check_path(caller.args.text("path").strip("/")))
    root = f"mlflow-artifacts:/{experiment_id_of(run.project_id, run.project)}/{run_id}/artifacts"
    return {"root_uri": root, "files": entries(files(caller, place), place.path)}


def listing(caller: Caller) -> Json:
    """What lies in a folder of the proxied store, by name."""
    place = place_of(caller, caller.args.text("path"))
    found = entries(files(caller, place), place.path)
    return {"files": [{**item, "path": item["path"].rpartition("/")[2]} for item in found]}


def file_at(caller: Caller, address: str) -> File:
    """The one file at an address. Raises: MlflowError."""
    return file_in(caller, place_of(caller, address))


def file_in(caller: Caller, place: Place) -> File:
    """The one file at a place. Raises: MlflowError."""
    found = next((file for file in files(caller, place) if file.path == place.path and place.path), None)
    if found is None:
        raise missing(f"No artifact at {place.path[:300]}")
    if place.run_id:
        with caller.on_run(place.run_id, "run.read") as call:
            call.read_content("run", place.run_id)
            call.read_content("blob", found.digest, on=("run", place.run_id), intent=Intent(run_id=place.run_id))
    return found


def may_upload(caller: Caller, address: str) -> Place:
    """Where an upload goes, before its bytes are read. Raises: MlflowError, ForbiddenError."""
    place = place_of(caller, address)
    _must_name_something(address, place)
    with caller.on_project(place.project_id, "run.write"):
        return place


def _must_name_something(address: str, place: Place) -> None:
    if not address.strip("/") or not place.path:
        raise invalid("Invalid path")


def blobs_at(caller: Caller, place: Place) -> Blobs:
    """Where the bytes of a place are put: the store of its team."""
    with caller.on_project(place.project_id, "run.write") as call:
        return blobs_for(call, place.project_id)


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
    _must_name_something(address, place)
    with caller.on_project(place.project_id, "run.delete", write=True, audit="delete_artifact") as call:
        documents.delete_files(call, place.project_id, place.path)
    return {}
