"""A person's words in the database's rows: where they stand, and the pseudonym in their place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from runward.privacy.inventory import TABLES
from runward.privacy.words import Words
from runward.store.database import Row, Tx, placeholders
from runward.store.layout import primary_key

PAGE: Final = 2000
APART: Final = frozenset({"audit_events", "audit_heads", "members", "erasures", "erasure_moves", "schema_version"})
"""Tables that are not gone through row by row: the trail has its own way, and the person's own row is the last."""
_UNIQUE: Final[dict[str, tuple[str, ...]]] = {
    "teams": ("name",),
    "models": ("name",),
    "library_items": ("name",),
    "projects": ("path",),
    "datasets": ("project_id", "name"),
    "saved_views": ("project_id", "name"),
    "pages": ("team_id", "repository", "kind", "title"),
}


class Hit(NamedTuple):
    """A row in which somebody is named."""

    key: tuple[Any, ...]
    """The values of the primary key."""
    found: dict[str, int]
    """How often, by column."""
    row: dict[str, Any]
    """The columns that were read."""


class Reader(NamedTuple):
    """How a table is gone through."""

    table: str
    key: tuple[str, ...]
    text: tuple[str, ...]
    names: tuple[str, ...]


def reader_of(tx: Tx, table: str) -> Reader:
    """How a table is gone through."""
    columns = TABLES[table].columns
    return Reader(
        table,
        primary_key(tx, table),
        tuple(name for name, kind in columns.items() if kind == "text"),
        tuple(name for name, kind in columns.items() if kind == "name"),
    )


def pages(
    tx: Tx, reader: Reader, after: Sequence[Any], columns: Sequence[str], size: int = PAGE
) -> Iterator[list[Row]]:
    """The rows after a key, in the order of the key, some at a time: first the key, then the columns."""
    key, wanted = ", ".join(reader.key), ", ".join([*reader.key, *columns])
    last = tuple(after)
    while True:
        where = f"WHERE ({key}) > ({placeholders(reader.key)})" if last else ""
        rows = tx.all(f"SELECT {wanted} FROM {reader.table} {where} ORDER BY {key} LIMIT {size}", last)
        if rows:
            yield rows
        if len(rows) < size:
            return
        last = rows[-1][: len(reader.key)]


def named_in(words: Words, name: str, reader: Reader, row: Row) -> Hit | None:
    """What a row says of the person: author columns by equality, text by its words."""
    width = len(reader.key)
    read = dict(zip([*reader.names, *reader.text], row[width:], strict=True))
    found = {column: 1 for column in reader.names if read[column] == name}
    for column in reader.text:
        value = read[column]
        if isinstance(value, str) and words.may_be_in(value) and (count := words.count(value)):
            found[column] = count
    return Hit(tuple(row[:width]), found, read) if found else None


def hits(tx: Tx, words: Words, name: str, reader: Reader, after: Sequence[Any] = ()) -> Iterator[tuple[list[Hit], Any]]:
    """(rows that name the person, the last key that was looked at), page by page."""
    if not reader.text and not reader.names:
        return
    for page in pages(tx, reader, after, [*reader.names, *reader.text]):
        found = [hit for row in page if (hit := named_in(words, name, reader, row))]
        yield found, list(page[-1][: len(reader.key)])


def forget(tx: Tx, words: Words, reader: Reader, hit: Hit) -> None:
    """Put the pseudonym into a row."""
    new = {
        column: words.pseudonym if column in reader.names else words.replace(hit.row[column]) for column in hit.found
    }
    _keep_apart(tx, reader, hit, new)
    changes = ", ".join(f"{column} = ?" for column in new)
    key = " AND ".join(f"{column} = ?" for column in reader.key)
    tx.execute(f"UPDATE {reader.table} SET {changes} WHERE {key}", (*new.values(), *hit.key))


def _keep_apart(tx: Tx, reader: Reader, hit: Hit, new: dict[str, Any]) -> None:
    """Give what would get the name of another row a number: two spellings of a person may become one."""
    for unique in (reader.key, _UNIQUE.get(reader.table, ())):
        changed = [column for column in unique if column in new]
        if not changed:
            continue
        key = dict(zip(reader.key, hit.key, strict=True))
        where = " AND ".join(f"{column} = ?" for column in unique)
        same = " AND ".join(f"{column} = ?" for column in reader.key)
        row = tx.one(f"SELECT {', '.join(unique)} FROM {reader.table} WHERE {same}", tuple(key.values()))
        stands = dict(zip(unique, row or (), strict=True))
        wanted = new[changed[-1]]
        for number in itertools.count(2):
            values = tuple(new.get(column, stands[column]) for column in unique)
            if not tx.scalar(f"SELECT 1 FROM {reader.table} WHERE {where}", values):
                break
            new[changed[-1]] = f"{wanted}-{number}"


def removed_with(tx: Tx, member_id: str) -> dict[str, int]:
    """How many rows go with a member, by table."""
    found = {
        name: int(tx.scalar(f"SELECT count(*) FROM {name} WHERE {table.owner} = ?", (member_id,)))
        for name, table in TABLES.items()
        if table.owner
    }
    return {name: count for name, count in found.items() if count}


def remove_owned(tx: Tx, member_id: str) -> None:
    """Remove the rows that go with a member."""
    for name, table in TABLES.items():
        if table.owner:
            tx.execute(f"DELETE FROM {name} WHERE {table.owner} = ?", (member_id,))
