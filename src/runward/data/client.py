"""Datasets in the hands of a member: adding what lies in a folder, and putting a version back there."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from pathlib import Path
from typing import NamedTuple, TypeVar

from runward.core.apart import digest_of
from runward.core.call import Intent
from runward.core.ids import Digest
from runward.data.api import Data
from runward.data.checkout import Placed, fetch_all, place_version
from runward.data.dictionary import propose
from runward.data.diff import DatasetDiff, Given, Options, Place, compare_versions
from runward.data.files import DataFiles, IntendedFiles, LinkMode
from runward.data.model import Bump, ColumnDoc, DatasetVersion, FileItem, Manifest, NewDatasetVersion
from runward.data.names import LATEST, check_dataset_name, semantic
from runward.data.scan import FileCache, Found, scan
from runward.data.tables import summarise
from runward.errors import ConflictError, NotFoundError
from runward.store.folder import FolderBlobs
from runward.tracking.api import Tracking
from runward.tracking.capture.reads import unrecorded
from runward.tracking.files import Files
from runward.tracking.model import NewProject

_BATCH_BYTES = 64 << 20
_BATCH_FILES = 2000
_TRIES = 3
Item = TypeVar("Item")


class Added(NamedTuple):
    """What an addition found and did."""

    version: DatasetVersion
    is_new: bool
    read: int
    """Files that were read; the others had not changed since they were."""
    stored_bytes: int
    """Bytes that the project did not have before."""


class Proposal(NamedTuple):
    """The next number of a dataset, for a person to confirm."""

    bump: Bump
    reasons: list[str]
    names: list[str]
    """All names that the dataset has given."""


class Local(NamedTuple):
    """A folder as it is now."""

    manifest: Manifest
    found: dict[str, Found]
    read: int


class Datasets:
    """Datasets of a workspace and folders of this machine. Thread-safe, as far as a folder has one user at a time."""

    def __init__(
        self,
        data: Data,
        tracking: Tracking,
        files: Files,
        data_files: DataFiles,
        own: FolderBlobs | None,
        state_dir: Path,
    ) -> None:
        self._data, self._tracking, self._files, self._data_files = data, tracking, files, data_files
        self._own = own
        """The workspace's own store of bytes, where it lies on this machine."""
        self._caches = state_dir / "data"

    def read_for(self, purpose: str = "", run_id: str = "") -> Datasets:
        """The same datasets, read for a purpose of one's own, or for a run that gives one.

        Without it what a process reads is for the run that it works for, if there is one. Asked for is it only of restricted
        data whose terms name purposes; each such reading is on the audit trail.
        """
        found = copy(self)
        if purpose or run_id:
            found._data_files = IntendedFiles(self._data_files, Intent(purpose, run_id))
        return found

    def look(self, path: str | Path) -> Manifest:
        """What a folder (or file) holds now: only what changed since the last time is read. Nothing is stored.

        Raises: NotFoundError, InvalidError (loops of links, pipes), ConflictError (it changes all the time).
        """
        with unrecorded():
            return self._look(Path(path), store=False).manifest

    def add(
        self, path: str | Path, project: str, name: str = "", *, note: str = "", parent: str = "", tables: bool = True
    ) -> Added:
        """Store what a folder (or file) holds now as a version of a dataset.

        The same content is the version that is there already, and nothing is stored. Killed in the middle, an addition
        leaves nothing but bytes that ``runward gc`` takes; done again, it goes on.

        Args:
            path: The folder or file.
            project: Path of the project, made where missing.
            name: The dataset; by default named like the folder or file.
            note: What is said of the version.
            parent: The version that it follows; by default the newest.
            tables: Whether to look into table files for their columns and rows.

        Raises: NotFoundError, InvalidError, ConflictError (a file is being written all the time), StoreError.
        """
        root = Path(path)
        name = check_dataset_name(name or root.absolute().name)
        with unrecorded():
            local = self._look(root, store=self._own is not None)
            known = self._known(project, name, local.manifest.digest)
            if known is not None:
                return Added(known, False, local.read, 0)
            return self._store(
                local, NewDatasetVersion(project=project, dataset=name, manifest="", note=note, parent=parent), tables
            )

    def _known(self, project: str, name: str, digest: Digest) -> DatasetVersion | None:
        try:
            return self._data.get_version(f"{project}:{name}".replace("/", ":"), digest)
        except NotFoundError:
            return None

    def _look(self, root: Path, *, store: bool) -> Local:
        found, single = scan(root)
        cache = FileCache(self._caches, root)
        known = {
            item.path: FileItem(item.path, item.status.st_size, digest)
            for item in found
            if (digest := cache.find(item))
        }
        unread = [item for item in found if item.path not in known]
        for batch in batches(unread, lambda item: item.status.st_size):
            known.update(self._read(batch, cache, store=store))
        cache.save()
        files = [known[item.path] for item in found]
        return Local(Manifest(single=single, files=files), {item.path: item for item in found}, len(unread))

    def _read(self, batch: list[Found], cache: FileCache, *, store: bool, tries: int = _TRIES) -> dict[str, FileItem]:
        """Files by path, each as it was at one moment: one that changed while it was read is read again."""
        began = time.time_ns()
        if store and self._own is not None:
            digests = [digest for digest, _ in self._own.put_new(item.place for item in batch)]
        else:
            digests = [digest_of(item.place) for item in batch]
        done, again = dict[str, FileItem](), list[Found]()
        for item, digest in zip(batch, digests, strict=True):
            status = os.stat(item.place)
            if (status.st_size, status.st_mtime_ns, status.st_ino) == (
                item.status.st_size,
                item.status.st_mtime_ns,
                item.status.st_ino,
            ):
                done[item.path] = FileItem(item.path, status.st_size, digest)
                cache.remember(item, digest, began)
            else:
                again.append(item._replace(status=status))
        if again and not tries:
            raise ConflictError(
                f"{os.fsdecode(again[0].place)!r} is being written while it is added",
                hint="add it when its writer is done",
            )
        return done | (self._read(again, cache, store=store, tries=tries - 1) if again else {})

    def _store(self, local: Local, new: NewDatasetVersion, tables: bool) -> Added:
        self._tracking.create_project(NewProject(path=new.project, exist_ok=True))
        manifest = local.manifest
        sizes = {Digest(item.digest): item.size for item in manifest.files}
        missing = [Digest(digest) for digest in self._tracking.missing_blobs(new.project, list(sizes))]
        self._upload(local, new.project, missing)
        self._files.put_bytes(new.project, manifest.encoded())
        before = self._before(new)
        summary = summarise({path: item.place for path, item in local.found.items()}, manifest, before, tables=tables)
        version = self._data.add_version(
            NewDatasetVersion(
                project=new.project,
                dataset=new.dataset,
                manifest=manifest.digest,
                parent=new.parent,
                note=new.note,
                summary=summary,
            )
        )
        return Added(version, True, local.read, sum(sizes[digest] for digest in missing))

    def _before(self, new: NewDatasetVersion) -> DatasetVersion | None:
        try:
            return self._data.get_version(f"{new.project}:{new.dataset}".replace("/", ":"), new.parent or LATEST)
        except NotFoundError:
            if new.parent:
                raise
            return None

    def _upload(self, local: Local, project: str, missing: list[Digest]) -> None:
        """Bring bytes into the project: what lies in the workspace's store is only noted."""
        own = self._own.have(missing) if self._own is not None else set[Digest]()
        if own:
            self._files.put_many(project, [digest for digest in missing if digest in own])
        places = {item.digest: local.found[item.path].place for item in local.manifest.files}
        rest: dict[Digest, bytes | Path] = {
            digest: Path(os.fsdecode(places[digest])) for digest in missing if digest not in own
        }
        if rest:
            self._files.put_files(project, rest)

    def diff(self, dataset: str, before: str, after: str = LATEST, options: Options | None = None) -> DatasetDiff:
        """Compare two versions; an empty ``before`` is the one that ``after`` follows.

        Raises: NotFoundError, MissingExtraError (rows need Polars), InvalidError (the key).
        """
        reference = dataset.replace("/", ":")
        new = self._data.get_version(reference, after)
        old = self._data.get_version(reference, before or new.parent) if before or new.parent else None
        with self._reading(new.dataset_id) as place, unrecorded():
            return compare_versions(self._side(old, place), self._side(new, place), options or Options())

    def diff_folder(self, dataset: str, version: str, path: str | Path, options: Options | None = None) -> DatasetDiff:
        """Compare a version with what a folder (or file) holds now. Raises: as :meth:`diff`."""
        old = self._data.get_version(dataset.replace("/", ":"), version)
        with self._reading(old.dataset_id) as place, unrecorded():
            local = self._look(Path(path), store=False)

            def here(item: FileItem) -> Path:
                return Path(os.fsdecode(local.found[item.path].place))

            return compare_versions(self._side(old, place), (local.manifest, [], here), options or Options())

    def _side(self, version: DatasetVersion | None, place: Place) -> Given:
        if version is None:
            return Manifest(files=[]), [], place
        return self._data.get_manifest(version.dataset_id, version.digest), version.summary.tables, place

    @contextlib.contextmanager
    def _reading(self, dataset: str) -> Iterator[Place]:
        """Where a dataset's files can be read for a while; each is fetched when it is asked for."""
        with tempfile.TemporaryDirectory(prefix="runward-data-") as folder:

            def place(item: FileItem) -> Path:
                path = Path(folder) / (item.digest + os.path.splitext(item.path)[1])
                if not path.exists():
                    fetch_all(self._data_files, dataset, [(item, path)], "auto")
                return path

            yield place

    def propose(self, dataset: str, version: str = LATEST) -> Proposal:
        """The bump that a version's differences from the latest one with a number ask for. Raises: as :meth:`diff`."""
        reference = dataset.replace("/", ":")
        found = self._data.get_dataset(reference)
        numbered = [item for item in self._data.list_versions(reference) if any(semantic(name) for name in item.names)]
        new = self._data.get_version(reference, version)
        if not numbered:
            return Proposal("none", ["the first number"], list(found.names))
        compared = self.diff(reference, numbered[0].digest, new.digest, Options(sample=0))
        return Proposal(compared.bump, compared.reasons, list(found.names))

    def propose_dictionary(self, dataset: str, version: str = LATEST) -> list[ColumnDoc]:
        """What a version's columns hold, counted from the data; what people wrote of them is kept. Nothing is stored.

        Raises: NotFoundError, MissingExtraError, InvalidError.
        """
        found = self._data.get_version(dataset.replace("/", ":"), version)
        with self._reading(found.dataset_id) as place, unrecorded():
            return [
                line
                for table in found.summary.tables
                for line in propose(table, place(FileItem(table.path, 1, table.digest)), found.dictionary)
            ]

    def checkout(
        self,
        dataset: str,
        version: str = LATEST,
        target: str | Path = "",
        *,
        force: bool = False,
        link: LinkMode = "auto",
    ) -> Placed:
        """Make a folder (or file) hold a version, wholly or not at all.

        Files that are in no version of the dataset stay where they are; one that stands where the version has a file is
        never overwritten, unless ``force`` says so.

        Raises: NotFoundError, ForbiddenError, PurposeError (restricted data, and not for this: see :meth:`read_for`),
            ConflictError (bytes would be lost), StoreError.
        """
        reference = dataset.replace("/", ":")
        found = self._data.get_version(reference, version)
        root = Path(target or found.dataset.rpartition("/")[2])
        with unrecorded():
            return place_version(self._data, self._data_files, self._caches, found, root, force=force, link=link)


def batches(items: Iterable[Item], size_of: Callable[[Item], int]) -> list[list[Item]]:
    """Things in groups that are stored, or sent, together."""
    groups, size = list[list[Item]](), _BATCH_BYTES
    for item in items:
        if size >= _BATCH_BYTES or len(groups[-1]) >= _BATCH_FILES:
            groups.append([])
            size = 0
        groups[-1].append(item)
        size += size_of(item)
    return groups
