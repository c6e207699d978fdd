"""What table files hold, and which files stand for data kept elsewhere."""

from __future__ import annotations

import contextlib
import csv
import importlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runward.data.model import Column, DatasetVersion, Manifest, Reference, Summary, Table
from runward.errors import InvalidError, MissingExtraError

FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
"""Table formats by a file's ending."""
_MAX_TABLES = 200
_PLAIN_BYTES = 64 << 20
_INFER_ROWS = 10_000
_LFS = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_DELTA_LOG = re.compile(r"(?:^|(?P<table>.*)/)_delta_log/(?P<version>\d{20})\.json")
_WORDS = {
    "Int": "int",
    "UInt": "int",
    "Float": "float",
    "Decimal": "float",
    "Boolean": "bool",
    "String": "text",
    "Categorical": "text",
    "Enum": "text",
    "Datetime": "datetime",
    "Date": "date",
    "Time": "time",
    "Duration": "duration",
    "List": "list",
    "Array": "list",
    "Struct": "struct",
    "Binary": "bytes",
    "Null": "null",
}


def format_of(path: str) -> str:
    """The table format that a file's name says; empty for other files."""
    return FORMATS.get(os.path.splitext(path)[1].lower(), "")


def polars() -> Any:
    """The Polars module. Raises: MissingExtraError."""
    try:
        return importlib.import_module("polars")
    except ImportError as error:
        raise MissingExtraError(
            "rows of tables are read by Polars, which is not installed", hint="pip install 'runward[tables]'"
        ) from error


def scan_table(place: str | Path, form: str) -> Any:
    """A table file as a Polars LazyFrame. Raises: MissingExtraError, InvalidError (no such table)."""
    pl = polars()
    try:
        if form == "parquet":
            return pl.scan_parquet(place)
        if form == "jsonl":
            return pl.scan_ndjson(place, infer_schema_length=_INFER_ROWS)
        lazy = pl.scan_csv(place, separator="\t" if form == "tsv" else ",", infer_schema_length=_INFER_ROWS)
        # A later row of another kind than the first ones': look at all of them.
        with contextlib.suppress(pl.exceptions.ComputeError):
            lazy.select(pl.len(), pl.all().is_null().sum().name.prefix("_")).collect(engine="streaming")
            return lazy
        return pl.scan_csv(place, separator="\t" if form == "tsv" else ",", infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidError(f"{place} cannot be read as {form}: {error}") from error


def word_of(kind: Any) -> str:
    """A Polars type in the words of a schema."""
    name = str(kind).partition("(")[0]
    return next((word for begin, word in _WORDS.items() if name.startswith(begin)), name.lower())


def describe_table(place: str | Path, path: str, digest: str) -> Table | None:
    """Columns and rows of a table file; None for what cannot be read as one."""
    form = format_of(path)
    try:
        lazy = scan_table(place, form)
        pl = polars()
        try:
            columns = [Column(name, word_of(kind)) for name, kind in lazy.collect_schema().items()]
            rows = int(lazy.select(pl.len()).collect().item())
        except pl.exceptions.PolarsError:
            return None
    except InvalidError:
        return None
    except MissingExtraError:
        plain = _plainly(Path(place), form)
        if plain is None:
            return None
        columns, rows = plain
    return Table(path=path, digest=digest, format=form, rows=rows, columns=columns)


def _plainly(place: Path, form: str) -> tuple[list[Column], int] | None:
    """Names of columns and the number of rows, by the standard library; types stay unknown."""
    if form == "parquet" or place.stat().st_size > _PLAIN_BYTES:
        return None
    try:
        with open(place, encoding="utf-8", newline="") as file:
            if form == "jsonl":
                rows = [json.loads(line) for line in file if line.strip()]
                names = dict.fromkeys(name for row in rows for name in row)
                return [Column(name, "") for name in names], len(rows)
            lines = csv.reader(file, delimiter="\t" if form == "tsv" else ",")
            header = next(lines, [])
            return [Column(name, "") for name in header], sum(1 for line in lines if line)
    except (ValueError, TypeError, csv.Error):
        return None


def summarise(
    places: Mapping[str, bytes], manifest: Manifest, before: DatasetVersion | None, *, tables: bool
) -> Summary:
    """What a new version holds: tables that are new are read, others are known from the version before.

    Args:
        places: Where each path lies on this machine.
        manifest: The new version's files.
        before: The version that it follows.
        tables: Whether to look into table files at all.
    """
    known = {(table.path, table.digest): table for table in before.summary.tables} if before else {}
    found: list[Table] = []
    for item in manifest.files:
        if not tables or len(found) >= _MAX_TABLES or not item.size or not format_of(item.path):
            continue
        table = known.get((item.path, item.digest)) or describe_table(
            os.fsdecode(places[item.path]), item.path, item.digest
        )
        if table is not None:
            found.append(table)
    return Summary(found, [*_pointers(places, manifest), *_delta_tables(places, manifest)])


def lfs_pointer(data: bytes) -> tuple[str, int] | None:
    """(sha256, size in bytes) of the object that a Git LFS pointer stands for."""
    match = _LFS.fullmatch(data)
    return (match[1].decode(), int(match[2])) if match else None


def _pointers(places: Mapping[str, bytes], manifest: Manifest) -> list[Reference]:
    found = list[Reference]()
    for item in manifest.files:
        if 120 <= item.size <= 1024:
            with contextlib.suppress(OSError), open(places[item.path], "rb") as file:
                if pointer := lfs_pointer(file.read()):
                    found.append(Reference(path=item.path, kind="git-lfs", id=pointer[0], size=pointer[1]))
    return found


def _delta_tables(places: Mapping[str, bytes], manifest: Manifest) -> list[Reference]:
    """The Delta tables in a dataset, each with its newest version and the id that its log gives it."""
    newest: dict[str, int] = {}
    ids: dict[str, str] = {}
    for item in manifest.files:
        if match := _DELTA_LOG.fullmatch(item.path):
            table = match["table"] or "."
            newest[table] = max(newest.get(table, 0), int(match["version"]))
            ids[table] = _table_id(places[item.path]) or ids.get(table, "")
    return [Reference(path=table, kind="delta", id=ids[table], version=version) for table, version in newest.items()]


def _table_id(place: bytes) -> str:
    with contextlib.suppress(OSError, ValueError), open(place, encoding="utf-8") as file:
        for line in file:
            action = json.loads(line)
            if isinstance(action, dict) and isinstance(action.get("metaData"), dict):
                return str(action["metaData"].get("id", ""))
    return ""
