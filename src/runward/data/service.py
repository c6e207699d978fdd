"""The rules of dataset versions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, ClassVar

import msgspec

from runward.core.call import BlobReference, Event, Intent, Room, Scope
from runward.core.clock import to_us
from runward.core.ids import Digest, new_id
from runward.data import browsing, spans
from runward.data import repository as sql
from runward.data.api import Data
from runward.data.diff import TableDiff, VersionDiff
from runward.data.lineage import draw, versions_read
from runward.data.model import (
    ColumnDoc,
    Dataset,
    DatasetPage,
    DatasetVersion,
    FilePage,
    Lineage,
    Manifest,
    NewDatasetVersion,
    VersionLine,
    read_manifest,
)
from runward.data.names import LATEST, check_dataset_name, check_version_name, is_digest, moment, semantic
from runward.data.spans import NO_BYTES
from runward.errors import ConflictError, InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import Clause, project_scope
from runward.store.blobs import check_digest
from runward.tracking.api import Tracking
from runward.tracking.garbage import delete_rows

_MAX_TEXT = 100_000


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_MAX_FILES = 5_000_000
_MAX_COLUMNS = 20_000


class DataService(Data):
    """See :class:`Data`."""

    room: ClassVar[str] = "data"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    # versions ---------------------------------------------------------------------------------------------------------

    def add_version(self, new: NewDatasetVersion) -> DatasetVersion:
        """See the contract."""
        project = self.call.project(new.project)
        check_dataset_name(new.dataset)
        _text(new.note, "note")
        manifest = self._uploaded(project.path, check_digest(new.manifest))
        sql.lock_project(self.tx, project.id)
        place = sql.find_dataset(self.tx, f"{project.path}/{new.dataset}") or self._create(project.id, new)
        if not sql.versions(self.tx, place, new.manifest):
            self._store(place, new, manifest)
        return sql.versions(self.tx, place, new.manifest)[0]

    def _uploaded(self, project: str, digest: Digest) -> Manifest:
        tracking = self.call.use(Tracking)
        if tracking.missing_blobs(project, [digest]):
            raise InvalidError(f"manifest {digest[:12]} was not uploaded to {project!r}", hint="upload its bytes first")
        manifest = read_manifest(self.call.blobs.read(digest))
        _check_files(manifest)
        if missing := tracking.missing_blobs(project, [item.digest for item in manifest.files]):
            names = [item.path for item in manifest.files if item.digest in set(missing[:1])]
            raise InvalidError(
                f"{len(missing)} of the {len(manifest.files)} files were not uploaded, one is {names[0]!r}",
                hint="upload their bytes first",
            )
        return manifest

    def _create(self, project_id: str, new: NewDatasetVersion) -> sql.Place:
        dataset_id, now = new_id(), self.call.now_us
        author = {"created_by": self.call.actor.name, "created_at": now, "updated_at": now}
        values = {"id": dataset_id, "project_id": project_id, "name": new.dataset, "description": "", "spanned": 1}
        self.tx.insert("datasets", {**values, **author})
        place = sql.find_dataset(self.tx, dataset_id)
        assert place is not None
        self._event("dataset.created", place, {"name": new.dataset})
        return place

    def _store(self, place: sql.Place, new: NewDatasetVersion, manifest: Manifest) -> None:
        spans.make_known(self.tx, self.call.blobs, place.id)
        rows = sql.version_rows(self.tx, place.id)
        number = spans.next_number(self.tx, place.id)
        before = self._digest(place, new.parent) if new.parent else rows[0].digest if rows else ""
        parent = sql.versions(self.tx, place, before)[0] if before else None
        ids = {row.digest: row.id for row in rows}
        # Versions follow each other in time, so that `latest` has one meaning.
        now = max(self.call.now_us, rows[0].created_at + 1) if rows else self.call.now_us
        values = {"id": new_id(), "dataset_id": place.id, "digest": new.manifest, "note": new.note, "created_at": now}
        counts = {"number": number, "files": len(manifest.files), "bytes": manifest.bytes}
        said = {"summary": _json(new.summary), "dictionary": _json(parent.dictionary if parent else [])}
        said["created_by"] = self.call.actor.name
        self.tx.insert(
            "dataset_versions",
            {**values, **counts, **said, "parent_id": ids[parent.digest] if parent else None},
        )
        spans.record(self.tx, place.id, number, spans.contents_of(manifest))
        sql.touch(self.tx, place.id, self.call.now_us)
        self._event("dataset.version_added", place, {"digest": new.manifest})

    def _place(self, reference: str) -> sql.Place:
        found = sql.find_dataset(self.tx, reference)
        if found is None:
            raise NotFoundError(
                f"there is no dataset {reference!r}", hint="`runward data list` shows those of a project"
            )
        return found

    def _event(self, kind: str, place: sql.Place, data: dict[str, Any]) -> None:
        team_id = self.tx.scalar("SELECT team_id FROM projects WHERE id = ?", (place.project_id,))
        self.call.publish(Event(kind, "dataset", place.id, place.project_id, team_id, data))

    def _digest(self, place: sql.Place, version: str) -> str:
        """A version's digest by any of its names."""
        rows = sql.version_rows(self.tx, place.id)
        if version == LATEST and rows:
            return rows[0].digest
        if found := sql.named(self.tx, place.id, semantic(version) or version):
            return found
        begun = [row.digest for row in rows if row.digest.startswith(version)] if is_digest(version) else []
        if len(begun) > 1:
            raise ConflictError(
                f"{len(begun)} versions of {place.name!r} begin with {version}", hint="give more digits"
            )
        if not begun and (at := moment(version)):
            begun = [row.digest for row in rows if row.created_at <= to_us(at)][:1]
        if not begun:
            raise NotFoundError(
                f"dataset {place.name!r} has no version {version[:100]!r}",
                hint=f"`runward data show {place.project}/{place.name}` lists them",
            )
        return begun[0]

    def _version(self, dataset: str, version: str) -> tuple[sql.Place, DatasetVersion]:
        place = self._place(dataset)
        return place, sql.versions(self.tx, place, self._digest(place, version))[0]

    def _id_of(self, place: sql.Place, digest: str) -> str:
        return next(row.id for row in sql.version_rows(self.tx, place.id) if row.digest == digest)

    # what there is ----------------------------------------------------------------------------------------------------

    def list_datasets(self, project: str) -> list[Dataset]:
        """See the contract."""
        return sql.datasets(self.tx, Clause("d.project_id = ?", (self.call.project(project).id,)))

    def find_datasets(self, project: str = "", search: str = "", after: str = "", limit: int = 100) -> DatasetPage:
        """See the contract."""
        return browsing.find_datasets(self.call, project, search, after, limit)

    def get_dataset(self, dataset: str) -> Dataset:
        """See the contract."""
        return sql.datasets(self.tx, Clause("d.id = ?", (self._place(dataset).id,)))[0]

    def describe_dataset(self, dataset: str, description: str) -> Dataset:
        """See the contract."""
        place = self._place(dataset)
        values = (_text(description, "description"), self.call.now_us, place.id)
        self.tx.execute("UPDATE datasets SET description = ?, updated_at = ? WHERE id = ?", values)
        self._event("dataset.updated", place, {})
        return self.get_dataset(place.id)

    def delete_dataset(self, dataset: str) -> None:
        """See the contract."""
        place = self._place(dataset)
        self._event("dataset.deleted", place, {"name": place.name})
        spans.make_known(self.tx, self.call.blobs, place.id)
        self.call.let_go("dataset", place.id)
        delete_rows(self.tx, "datasets", [place.id])

    def list_versions(self, dataset: str) -> list[DatasetVersion]:
        """See the contract."""
        return sql.versions(self.tx, self._place(dataset))

    def version_history(self, dataset: str, before: str = "", limit: int = 100) -> list[VersionLine]:
        """See the contract."""
        place = self._place(dataset)
        return browsing.history(self.tx, place, self._digest(place, before) if before else "", limit)

    def get_version(self, dataset: str, version: str) -> DatasetVersion:
        """See the contract."""
        return self._version(dataset, version)[1]

    def get_manifest(self, dataset: str, version: str) -> Manifest:
        """See the contract."""
        return read_manifest(self.call.blobs.read(Digest(self._version(dataset, version)[1].digest)))

    def find_files(self, dataset: str, version: str, search: str = "", after: str = "", limit: int = 200) -> FilePage:
        """See the contract."""
        return browsing.find_files(self.get_manifest(dataset, version), search, after, limit)

    def diff_versions(self, dataset: str, version: str, other: str = "", limit: int = 200) -> VersionDiff:
        """See the contract."""
        return browsing.diff_versions(self.call, *self._two(dataset, version, other), limit)

    def diff_table(
        self, dataset: str, version: str, path: str, other: str = "", sample: int = 10, purpose: str = ""
    ) -> TableDiff:
        """See the contract."""
        self.call.read_content("dataset", self.get_dataset(dataset).id, intent=Intent(purpose))
        return browsing.diff_table(self.call, *self._two(dataset, version, other), path, sample)

    def _two(self, dataset: str, version: str, other: str) -> tuple[DatasetVersion | None, DatasetVersion]:
        """The older and the newer of two versions."""
        new = self._version(dataset, version)[1]
        before = other or new.parent
        return (self._version(dataset, before)[1] if before else None), new

    def delete_version(self, dataset: str, version: str) -> None:
        """See the contract."""
        place, found = self._version(dataset, version)
        sql.lock_project(self.tx, place.project_id)
        if found.names:
            raise ConflictError(
                f"version {found.digest[:12]} is called {', '.join(found.names)}", hint="take its names away first"
            )
        spans.make_known(self.tx, self.call.blobs, place.id)
        sql.delete_version(self.tx, self._id_of(place, found.digest))
        self.call.let_go("dataset", place.id, spans.empty(self.tx, place.id))
        spans.drop_empty(self.tx, place.id)
        sql.touch(self.tx, place.id, self.call.now_us)
        self._event("dataset.version_deleted", place, {"digest": found.digest})

    def set_name(self, dataset: str, name: str, version: str | None) -> Dataset:
        """See the contract."""
        place, name = self._place(dataset), check_version_name(name)
        sql.lock_project(self.tx, place.project_id)
        digest = None if version is None else self._digest(place, version)
        bearer = sql.named(self.tx, place.id, name)
        if semantic(name) and bearer and digest and bearer != digest:
            raise ConflictError(
                f"{place.name} {name} is version {bearer[:12]}, and a semantic name does not move",
                hint="choose the next number",
            )
        version_id = None if digest is None else self._id_of(place, digest)
        sql.set_name(self.tx, place.id, name, version_id, self.call.actor.name, self.call.now_us)
        sql.touch(self.tx, place.id, self.call.now_us)
        self._event("dataset.named", place, {"name": name, "digest": digest})
        return self.get_dataset(place.id)

    def set_dictionary(self, dataset: str, version: str, columns: list[ColumnDoc]) -> DatasetVersion:
        """See the contract."""
        place, found = self._version(dataset, version)
        _check_dictionary(columns)
        self.tx.execute(
            "UPDATE dataset_versions SET dictionary = ? WHERE id = ?",
            (_json(columns), self._id_of(place, found.digest)),
        )
        sql.touch(self.tx, place.id, self.call.now_us)
        self._event("dataset.described", place, {"digest": found.digest})
        return msgspec.structs.replace(found, dictionary=columns)

    def lineage(self, project: str, of: str = "") -> Lineage:
        """See the contract."""
        return draw(self.call, self.call.project(project), of, self._digest)


