"""The files of a version: found where it says that they lie, looked into, and noted when it is registered."""

from __future__ import annotations

import contextlib
import io
import json
import re
from typing import Any, BinaryIO, NamedTuple

import msgspec

from runward.core.ids import Digest
from runward.errors import CorruptedError, NotFoundError
from runward.governance.calling import Call
from runward.registry import documents
from runward.registry import repository as sql
from runward.registry.formats import HEAD_BYTES, recognise
from runward.registry.model import ModelVersion, NewVersion, Signature
from runward.registry.signature import checked_signature, encoded_example, read_mlmodel
from runward.registry.unpickling import MAX_BYTES
from runward.registry.version_model import Format, ModelFile
from runward.tracking.content import detail_of
from runward.tracking.foreign import ANY_PROJECT

_LOGGED = re.compile(r"(?:models:/|.*/models/)(?P<id>m-[0-9a-f]+)(?:/artifacts/?)?")
_MAX_FILES = 2000
_MAX_TEXT = 1 << 20
_LOOKED = 300
"""So many files of a version are looked into; models have fewer, and what is left is marked so."""


class Described(NamedTuple):
    """What is noted of a version beside its files, as columns."""

    signature: str
    input_example: str
    expected_output: str


class _Lying(NamedTuple):
    path: str
    digest: str
    size: int


def lying(call: Call, source: str, run_id: str, logged_model_id: str = "") -> list[_Lying]:
    """The files that a source names, where they are the run's or a logged model's that the run made.

    What belongs to another run is not looked at: the source is text that anybody may write.
    """
    logged = _LOGGED.fullmatch(source)
    if logged_model_id or logged:
        return _of_logged(call, logged_model_id or str(logged and logged["id"]), run_id)
    folder = _folder(source, run_id)
    if not folder or not _exists(call, run_id):
        return []
    found = [_Lying(item.path, item.digest, item.size) for item in detail_of(call.tx, run_id).artifacts]
    return _below(found, folder)


def _folder(source: str, run_id: str) -> str:
    """The folder, or the one artifact, of a run that a source names; empty where it names none of this run's."""
    if not run_id:
        return ""
    inside = source.removeprefix(f"runs:/{run_id}/")
    if inside == source:
        # As MLflow's clients write it: mlflow-artifacts:/EXPERIMENT/RUN/artifacts/model
        inside = source.partition(f"/{run_id}/artifacts/")[2] if source.startswith("mlflow-artifacts:") else ""
    return inside.strip("/")


def _exists(call: Call, run_id: str) -> bool:
    return call.tx.one("SELECT id FROM runs WHERE id = ? AND deleted_at IS NULL", (run_id,)) is not None


def _of_logged(call: Call, model_id: str, run_id: str) -> list[_Lying]:
    found = documents.get(call, "model", model_id)
    if found is None or not ((run_id and found.run_id == run_id) or call.role_on(ANY_PROJECT, found.project_id)):
        return []
    folder = f"models/{model_id}/artifacts"
    listed = documents.files_below(call, found.project_id, folder)
    return _below([_Lying(*item) for item in listed], folder)


def _below(found: list[_Lying], folder: str) -> list[_Lying]:
    """The files below a folder by their paths from there, or the one file of that name."""
    inside = [item._replace(path=item.path[len(folder) + 1 :]) for item in found if item.path.startswith(f"{folder}/")]
    alone = [item._replace(path=item.path.rpartition("/")[2]) for item in found if item.path == folder]
    return sorted(inside or alone)[:_MAX_FILES]


def look_into(call: Call, found: list[_Lying]) -> list[ModelFile]:
    """The files with their formats."""
    seen: dict[str, Format] = {}
    files = []
    for item in found:
        if item.digest not in seen:
            unknown = Format(name="unknown", safety="unknown", complete=False, note="not looked into: too many files")
            seen[item.digest] = _format(call, item) if len(seen) < _LOOKED else unknown
        digest = Digest(item.digest)
        files.append(ModelFile(path=item.path, digest=digest, size=item.size, format=seen[item.digest]))
    return files


def _format(call: Call, item: _Lying) -> Format:
    digest = Digest(item.digest)
    with contextlib.ExitStack() as stack:

        def opener() -> BinaryIO | None:
            path = call.blobs.local_path(digest)
            if path is not None:
                return stack.enter_context(path.open("rb"))
            return io.BytesIO(call.blobs.read(digest)) if item.size <= MAX_BYTES else None

        try:
            head = next(iter(call.blobs.chunks(digest)), b"")[:HEAD_BYTES] if item.size else b""
            return recognise(item.path, item.size, head, opener)
        except (NotFoundError, CorruptedError) as error:
            return Format(name="unknown", safety="unknown", complete=False, note=error.message)


def note_contents(call: Call, model_id: str, version: int, new: NewVersion) -> None:
    """Store the files of a version as they lie now, and what it takes and gives. Raises: InvalidError."""
    found = lying(call, new.source, new.run_id, new.logged_model_id)
    sql.store_files(call.tx, model_id, version, look_into(call, found))
    on = ("run", new.run_id) if new.run_id else ("model", model_id)
    said = _described(call, on, new, found)
    if any(said):
        sql.set_columns(call.tx, model_id, version, said._asdict())


def _described(call: Call, on: tuple[str, str], new: NewVersion, found: list[_Lying]) -> Described:
    signature, example = new.signature, new.input_example
    if signature is not None:
        checked_signature(signature)
    if (signature is None or example is None) and (text := _text(call, on, found, "MLmodel")):
        told = read_mlmodel(text)
        signature = signature or told.signature
        example = _parsed(_text(call, on, found, told.example_path)) if example is None else example
    return Described(
        msgspec.json.encode(signature).decode() if signature is not None else "",
        encoded_example(example, "input_example"),
        encoded_example(new.expected_output, "expected_output"),
    )


def _text(call: Call, on: tuple[str, str], found: list[_Lying], path: str) -> str:
    item = next((item for item in found if item.path == path and item.size <= _MAX_TEXT), None)
    if item is None:
        return ""
    if not call.may_show(item.digest, on):
        # What is told of a version is seen by all who see the model.
        return ""
    try:
        return call.blobs.read(Digest(item.digest)).decode("utf-8", errors="replace")
    except (NotFoundError, CorruptedError):
        return ""


def _parsed(text: str) -> Any:
    """An MLflow example; None where it is no JSON, or so long that it is better looked up in its file."""
    try:
        value = json.loads(text) if text else None
        encoded_example(value, "input_example")
    except (ValueError, RecursionError):
        return None
    return value


def files_of(call: Call, model_id: str, version: ModelVersion) -> tuple[list[ModelFile], bool]:
    """A version's files, and whether they were noted when it was registered."""
    noted = sql.files(call.tx, model_id, version.version)
    if noted:
        return noted, True
    return look_into(call, lying(call, version.source, version.run_id, version.logged_model_id)), False


def described(call: Call, model_id: str, version: int) -> tuple[Signature | None, Any, Any]:
    """Signature, input example and expected output of a version."""
    signature, example, expected = sql.described(call.tx, model_id, version)
    return (
        msgspec.json.decode(signature, type=Signature) if signature else None,
        json.loads(example) if example else None,
        json.loads(expected) if expected else None,
    )
