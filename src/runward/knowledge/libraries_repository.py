"""All SQL on shared libraries."""

from __future__ import annotations

import msgspec

from runward.config.settings import LIBRARY_TAG
from runward.core.clock import from_us
from runward.governance.scopes import Clause
from runward.knowledge.libraries_model import LibraryItem, LibraryUse, NewRelease, Release
from runward.knowledge.semver import Version
from runward.store.database import Row, Tx

_ITEM = """SELECT i.id, i.name, i.kind, t.name, i.owner, i.created_at, i.updated_at,
  (SELECT v.major || '.' || v.minor || '.' || v.patch FROM library_versions v WHERE v.item_id = i.id
   ORDER BY v.major DESC, v.minor DESC, v.patch DESC LIMIT 1) FROM library_items i JOIN teams t ON t.id = i.team_id"""
# What a run used is a tag of it, found by the tags' index on (key, value).
# CROSS JOIN keeps SQLite from beginning at the runs of every project.
_USING = (
    "FROM tags g CROSS JOIN runs r WHERE r.id = g.run_id AND g.key = ? AND r.deleted_at IS NULL AND r.project_id IN"
)


def item_place(tx: Tx, reference: str) -> tuple[str, str, str, str] | None:
    """(id, team id, kind, owner's id) of an item by name or id; in an address its slashes are colons."""
    reference = reference.replace(":", "/")
    row = tx.one("SELECT id, team_id, kind, owner_id FROM library_items WHERE name = ? OR id = ?", (reference,) * 2)
    return (row[0], row[1], row[2], row[3]) if row else None


def items(tx: Tx, where: Clause, projects: Clause) -> list[LibraryItem]:
    """Items that match a clause over ``i``, by name, with their uses in some projects."""
    rows = tx.all(f"{_ITEM} WHERE {where.sql} ORDER BY i.name", where.params)
    if len(rows) == 1:
        counted = {LIBRARY_TAG + rows[0][1]: sum(runs for runs, _ in uses(tx, rows[0][1], projects).values())}
    else:
        counted = _all_uses(tx, projects)
    return [_item(row, counted.get(LIBRARY_TAG + row[1], 0)) for row in rows]


def _all_uses(tx: Tx, projects: Clause) -> dict[str, int]:
    """Runs by tag, of all tags that name a shared item: a range of the tags' index."""
    after = LIBRARY_TAG[:-1] + chr(ord(LIBRARY_TAG[-1]) + 1)
    rows = tx.all(
        f"""SELECT g.key, count(*) FROM tags g CROSS JOIN runs r WHERE r.id = g.run_id AND g.key >= ? AND g.key < ?
            AND r.deleted_at IS NULL AND r.project_id IN {projects.sql} GROUP BY g.key""",
        (LIBRARY_TAG, after, *projects.params),
    )
    return {row[0]: row[1] for row in rows}


def _item(row: Row, used: int) -> LibraryItem:
    return LibraryItem(
        id=row[0],
        name=row[1],
        kind=row[2],
        team=row[3],
        owner=row[4],
        newest=row[7],
        created_at=from_us(row[5]),
        updated_at=from_us(row[6]),
        uses=used,
    )


def uses(tx: Tx, name: str, projects: Clause) -> dict[str, tuple[int, int]]:
    """(runs, experiments) by version."""
    rows = tx.all(
        f"SELECT g.value, count(*), count(DISTINCT r.experiment_id) {_USING} {projects.sql} GROUP BY g.value",
        (LIBRARY_TAG + name, *projects.params),
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def using(tx: Tx, name: str, version: str, projects: Clause, limit: int) -> list[LibraryUse]:
    """The runs that used a version, or any, newest first."""
    condition, params = (" AND g.value = ?", [version]) if version else ("", [])
    rows = tx.all(
        f"""SELECT g.value, r.id, r.name, (SELECT p.path FROM projects p WHERE p.id = r.project_id), r.experiment_id,
            r.created_at {_USING} {projects.sql}{condition} ORDER BY r.created_at DESC, r.id DESC LIMIT ?""",
        (LIBRARY_TAG + name, *projects.params, *params, limit),
    )
    return [
        LibraryUse(version=row[0], run_id=row[1], run=row[2], project=row[3], experiment_id=row[4], at=from_us(row[5]))
        for row in rows
    ]


def versions(tx: Tx, item_id: str) -> list[Version]:
    """An item's versions, oldest first."""
    rows = tx.all("SELECT major, minor, patch FROM library_versions WHERE item_id = ? ORDER BY 1, 2, 3", (item_id,))
    return [Version(*row) for row in rows]


def releases(tx: Tx, item_id: str, projects: Clause, version: Version | None = None) -> list[Release]:
    """An item's versions, newest first, or one of them."""
    condition = "" if version is None else " AND v.major = ? AND v.minor = ? AND v.patch = ?"
    rows = tx.all(
        f"""SELECT i.name, i.kind, v.major, v.minor, v.patch, v.document, v.docs, v.notes, v.author, v.at
            FROM library_versions v JOIN library_items i ON i.id = v.item_id WHERE v.item_id = ?{condition}
            ORDER BY v.major DESC, v.minor DESC, v.patch DESC""",
        (item_id, *(version or ())),
    )
    counted = uses(tx, rows[0][0], projects) if rows else {}
    return [_release(row, counted.get(str(Version(*row[2:5])), (0, 0))) for row in rows]


def _release(row: Row, used: tuple[int, int]) -> Release:
    return Release(
        name=row[0],
        kind=row[1],
        version=str(Version(*row[2:5])),
        document=msgspec.json.decode(row[5]),
        docs=row[6],
        notes=row[7],
        author=row[8],
        at=from_us(row[9]),
        runs=used[0],
        experiments=used[1],
    )


def insert_item(tx: Tx, item_id: str, team_id: str, new: NewRelease, owner: tuple[str, str], now: int) -> None:
    """Store an item; the owner is (id, name)."""
    values = {"id": item_id, "team_id": team_id, "name": new.name, "kind": new.kind, "owner_id": owner[0]}
    tx.insert("library_items", {**values, "owner": owner[1], "created_at": now, "updated_at": now})


def lock_item(tx: Tx, item_id: str) -> None:
    """Let no other transaction publish a version until this one ends."""
    tx.one(f"SELECT id FROM library_items WHERE id = ?{tx.for_update}", (item_id,))


def insert_version(tx: Tx, item_id: str, version: Version, new: NewRelease, author: str, now: int) -> None:
    """Store a version."""
    document = msgspec.json.encode(new.document).decode()
    values = {"item_id": item_id, "document": document, "docs": new.docs, "notes": new.notes}
    tx.insert("library_versions", {**values, **version._asdict(), "author": author, "at": now})
    tx.execute("UPDATE library_items SET updated_at = ? WHERE id = ?", (now, item_id))