def _text(text: str, what: str) -> str:
    if len(text) > _MAX_TEXT:
        raise InvalidError(f"the {what} has {len(text):,} characters, at most {_MAX_TEXT:,} are allowed")
    return text


def _check_files(manifest: Manifest) -> None:
    """Refuse what could be written outside of a folder, twice, or nowhere. Raises: InvalidError."""
    if len(manifest.files) > _MAX_FILES:
        raise InvalidError(f"the manifest has {len(manifest.files):,} files, at most {_MAX_FILES:,} are allowed")
    if manifest.single and len(manifest.files) != 1:
        raise InvalidError(f"the manifest is of one file and has {len(manifest.files)}")
    folders = set[str]()
    for before, item in zip([None, *manifest.files], manifest.files, strict=False):
        check_digest(item.digest)
        if before is not None and before.path >= item.path:
            raise InvalidError(f"path {item.path[:200]!r} is doubled or not in order in the manifest")
        if (item.size == 0) != (item.digest == NO_BYTES):
            raise InvalidError(f"{item.path[:200]!r} has {item.size} bytes in the manifest, and a digest of others")
        if item.size < 0 or not _is_inside(item.path):
            raise InvalidError(f"path {item.path[:200]!r} is not relative and plain", hint="no '..', no empty parts")
        folders.update(str(parent) for parent in PurePosixPath(item.path).parents)
    if both := folders & {item.path for item in manifest.files}:
        raise InvalidError(f"{min(both)!r} is a file and a folder in the manifest")


