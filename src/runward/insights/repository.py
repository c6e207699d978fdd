"""All SQL on reports, what they were pinned to, and their links."""

from __future__ import annotations

import msgspec

from runward.core.clock import from_us
from runward.core.ids import ProjectId
from runward.core.zstd import compress, decompress
from runward.governance.scopes import Clause
from runward.insights.model import Block, Pin, Report, ReportContent, ReportLink
from runward.store.database import Row, Tx

_REPORT = """SELECT r.id, r.project_id, p.path, r.title, r.version, r.author, r.created_at, r.updated_at, r.updated_by,
  r.pinned_at, r.pinned_by, r.pinned_version, r.digest FROM reports r JOIN projects p ON p.id = r.project_id"""
_LINK = "SELECT id, report_id, author, created_at, expires_at, revoked_at FROM report_links"
_blocks = msgspec.json.Decoder(list[Block]).decode
_content = msgspec.json.Decoder(ReportContent).decode


def _report(row: Row) -> Report:
    pin = None if row[9] is None else Pin(from_us(row[9]), row[10], row[12], row[11] != row[4])
    return Report(
        *(row[0], ProjectId(row[1]), row[2], row[3], row[4], row[5]),
        *(from_us(row[6]), from_us(row[7]), row[8], pin),
    )


def report(tx: Tx, report_id: str) -> Report:
    """A report that is known to be there."""
    row = tx.one(f"{_REPORT} WHERE r.id = ?", (report_id,))
    assert row is not None
    return _report(row)


def reports(tx: Tx, projects: Clause) -> list[Report]:
    """The reports of some projects, the last edited first."""
    sql = f"{_REPORT} WHERE r.deleted_at IS NULL AND r.project_id IN {projects.sql} ORDER BY r.updated_at DESC, r.id"
    return [_report(row) for row in tx.all(sql, projects.params)]


def blocks(tx: Tx, report_id: str) -> list[Block]:
    """A report's blocks as they are written."""
    return _blocks(tx.scalar("SELECT blocks FROM reports WHERE id = ?", (report_id,)))


def insert(
    tx: Tx, report_id: str, project_id: str, title: str, written: list[Block], author: tuple[str, str], now: int
) -> None:
    """Add a report by (name, id)."""
    tx.execute(
        """INSERT INTO reports (id, project_id, title, blocks, version, author, author_id, created_at, updated_at,
           updated_by) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?)""",
        (report_id, project_id, title, _text(written), *author, now, now, author[0]),
    )


def update(tx: Tx, report_id: str, title: str, written: list[Block], version: int, author: str, now: int) -> None:
    """Change a report."""
    tx.execute(
        "UPDATE reports SET title = ?, blocks = ?, version = ?, updated_at = ?, updated_by = ? WHERE id = ?",
        (title, _text(written), version, now, author, report_id),
    )


def set_deleted(tx: Tx, report_id: str, at: int | None) -> None:
    """Put a report out of sight, or bring it back."""
    tx.execute("UPDATE reports SET deleted_at = ? WHERE id = ?", (at, report_id))


def place(tx: Tx, report_id: str, *, deleted: bool = False) -> str | None:
    """The id of the project in which a report lies."""
    state = "IS NOT NULL" if deleted else "IS NULL"
    found = tx.scalar(f"SELECT project_id FROM reports WHERE id = ? AND deleted_at {state}", (report_id,))
    return str(found) if found else None


def pin(tx: Tx, found: Report, content: ReportContent, author: str, now: int) -> int:
    """Keep what a report shows; returns the size in bytes."""
    data = msgspec.json.encode(content)
    files = " ".join(sorted({medium.digest for part in content.parts for medium in part.media}))
    unpin(tx, found.id)
    tx.execute(
        "INSERT INTO report_pins (report_id, content, files) VALUES (?, ?, ?)", (found.id, compress(data), files)
    )
    tx.execute(
        "UPDATE reports SET pinned_at = ?, pinned_by = ?, pinned_version = ?, digest = ? WHERE id = ?",
        (now, author, found.version, content.digest, found.id),
    )
    return len(data)


def unpin(tx: Tx, report_id: str) -> None:
    """Let a report show the present again."""
    tx.execute("DELETE FROM report_pins WHERE report_id = ?", (report_id,))
    tx.execute(
        "UPDATE reports SET pinned_at = NULL, pinned_by = NULL, pinned_version = NULL, digest = NULL WHERE id = ?",
        (report_id,),
    )


def pinned(tx: Tx, report_id: str) -> ReportContent | None:
    """What a report was pinned to."""
    data = tx.scalar("SELECT content FROM report_pins WHERE report_id = ?", (report_id,))
    return None if data is None else _content(decompress(bytes(data)))


def links(tx: Tx, report_id: str) -> list[ReportLink]:
    """A report's links, newest first."""
    rows = tx.all(f"{_LINK} WHERE report_id = ? ORDER BY created_at DESC, id", (report_id,))
    return [_link(row) for row in rows]


def _link(row: Row) -> ReportLink:
    revoked = None if row[5] is None else from_us(row[5])
    return ReportLink(row[0], row[1], row[2], from_us(row[3]), from_us(row[4]), revoked)


def link(tx: Tx, link_id: str) -> ReportLink:
    """A link that is known to be there."""
    row = tx.one(f"{_LINK} WHERE id = ?", (link_id,))
    assert row is not None
    return _link(row)


def insert_link(
    tx: Tx, link_id: str, report_id: str, secret_hash: str, author: tuple[str, str], now: int, until: int
) -> None:
    """Add a link by (name, id)."""
    tx.execute(
        """INSERT INTO report_links (id, report_id, secret_hash, author, author_id, created_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (link_id, report_id, secret_hash, *author, now, until),
    )


def revoke(tx: Tx, condition: str, value: str, now: int) -> None:
    """End links by ``id`` or ``report_id``."""
    tx.execute(f"UPDATE report_links SET revoked_at = ? WHERE {condition} = ? AND revoked_at IS NULL", (now, value))


def author_of_link(tx: Tx, secret_hash: str, now: int) -> tuple[str, str, str] | None:
    """(report, author's id, author's name) of a link that still holds."""
    row = tx.one(
        """SELECT l.report_id, m.id, m.name FROM report_links l JOIN members m ON m.id = l.author_id
           JOIN reports r ON r.id = l.report_id WHERE l.secret_hash = ? AND l.revoked_at IS NULL AND l.expires_at > ?
           AND r.deleted_at IS NULL AND m.disabled_at IS NULL""",
        (secret_hash, now),
    )
    return (row[0], row[1], row[2]) if row else None


def _text(written: list[Block]) -> str:
    return msgspec.json.encode(written).decode()
