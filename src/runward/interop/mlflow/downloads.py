"""Files that MLflow's pages fetch by what they belong to: a run, a model version, a logged model, a trace."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from runward.interop.mlflow import artifacts, logged, models, traces
from runward.interop.mlflow.artifacts import File, Place, check_path
from runward.interop.mlflow.caller import Caller
from runward.interop.mlflow.errors import invalid, missing
from runward.interop.mlflow.spans import plain_span

Json = dict[str, Any]
MAX_UPLOAD_BYTES = 10 << 20
"""What a page may upload in one request; clients stream files of any size."""


class Attachment(NamedTuple):
    """A handler's answer that is a file and not JSON."""

    name: str
    file: File | None
    """The stored file; None where the content is here."""
    content: bytes = b""


def attached(found: File) -> Attachment:
    """A stored file as an answer."""
    return Attachment(found.path.rpartition("/")[2], found)


def of_run(caller: Caller) -> Attachment:
    """A file of a run."""
    path, run_id = _path(caller, "path"), caller.args.need("run_id", "run_uuid")
    place = Place(caller.place(run_id).project_id, run_id, path)
    return attached(artifacts.file_in(caller, place))


def of_version(caller: Caller) -> Attachment:
    """A file of a model version, where its source lies on this server."""
    path = _path(caller, "path")
    root = str(models.download_uri(caller)["artifact_uri"])
    scheme, _, rest = root.partition(":")
    if scheme != "mlflow-artifacts":
        raise invalid(f"The files of this version lie at {root!r}, which this server does not read.")
    folder = re.sub("^//[^/]*", "", rest).strip("/")
    return attached(artifacts.file_at(caller, f"{folder}/{path}"))


def of_logged_model(caller: Caller) -> Attachment:
    """A file of a logged model."""
    place = logged.folder_of(caller)
    return attached(
        artifacts.file_in(caller, place._replace(path=f"{place.path}/{_path(caller, 'artifact_file_path')}"))
    )


def of_trace(caller: Caller) -> Attachment:
    """The spans of a trace in the form that clients keep in ``traces.json``."""
    trace_id = caller.args.need("request_id", "trace_id")
    document, spans = traces.spans_of(caller, trace_id)
    if spans:
        content = json.dumps({"spans": [plain_span(span) for span in spans]}).encode()
        return Attachment("traces.json", None, content)
    place = Place(document.project_id, "", f"traces/{trace_id}/artifacts/traces.json")
    found = next((file for file in artifacts.files(caller, place) if file.path == place.path), None)
    if found is None:
        raise missing(f"Trace data not found for trace {trace_id}")
    return attached(found)


def _path(caller: Caller, name: str) -> str:
    return check_path(caller.args.need(name))


def upload_place(caller: Caller) -> Place:
    """Where a page's upload to a run goes, before its bytes are read. Raises: MlflowError, ForbiddenError."""
    for name in ("run_uuid", "path"):
        if not caller.args.text(name):
            raise invalid(f"Request must specify {name}.")
    path, run_id = _path(caller, "path"), caller.args.text("run_uuid")
    place = Place(caller.place(run_id).project_id, run_id, path)
    with caller.on_run(run_id, "run.write"):
        return place
