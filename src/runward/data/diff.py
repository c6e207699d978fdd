"""What changed between two versions: files, then the tables' columns, then their rows; and what that makes of the name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from runward.data.model import Bump, Column, FileItem, Manifest, Table
from runward.data.rows import RowDiff, compare_rows
from runward.data.tables import describe_table, format_of
from runward.errors import InvalidError

Place = Callable[[FileItem], Path]
"""Where a file's bytes can be read on this machine."""
Given = tuple[Manifest, list[Table], Place | None]
"""A version as it is compared: its files, what is known of its tables, and where its files can be read (None: nowhere)."""


class Retyped(msgspec.Struct, frozen=True):
    """A column whose type changed."""

    name: str
    before: str
    after: str


class TableDiff(msgspec.Struct, frozen=True, kw_only=True):
    """A table file that both versions have."""

    path: str
    columns_added: list[Column] = []
    columns_removed: list[Column] = []
    columns_retyped: list[Retyped] = []
    rows_before: int = 0
    rows_after: int = 0
    rows: RowDiff | None = None
    """None where nobody compared them; ``why_no_rows`` says why."""
    why_no_rows: str = ""


class Moved(msgspec.Struct, frozen=True):
    """The same bytes under another path."""

    before: str
    after: str


class DatasetDiff(msgspec.Struct, frozen=True, kw_only=True):
    """All that differs between two versions, and the bump of a semantic name that follows from it."""

    before: str
    after: str
    """Digests of the versions."""
    added: list[FileItem]
    removed: list[FileItem]
    moved: list[Moved]
    changed: list[str]
    """Paths whose bytes differ."""
    same: int
    tables: list[TableDiff]
    bump: Bump
    """A proposal, for a person to confirm."""
    reasons: list[str]
    """What asks for it, the weightiest first."""


class VersionDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two versions, as far as a list is shown, and how much there is in all."""

    diff: DatasetDiff
    """Each of its lists is cut; the counts are exact."""
    added: int
    removed: int
    moved: int
    changed: int
    tables: int


def shortened(found: DatasetDiff, limit: int) -> VersionDiff:
    """A difference with at most ``limit`` entries of each kind."""
    cut = {name: getattr(found, name)[:limit] for name in ("added", "removed", "moved", "changed", "tables", "reasons")}
    return VersionDiff(
        diff=msgspec.structs.replace(found, **cut),
        added=len(found.added),
        removed=len(found.removed),
        moved=len(found.moved),
        changed=len(found.changed),
        tables=len(found.tables),
    )


class Options(msgspec.Struct, frozen=True):
    """How closely tables are looked at."""

    rows: bool = True
    key: tuple[str, ...] = ()
    sample: int = 5


class _Side:
    """A version with its files and tables by path."""

    def __init__(self, given: Given) -> None:
        manifest, known, self.place = given
        self.files = manifest.by_path()
        self._known = {(table.path, table.digest): table for table in known}

    def table(self, path: str) -> Table | None:
        item = self.files[path]
        found = self._known.get((path, item.digest))
        return describe_table(self.place(item), path, item.digest) if found is None and self.place else found


def compare_versions(before: Given, after: Given, options: Options) -> DatasetDiff:
    """Compare two versions. Where files can be read nowhere, tables of which nothing is known are files like others.

    Raises: MissingExtraError (rows are asked for and Polars is not installed), InvalidError (the key).
    """
    one, other = _Side(before), _Side(after)
    old, new = one.files, other.files
    added = [item for path, item in new.items() if path not in old]
    removed = [item for path, item in old.items() if path not in new]
    moved = _moves(removed, added)
    changed = [path for path, item in new.items() if path in old and old[path].digest != item.digest]
    tables = [
        found
        for path in changed
        if format_of(path) and (found := _compare_table(path, one, other, options)) is not None
    ]
    origins, targets = {move.before for move in moved}, {move.after for move in moved}
    added = [item for item in added if item.path not in targets]
    removed = [item for item in removed if item.path not in origins]
    reasons = _reasons(added, removed, moved, changed, tables)
    return DatasetDiff(
        before=before[0].digest,
        after=after[0].digest,
        added=added,
        removed=removed,
        moved=moved,
        changed=changed,
        same=sum(path in new and new[path].digest == item.digest for path, item in old.items()),
        tables=tables,
        bump=reasons[0][0] if reasons else "none",
        reasons=[f"{bump}: {why}" for bump, why in reasons],
    )


def _moves(removed: list[FileItem], added: list[FileItem]) -> list[Moved]:
    """Files that went from one path to another, paired in order where several have the same bytes."""
    waiting: dict[str, list[str]] = {}
    for item in added:
        if item.size:
            waiting.setdefault(item.digest, []).append(item.path)
    return [Moved(item.path, waiting[item.digest].pop(0)) for item in removed if waiting.get(item.digest)]


def _compare_table(path: str, before: _Side, after: _Side, options: Options) -> TableDiff | None:
    old, new = before.table(path), after.table(path)
    if old is None or new is None:
        return None
    types = {column.name: column.type for column in old.columns}
    names = {column.name for column in new.columns}
    rows, why = _rows(path, before, after, options)
    return TableDiff(
        path=path,
        columns_added=[column for column in new.columns if column.name not in types],
        columns_removed=[column for column in old.columns if column.name not in names],
        columns_retyped=[
            Retyped(column.name, types[column.name], column.type)
            for column in new.columns
            if types.get(column.name) and column.type and types[column.name] != column.type and old.rows and new.rows
        ],
        rows_before=old.rows,
        rows_after=new.rows,
        rows=rows,
        why_no_rows=why,
    )


def _rows(path: str, before: _Side, after: _Side, options: Options) -> tuple[RowDiff | None, str]:
    if not options.rows or before.place is None or after.place is None:
        return None, "not asked for"
    old, new = before.place(before.files[path]), after.place(after.files[path])
    try:
        return compare_rows(old, new, format_of(path), key=options.key, sample=options.sample), ""
    except InvalidError as error:
        if options.key:
            raise
        return None, error.message


def _reasons(
    added: list[FileItem], removed: list[FileItem], moved: list[Moved], changed: list[str], tables: list[TableDiff]
) -> list[tuple[Bump, str]]:
    found: list[tuple[Bump, str]] = []
    for table in tables:
        found += _table_reasons(table)
    read = {table.path for table in tables}
    others = [path for path in changed if path not in read]
    for items, bump, what in (
        (removed, "major", "removed"),
        (moved, "major", "moved"),
        (added, "minor", "added"),
        (others, "patch", "changed"),
    ):
        if items:
            found.append((bump, f"{len(items)} {'file' if len(items) == 1 else 'files'} {what}"))  # type: ignore[arg-type]
    order = ("major", "minor", "patch")
    return sorted(found, key=lambda reason: order.index(reason[0]))


def _table_reasons(table: TableDiff) -> list[tuple[Bump, str]]:
    rows = table.rows
    counts = (
        (rows.removed, rows.added, rows.changed)
        if rows is not None
        else (max(table.rows_before - table.rows_after, 0), max(table.rows_after - table.rows_before, 0), 0)
    )
    found: list[tuple[Bump, str]] = []
    for columns, bump, what in (
        (table.columns_removed, "major", "removed"),
        (table.columns_retyped, "major", "of another type"),
        (table.columns_added, "minor", "added"),
    ):
        if columns:
            names = ", ".join(column.name for column in columns)
            found.append((bump, f"{table.path}: columns {what}: {names}"))  # type: ignore[arg-type]
    for count, bump, what in zip(counts, ("major", "minor", "patch"), ("removed", "added", "changed"), strict=True):
        if count:
            found.append((bump, f"{table.path}: {count:,} rows {what}"))  # type: ignore[arg-type]
    if found:
        return found
    # Unseen values may have changed; only compared ones are known to be the same.
    what = (
        "other bytes; its values were not compared"
        if table.rows is None
        else "written in another way, with the same rows"
    )
    return [("patch", f"{table.path}: {what}")]