def _is_inside(path: str) -> bool:
    return "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def _check_dictionary(columns: list[ColumnDoc]) -> None:
    if len(columns) > _MAX_COLUMNS:
        raise InvalidError(f"the dictionary has {len(columns):,} columns, at most {_MAX_COLUMNS:,} are allowed")
    seen = set[tuple[str, str]]()
    for line in columns:
        for field in ("table", "column", "type", "unit", "description"):
            _text(getattr(line, field), f"dictionary's {field}")
        if (line.table, line.column) in seen:
            raise InvalidError(f"column {line.column!r} of {line.table!r} is in the dictionary twice")
        seen.add((line.table, line.column))


def _scope(call: Call, reference: str) -> Scope | None:
    found = sql.find_dataset(call.tx, reference)
    return project_scope(call.tx, found.project_id) if found else None


def _note_reads(call: Call, event: Event) -> None:
    """A run's captured reads, once they are there, are what its data are found by."""
    if "reads" not in event.data.get("captured", ()):
        return
    part = next(item for item in call.use(Tracking).get_run(event.object_id).captures if item.kind == "reads")
    sql.set_reads(call.tx, event.object_id, _reads_in(call.blobs.read(part.digest)))


def _reads_in(document: bytes) -> Iterable[tuple[str, str]]:
    """(digest, path) of what a captured document lists. Another client may write anything there."""
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return
    listed = found.get("reads", []) if isinstance(found, dict) else []
    for item in listed if isinstance(listed, list) else []:
        digest, path = (item.get("digest"), item.get("path")) if isinstance(item, dict) else (None, None)
        if isinstance(digest, str) and isinstance(path, str) and is_digest(digest) and digest != NO_BYTES:
            yield digest, path.replace("\0", "�")[:4000]


ROOM = Room(
    Data,
    DataService,
    {"dataset": _scope},
    {"run.updated": (_note_reads,)},
    (BlobReference("SELECT digest FROM dataset_versions", documents=True),),
    data_read=versions_read,
)
