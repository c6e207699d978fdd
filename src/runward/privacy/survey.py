"""What a workspace knows of a person: counted before an erasure, or taken out as a whole. Nothing is changed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any, Final

from runward.errors import InvalidError
from runward.governance.calling import Call
from runward.governance.scopes import visible_ids
from runward.governance.trail import opened
from runward.privacy import files
from runward.privacy.inventory import TABLES, Table
from runward.privacy.model import ExportPart, FoundFile, Survey
from runward.privacy.repository import Person
from runward.privacy.rows import Reader, hits, pages, reader_of
from runward.privacy.words import Words
from runward.store.database import Row, Tx
from runward.store.layout import primary_key

STEP_S: Final = 2.0
"""A part takes about so long, and a page more."""
_FILES: Final = "*files"
_ROWS_A_PART: Final = 2_000
_ORDER: Final = [*TABLES, _FILES]


def _place(text: str) -> tuple[str, list[Any]]:
    if not text:
        return _ORDER[0], []
    try:
        table, after = json.loads(text)
    except (ValueError, TypeError):
        table, after = "", None
    if table not in _ORDER or not isinstance(after, list):
        raise InvalidError(f"place {text[:60]!r} was never given", hint="begin without one")
    return table, after


def _next(table: str) -> str:
    following = _ORDER[_ORDER.index(table) + 1 :]
    return json.dumps([following[0], []]) if following else ""


def survey(call: Call, words: Words, person: Person, place: str) -> Survey:
    """A part of what an erasure would find."""
    until, counts = time.monotonic() + STEP_S, dict[str, int]()
    table, after = _place(place)
    while table != _FILES:
        reader = _erased(call.tx, table)
        for page, last in hits(call.tx, words, person.name, reader, after):
            for hit in page:
                for column in hit.found:
                    counts[f"{table}.{column}"] = counts.get(f"{table}.{column}", 0) + 1
            if time.monotonic() >= until:
                return Survey(json.dumps([table, last]), counts, {}, [])
        table, after = _place(_next(table))
    found, last = _files(call, words, after, until)
    return Survey(json.dumps([_FILES, [last]]) if last else "", counts, {}, found)


def _erased(tx: Tx, table: str) -> Reader:
    """What erasing looks at: certificates too, and of the trail also its names."""
    reader, columns = reader_of(tx, table), TABLES[table].columns
    signed = tuple(name for name, kind in columns.items() if kind == "signed")
    own = tuple(name for name, kind in columns.items() if kind == "own" and table == "members")
    if table in ("erasures", "erasure_moves"):
        return reader._replace(text=(), names=())
    return reader._replace(text=(*reader.text, *signed, *own))


def _files(call: Call, words: Words, after: list[Any], until: float) -> tuple[list[FoundFile], str]:
    """(files that name the person, the last that was looked at; empty at the end)."""
    listed = files.files(call.tx, call.blobs, str(after[0]) if after else "")
    found = []
    for digest, count in files.named_files(words, call.blobs, listed):
        if count:
            found.append(files.found_file(call.tx, words, call.blobs, digest, count))
        if time.monotonic() >= until and digest != listed[-1]:
            return found, digest
    return found, ""


# export ---------------------------------------------------------------------------------------------------------------


class Sight:
    """Which rows that somebody else made may be shown because a text in them names the person."""

    def __init__(self, call: Call, *, everything: bool) -> None:
        self._tx, self._everything = call.tx, everything
        projects, self._teams = visible_ids(call.tx, call.actor)
        self._projects = projects
        self._runs: dict[str, str] = {}

    def of(self, values: dict[str, Any]) -> bool:
        """Whether a row lies where the caller may read; without a place of its own it does not."""
        if self._everything:
            return True
        project = values.get("project_id") or self._project_of(values.get("run_id"))
        return project in self._projects or values.get("team_id") in self._teams

    def _project_of(self, run_id: str | None) -> str:
        if not run_id:
            return ""
        if run_id not in self._runs:
            self._runs[run_id] = str(self._tx.scalar("SELECT project_id FROM runs WHERE id = ?", (run_id,)) or "")
        return self._runs[run_id]

    def files(self, found: list[FoundFile]) -> list[FoundFile]:
        """The files that were uploaded to projects that the caller may read."""
        if self._everything:
            return found
        return [one for one in found if self._projects & self._uploaded(one.digest)]

    def _uploaded(self, digest: str) -> set[str]:
        return {row[0] for row in self._tx.all("SELECT project_id FROM blobs WHERE digest = ?", (digest,))}


def export(call: Call, words: Words, person: Person, place: str, sight: Sight) -> ExportPart:
    """A part of all that concerns a person, in rows by table; secrets are left out."""
    until, rows, count = time.monotonic() + STEP_S, dict[str, list[dict[str, Any]]](), 0
    table, after = _place(place)
    while table != _FILES:
        for row, last in _concerning(call, words, person, table, after, sight):
            if row is not None:
                rows.setdefault(table, []).append(row)
                count += 1
            if count >= _ROWS_A_PART or time.monotonic() >= until:
                return ExportPart(json.dumps([table, last]), rows, [])
        table, after = _place(_next(table))
    named = Words(words.words, person.name, words.others)
    found, last_file = _files(call, named, after, until)
    return ExportPart(json.dumps([_FILES, [last_file]]) if last_file else "", rows, sight.files(found))


def _concerning(
    call: Call, words: Words, person: Person, table: str, after: list[Any], sight: Sight
) -> Iterator[tuple[dict[str, Any] | None, list[Any]]]:
    """(a row of a table or None where it says nothing of the person, its key)."""
    of = TABLES[table]
    shown = tuple(name for name, kind in of.columns.items() if kind not in ("secret", "packed"))
    key = primary_key(call.tx, table)
    telling = [name for name, kind in of.columns.items() if kind in ("member", "name", "text", "own", "signed")]
    if not key or not telling or table == "erasure_moves":
        return
    for page in pages(call.tx, Reader(table, key, (), ()), after, shown):
        for row in page:
            values = dict(zip(shown, row[len(key) :], strict=True))
            yield (
                (_shown(call, table, values) if _is_about(of, values, words, person, sight) else None),
                list(row[: len(key)]),
            )


def _is_about(of: Table, values: dict[str, Any], words: Words, person: Person, sight: Sight) -> bool:
    texts = []
    for column, kind in of.columns.items():
        value = values.get(column)
        if (kind == "member" and value == person.id) or (kind == "name" and value == person.name):
            return True
        if kind in ("text", "signed") and isinstance(value, str) and words.may_be_in(value):
            texts.append(value)
    return any(words.count(text) for text in texts) and sight.of(values)


def _shown(call: Call, table: str, values: Row | dict[str, Any]) -> dict[str, Any]:
    row = dict(values)
    if table == "audit_events":
        sealed = row.pop("sealed", None)
        if sealed is not None:
            row["actor"], row["address"] = opened(call.tx, call.dispatcher.audit_key, row["actor_id"], bytes(sealed))
    return {name: _plain(value) for name, value in row.items() if TABLES[table].columns[name] != "sealed"}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return value
