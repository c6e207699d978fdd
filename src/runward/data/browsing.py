"""What people look through: lists of datasets, a dataset's history, its files, and what changed, within bounds."""

from __future__ import annotations

import tempfile
from pathlib import Path

from runward.core.ids import Digest
from runward.data import repository as sql
from runward.data.diff import Options, Place, TableDiff, VersionDiff, compare_versions, shortened
from runward.data.model import (
    DatasetPage,
    DatasetVersion,
    FileItem,
    FilePage,
    Manifest,
    VersionLine,
    read_manifest,
)
from runward.data.tables import format_of
from runward.errors import InvalidError
from runward.governance.calling import Call
from runward.store.database import Tx

_MOST = 1000
_TABLE_BYTES = 64 << 20
"""Larger tables are compared by ``runward data diff``, where no other caller waits for the memory."""
_MOST_ROWS = 100


def find_datasets(call: Call, project: str, search: str, after: str, limit: int) -> DatasetPage:
    """Some of the datasets that a caller may see."""
    limit = _bounded(limit)
    visible = call.visible_projects(project)
    total, found = sql.dataset_lines(call.tx, visible, search, after, limit + 1)
    page = found[:limit]
    return DatasetPage(page, total, page[-1].id if len(found) > limit else "")


def history(tx: Tx, place: sql.Place, before: str, limit: int) -> list[VersionLine]:
    """Some of a dataset's versions, newest first."""
    return sql.version_lines(tx, place.id, before, _bounded(limit))


def find_files(manifest: Manifest, search: str, after: str, limit: int) -> FilePage:
    """Some of the files of a version."""
    wanted = search.casefold()
    fitting = [item for item in manifest.files if wanted in item.path.casefold()]
    rest = [item for item in fitting if item.path > after] if after else fitting
    page = rest[: _bounded(limit)]
    return FilePage(
        page, len(fitting), sum(item.size for item in fitting), page[-1].path if len(rest) > len(page) else ""
    )


def diff_versions(call: Call, old: DatasetVersion | None, new: DatasetVersion, limit: int) -> VersionDiff:
    """What changed, from what is known of both versions."""
    before, after = (
        (_manifest(call, version), version.summary.tables if version else [], None) for version in (old, new)
    )
    return shortened(compare_versions(before, after, Options(rows=False)), _bounded(limit))


def diff_table(call: Call, old: DatasetVersion | None, new: DatasetVersion, path: str, sample: int) -> TableDiff:
    """One table of both versions, row by row. Raises: InvalidError, MissingExtraError."""
    sides = [_alone(_manifest(call, version), path) for version in (old, new)]
    if not all(side.files for side in sides) or not format_of(path):
        raise InvalidError(f"{path[:200]!r} is not a table of both versions", hint="CSV, TSV, JSONL or Parquet")
    if (largest := max(side.bytes for side in sides)) > _TABLE_BYTES:
        raise InvalidError(
            f"{path[:200]!r} has {largest:,} bytes, at most {_TABLE_BYTES:,} are compared here",
            hint=f"`runward data diff {new.dataset}@{new.digest[:12]}` compares it on your machine",
        )
    options = Options(sample=min(max(sample, 0), _MOST_ROWS))
    with tempfile.TemporaryDirectory(prefix="runward-data-") as folder:
        place = _reader(call, Path(folder))
        found = compare_versions((sides[0], [], place), (sides[1], [], place), options).tables
    if not found:
        raise InvalidError(f"{path[:200]!r} is the same in both versions, or cannot be read as a table")
    return found[0]


def _reader(call: Call, folder: Path) -> Place:
    def place(item: FileItem) -> Path:
        digest = Digest(item.digest)
        if (stored := call.blobs.local_path(digest)) is not None:
            return stored
        path = folder / item.digest
        if not path.exists():
            call.blobs.copy_to(digest, path)
        return path

    return place


def _manifest(call: Call, version: DatasetVersion | None) -> Manifest:
    return read_manifest(call.blobs.read(Digest(version.digest))) if version else Manifest(files=[])


def _alone(manifest: Manifest, path: str) -> Manifest:
    return Manifest(files=[item for item in manifest.files if item.path == path])


def _bounded(limit: int) -> int:
    return min(max(limit, 1), _MOST)
