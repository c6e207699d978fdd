"""All SQL on pages, and the events that the search index follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from runward.core.clock import from_us, to_us
from runward.governance.scopes import Clause
from runward.knowledge.index import Change
from runward.knowledge.model import Evidence, NewPage, Page, PageVersion
from runward.policy.carrying import restricted_pages
from runward.store.database import Row, Tx


class Body(msgspec.Struct, frozen=True):
    """A version's content as stored."""

    body: str
    code_example: str
    tags: list[str]
    evidence: list[Evidence]
    data: dict[str, Any]


_decode = msgspec.json.Decoder(Body).decode
_PAGE = """SELECT p.id, p.repository, t.name, p.kind, p.title, p.document, p.owner,
  (SELECT v.author FROM page_versions v WHERE v.page_id = p.id AND v.version = p.version), p.version, p.created_at,
  p.updated_at, p.review_by,
  (SELECT v.review_id FROM page_versions v WHERE v.page_id = p.id AND v.version = p.version) FROM pages p JOIN teams t ON t.id = p.team_id"""


def _page(row: Row) -> Page:
    content = _decode(row[5])
    return Page(
        id=row[0],
        repository=row[1],
        team=row[2],
        kind=row[3],
        title=row[4],
        body=content.body,
        code_example=content.code_example,
        tags=content.tags,
        evidence=content.evidence,
        data=content.data,
        owner=row[6],
        author=row[7] or row[6],
        version=row[8],
        created_at=from_us(row[9]),
        updated_at=from_us(row[10]),
        review_by=from_us(row[11]) if row[11] is not None else None,
        review_id=row[12] or "",
    )


def page(tx: Tx, page_id: str) -> Page | None:
    """One page in its newest version."""
    row = tx.one(f"{_PAGE} WHERE p.id = ?", (page_id,))
    return _page(row) if row else None


def pages_by_id(tx: Tx, ids: Sequence[str]) -> list[Page]:
    """Pages in the order of their ids."""
    if not ids:
        return []
    found = {row[0]: _page(row) for row in tx.listed(f"{_PAGE} WHERE p.id IN ({{}})", ids)}
    return [found[page_id] for page_id in ids if page_id in found]


def pages(tx: Tx, teams: Clause, repository: str, kind: str | None, limit: int) -> list[Page]:
    """Pages of some teams, newest first."""
    sql, params = f"{_PAGE} WHERE p.team_id IN {teams.sql}", list(teams.params)
    if repository:
        sql, params = f"{sql} AND p.repository = ?", [*params, repository]
    if kind:
        sql, params = f"{sql} AND p.kind = ?", [*params, kind]
    return [_page(row) for row in tx.all(f"{sql} ORDER BY p.updated_at DESC, p.id LIMIT ?", [*params, limit])]


def shown(tx: Tx, pages: list[Page]) -> list[Page]:
    """Pages for a list: of restricted ones everything but the text, which nobody reads without its being noted."""
    held = restricted_pages(tx, [page.id for page in pages])
    blank: dict[str, Any] = {"body": "", "code_example": "", "data": {}, "withheld": True}
    return [msgspec.structs.replace(page, **blank) if page.id in held else page for page in pages]


def find_page(tx: Tx, team_id: str, new: NewPage) -> tuple[str, int] | None:
    """(id, version) of the page with this title in this repository."""
    row = tx.one(
        f"""SELECT id, version FROM pages WHERE team_id = ? AND repository = ? AND kind = ? AND title = ?
            {tx.for_update}""",
        (team_id, new.repository, new.kind, new.title),
    )
    return (row[0], row[1]) if row else None


def _document(new: NewPage) -> str:
    return msgspec.json.encode(
        Body(new.body, new.code_example, new.tags, new.evidence, new.data), order="sorted"
    ).decode()


def is_same(tx: Tx, page_id: str, new: NewPage) -> bool:
    """Whether a page says already what is to be published."""
    row = tx.one("SELECT document, review_by FROM pages WHERE id = ?", (page_id,))
    return row == (_document(new), _us(new.review_by))


def store_page(tx: Tx, page_id: str, team_id: str, new: NewPage, version: int, author: str, now: int) -> None:
    """Store a version of a page; version 1 makes the page."""
    document = _document(new)
    review_by = _us(new.review_by)
    if version == 1:
        tx.execute(
            """INSERT INTO pages (id, team_id, repository, kind, title, owner, version, created_at, updated_at,
               review_by, document) VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)""",
            (page_id, team_id, new.repository, new.kind, new.title, author, now, now, review_by, document),
        )
    else:
        tx.execute(
            "UPDATE pages SET version = ?, updated_at = ?, review_by = ?, document = ? WHERE id = ?",
            (version, now, review_by, document, page_id),
        )
    tx.execute(
        "INSERT INTO page_versions (page_id, version, title, author, at, document) VALUES (?, ?, ?, ?, ?, ?)",
        (page_id, version, new.title, author, now, document),
    )


def set_reviewed(tx: Tx, page_id: str, version: int, review_id: str) -> None:
    """Note the review that let a version in."""
    tx.execute(
        "UPDATE page_versions SET review_id = ? WHERE page_id = ? AND version = ?", (review_id, page_id, version)
    )


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment)


def versions(tx: Tx, page_id: str) -> list[PageVersion]:
    """A page's history, newest first."""
    rows = tx.all(
        "SELECT version, title, author, at, document FROM page_versions WHERE page_id = ? ORDER BY version DESC",
        (page_id,),
    )
    return [PageVersion(row[0], row[1], row[2], from_us(row[3]), _decode(row[4]).body) for row in rows]


_INDEXED = ("run", "experiment", "page", "review")


def changes_after(tx: Tx, event_id: int, limit: int) -> list[Change]:
    """Events after one, as far as they change what can be found."""
    rows = tx.all(
        "SELECT id, object_kind, object_id, kind FROM events WHERE id > ? ORDER BY id LIMIT ?", (event_id, limit)
    )
    changes = [Change(row[0], row[1], row[2], row[3].endswith(".deleted")) for row in rows if row[1] in _INDEXED]
    if rows and (not changes or changes[-1].event_id != rows[-1][0]):
        changes.append(Change(rows[-1][0], "", "", True))
    return changes
