"""All SQL on members, teams, tokens, secrets and the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from runward.core.clock import from_us, to_us
from runward.core.permissions import Role
from runward.governance.model import Actor, AuditEvent, Grant, Member, NewMember, Team, Token
from runward.governance.scopes import readable_teams
from runward.store.database import Tx


def _time(value: int | None) -> datetime | None:
    return None if value is None else from_us(value)


def workspace_info(tx: Tx) -> dict[str, str]:
    """The workspace's own facts: id, name."""
    return dict(tx.all("SELECT key, value FROM workspace"))


def set_workspace_info(tx: Tx, key: str, value: str) -> None:
    """Store one of the workspace's own facts."""
    tx.execute(
        "INSERT INTO workspace (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def team_roles(tx: Tx, member_id: str) -> list[tuple[str, int]]:
    """(team name, role) of a member."""
    return [
        (row[0], row[1])
        for row in tx.all(
            """SELECT t.name, g.role FROM grants g JOIN teams t ON t.id = g.scope_id
               WHERE g.member_id = ? AND g.scope_kind = 'team' ORDER BY t.name""",
            (member_id,),
        )
    ]


def insert_team(tx: Tx, team_id: str, name: str, now: int) -> None:
    """Store a team."""
    tx.execute("INSERT INTO teams (id, name, created_at) VALUES (?, ?, ?)", (team_id, name, now))


def teams(tx: Tx, actor: Actor) -> list[Team]:
    """The teams that the actor may see."""
    clause = readable_teams(actor)
    rows = tx.all(
        f"""SELECT t.id, t.name, t.created_at, (SELECT count(*) FROM grants g WHERE g.scope_kind = 'team'
            AND g.scope_id = t.id) FROM teams t WHERE t.id IN {clause.sql} ORDER BY t.name""",
        clause.params,
    )
    return [Team(id=row[0], name=row[1], created_at=from_us(row[2]), members=row[3]) for row in rows]


def insert_member(tx: Tx, member_id: str, new: NewMember, now: int, kind: str = "") -> None:
    """Store a member without a password."""
    tx.execute(
        "INSERT INTO members (id, name, display_name, email, kind, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (member_id, new.name, new.display_name or new.name, new.email, kind or new.kind, now),
    )


_GRANTS = """SELECT g.member_id, g.scope_kind, COALESCE(t.name, p.path, ''), g.role FROM grants g
  LEFT JOIN teams t ON g.scope_kind = 'team' AND t.id = g.scope_id
  LEFT JOIN projects p ON g.scope_kind = 'project' AND p.id = g.scope_id ORDER BY 2, 3"""


def members(tx: Tx) -> list[Member]:
    """All members with their grants."""
    grants: dict[str, list[Grant]] = {}
    for member_id, kind, scope, role in tx.all(_GRANTS):
        grants.setdefault(member_id, []).append(Grant(kind, scope, Role(role).label))  # type: ignore[arg-type]
    rows = tx.all("SELECT id, name, display_name, email, kind, created_at, disabled_at FROM members ORDER BY name")
    return [
        Member(row[0], row[1], row[2], row[3], row[4], from_us(row[5]), row[6] is not None, grants.get(row[0], []))
        for row in rows
    ]


def set_grant(tx: Tx, member_id: str, scope_kind: str, scope_id: str, role: int) -> None:
    """Give a member a role at a scope."""
    tx.execute(
        """INSERT INTO grants (member_id, scope_kind, scope_id, role) VALUES (?, ?, ?, ?)
           ON CONFLICT (member_id, scope_kind, scope_id) DO UPDATE SET role = excluded.role""",
        (member_id, scope_kind, scope_id, int(role)),
    )


def remove_grant(tx: Tx, member_id: str, scope_kind: str, scope_id: str) -> None:
    """Take a member's role at a scope away."""
    tx.execute(
        "DELETE FROM grants WHERE member_id = ? AND scope_kind = ? AND scope_id = ?", (member_id, scope_kind, scope_id)
    )


def end_credentials(tx: Tx, member_id: str) -> None:
    """Make every session and open link of a member invalid."""
    tx.execute("UPDATE members SET credential_version = credential_version + 1 WHERE id = ?", (member_id,))


def set_password(tx: Tx, member_id: str, stored: str) -> None:
    """Store a password's hash and end the sessions of the old one."""
    tx.execute(
        "UPDATE members SET password_hash = ?, credential_version = credential_version + 1 WHERE id = ?",
        (stored, member_id),
    )


def insert_secret(tx: Tx, stored: str, kind: str, member_id: str, now: int, expires: int) -> None:
    """Store a session or a one-time link, bound to the member's present credentials."""
    tx.execute(
        """INSERT INTO secrets (hash, kind, member_id, credential_version, created_at, expires_at)
           SELECT ?, ?, id, credential_version, ?, ? FROM members WHERE id = ?""",
        (stored, kind, now, expires, member_id),
    )


def find_secret(tx: Tx, stored: str, kind: str, now: int) -> tuple[str, str] | None:
    """(member id, name) of a secret that is valid now."""
    row = tx.one(
        """SELECT m.id, m.name FROM secrets s JOIN members m ON m.id = s.member_id
           WHERE s.hash = ? AND s.kind = ? AND s.expires_at > ? AND s.used_at IS NULL AND m.disabled_at IS NULL
           AND m.credential_version = s.credential_version""",
        (stored, kind, now),
    )
    return (row[0], row[1]) if row else None


def use_secret(tx: Tx, stored: str, now: int) -> bool:
    """Mark a one-time secret as used; False if somebody else was first."""
    return tx.touched("UPDATE secrets SET used_at = ? WHERE hash = ? AND used_at IS NULL", (now, stored)) == 1


def insert_token(
    tx: Tx,
    token_id: str,
    member_id: str,
    name: str,
    prefix: str,
    stored: str,
    cap: int,
    now: int,
    expires: datetime | None,
) -> None:
    """Store a token's hash."""
    tx.execute(
        """INSERT INTO tokens (id, member_id, name, prefix, hash, role_cap, created_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (token_id, member_id, name, prefix, stored, cap, now, to_us(expires) if expires else None),
    )


def tokens(tx: Tx, member_id: str) -> list[Token]:
    """A member's tokens, newest first."""
    rows = tx.all(
        """SELECT t.id, t.name, m.name, t.prefix, t.role_cap, t.created_at, t.expires_at, t.last_used_at, t.revoked_at
           FROM tokens t JOIN members m ON m.id = t.member_id WHERE t.member_id = ? ORDER BY t.created_at DESC""",
        (member_id,),
    )
    return [_token(row) for row in rows]


def _token(row: tuple[Any, ...]) -> Token:
    return Token(
        id=row[0],
        name=row[1],
        member=row[2],
        prefix=row[3],
        role=Role(row[4]).label,  # type: ignore[arg-type]
        created_at=from_us(row[5]),
        expires_at=_time(row[6]),
        last_used_at=_time(row[7]),
        revoked=row[8] is not None,
    )


def member_by_token(tx: Tx, stored: str, now: int) -> tuple[str, str, str, int, int | None] | None:
    """(member id, name, token id, role cap, when it was last noted to be used) of a valid token."""
    row = tx.one(
        """SELECT m.id, m.name, t.id, t.role_cap, t.last_used_at FROM tokens t JOIN members m ON m.id = t.member_id
           WHERE t.hash = ? AND t.revoked_at IS NULL AND m.disabled_at IS NULL
           AND (t.expires_at IS NULL OR t.expires_at > ?)""",
        (stored, now),
    )
    return (row[0], row[1], row[2], row[3], row[4]) if row else None


def credentials(tx: Tx, name: str) -> tuple[str, str | None] | None:
    """(member id, stored password) of a member who may sign in."""
    row = tx.one("SELECT id, password_hash FROM members WHERE name = ? AND disabled_at IS NULL", (name,))
    return (row[0], row[1]) if row else None


def audit_events(tx: Tx, conditions: Sequence[tuple[str, Any]], limit: int) -> list[AuditEvent]:
    """Audit rows, newest first, for which some conditions with one value each hold."""
    where = " AND ".join(["1 = 1", *(condition for condition, _ in conditions)])
    rows = tx.all(
        f"""SELECT id, at, actor, via, operation, object_kind, object_id, outcome, address FROM audit_events
            WHERE {where} ORDER BY id DESC LIMIT ?""",
        (*(value for _, value in conditions), limit),
    )
    return [AuditEvent(row[0], from_us(row[1]), *row[2:]) for row in rows]
