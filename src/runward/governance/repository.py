"""All SQL on members, teams, tokens, secrets and the audit trail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from runward.core.clock import from_us, to_us, utc_now
from runward.core.permissions import Role
from runward.governance.model import Actor, AuditEvent, Grant, Member, NewMember, ScopeKind, Team, Token, VerbGrant
from runward.governance.scopes import readable_teams
from runward.governance.secrets import fingerprint
from runward.governance.trail import AuditKey, opened
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
            """SELECT t.name, max(g.role) FROM grants g JOIN teams t ON t.id = g.scope_id
               WHERE g.member_id = ? AND g.scope_kind = 'team' GROUP BY t.name ORDER BY t.name""",
            (member_id,),
        )
    ]


def insert_team(tx: Tx, team_id: str, name: str, now: int) -> None:
    """Store a team."""
    tx.execute("INSERT INTO teams (id, name, created_at) VALUES (?, ?, ?)", (team_id, name, now))


def team_names(tx: Tx) -> dict[str, str]:
    """Every team's name by its id."""
    return {row[0]: row[1] for row in tx.all("SELECT id, name FROM teams")}


def teams(tx: Tx, actor: Actor) -> list[Team]:
    """The teams that the actor may see."""
    clause = readable_teams(actor)
    rows = tx.all(
        f"""SELECT t.id, t.name, t.created_at, (SELECT count(DISTINCT g.member_id) FROM grants g
            WHERE g.scope_kind = 'team' AND g.scope_id = t.id) FROM teams t WHERE t.id IN {clause.sql} ORDER BY t.name""",
        clause.params,
    )
    return [Team(id=row[0], name=row[1], created_at=from_us(row[2]), members=row[3]) for row in rows]


def insert_member(tx: Tx, member_id: str, new: NewMember, now: int, kind: str = "") -> None:
    """Store a member without a password."""
    tx.execute(
        "INSERT INTO members (id, name, display_name, email, kind, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (member_id, new.name, new.display_name or new.name, new.email, kind or new.kind, now),
    )


_SCOPED = """LEFT JOIN teams t ON g.scope_kind = 'team' AND t.id = g.scope_id
  LEFT JOIN projects p ON g.scope_kind = 'project' AND p.id = g.scope_id"""
_GRANTS = f"""SELECT g.member_id, g.scope_kind, COALESCE(t.name, p.path, ''), g.role, g.source FROM grants g {_SCOPED}
  ORDER BY 2, 3, 5"""
_VERBS = f"""SELECT g.member_id, g.scope_kind, COALESCE(t.name, p.path, ''), g.verb FROM verb_grants g {_SCOPED}
  ORDER BY 2, 3, 4"""


_MEMBERS = """SELECT id, name, display_name, email, kind, created_at, disabled_at, last_seen_at,
  password_hash IS NOT NULL, EXISTS (SELECT 1 FROM identities i WHERE i.member_id = members.id),
  EXISTS (SELECT 1 FROM tokens t WHERE t.member_id = members.id AND t.revoked_at IS NULL
    AND (t.expires_at IS NULL OR t.expires_at > ?)) FROM members ORDER BY name"""


def members(tx: Tx, now: int) -> list[Member]:
    """All members with their grants and the ways in that they have."""
    grants: dict[str, list[Grant]] = {}
    for member_id, kind, scope, role, source in tx.all(_GRANTS):
        grants.setdefault(member_id, []).append(Grant(kind, scope, Role(role).label, source))  # type: ignore[arg-type]
    verbs: dict[str, list[VerbGrant]] = {}
    for member_id, kind, scope, verb in tx.all(_VERBS):
        verbs.setdefault(member_id, []).append(VerbGrant(kind, scope, verb))
    return [_member(row, grants.get(row[0], []), verbs.get(row[0], [])) for row in tx.all(_MEMBERS, (now,))]


def _member(row: tuple[Any, ...], grants: list[Grant], verbs: list[VerbGrant]) -> Member:
    ways = [
        way for way, has in zip(("password", "provider", "token"), row[8:11], strict=True) if has and row[6] is None
    ]
    return Member(
        id=row[0],
        name=row[1],
        display_name=row[2],
        email=row[3],
        kind=row[4],
        created_at=from_us(row[5]),
        disabled=row[6] is not None,
        grants=grants,
        last_seen_at=_time(row[7]),
        signs_in=ways,  # type: ignore[arg-type]
        verbs=verbs,
    )


def set_grant(tx: Tx, member_id: str, scope_kind: str, scope_id: str, role: int, source: str = "hand") -> None:
    """Give a member a role at a scope, by hand or from a group of the provider."""
    tx.execute(
        """INSERT INTO grants (member_id, scope_kind, scope_id, role, source) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (member_id, scope_kind, scope_id, source) DO UPDATE SET role = excluded.role""",
        (member_id, scope_kind, scope_id, int(role), source),
    )
    _changed(tx, member_id, scope_kind, scope_id, "role", int(role), source)


def remove_grant(tx: Tx, member_id: str, scope_kind: str, scope_id: str, source: str = "hand") -> None:
    """Take a member's role at a scope away, as far as it comes from there."""
    tx.execute(
        "DELETE FROM grants WHERE member_id = ? AND scope_kind = ? AND scope_id = ? AND source = ?",
        (member_id, scope_kind, scope_id, source),
    )
    _changed(tx, member_id, scope_kind, scope_id, "role", 0, source)


def set_verb(tx: Tx, member_id: str, scope_kind: str, scope_id: str, verb: str, *, held: bool) -> bool:
    """Give a member a verb at a scope, or take it away; whether that changed anything."""
    what = (member_id, scope_kind, scope_id, verb)
    if held:
        put = (
            "INSERT INTO verb_grants (member_id, scope_kind, scope_id, verb) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        )
        touched = tx.touched(put, what)
    else:
        where = "member_id = ? AND scope_kind = ? AND scope_id = ? AND verb = ?"
        touched = tx.touched(f"DELETE FROM verb_grants WHERE {where}", what)
    if touched:
        _changed(tx, *what, int(held))
    return bool(touched)


def _changed(
    tx: Tx, member_id: str, scope_kind: str, scope_id: str, what: str, level: int, source: str = "hand"
) -> None:
    """Note in the history what a member holds from now on."""
    tx.insert(
        "grant_changes",
        {
            "at": to_us(utc_now()),
            "member_id": member_id,
            "scope_kind": scope_kind,
            "scope_id": scope_id,
            "what": what,
            "level": level,
            "source": source,
        },
    )


def holds_anything(tx: Tx, member_id: str) -> bool:
    """Whether a member holds a role or a verb anywhere."""
    sql = "SELECT (SELECT count(*) FROM grants WHERE member_id = ?) + (SELECT count(*) FROM verb_grants WHERE member_id = ?)"
    return bool(tx.scalar(sql, (member_id, member_id)))


def most_held(tx: Tx, member_id: str) -> tuple[Role, list[str]]:
    """(the highest role, all verbs) that a member holds anywhere; a viewer's for who holds no role."""
    role = tx.scalar("SELECT max(role) FROM grants WHERE member_id = ?", (member_id,))
    verbs = tx.all("SELECT DISTINCT verb FROM verb_grants WHERE member_id = ? ORDER BY verb", (member_id,))
    return Role(role or Role.VIEWER), [row[0] for row in verbs]


def verbs_on_workspace(tx: Tx, member_id: str) -> list[str]:
    """The verbs that a member holds on the whole workspace."""
    sql = "SELECT verb FROM verb_grants WHERE member_id = ? AND scope_kind = 'workspace' ORDER BY verb"
    return [row[0] for row in tx.all(sql, (member_id,))]


def held(tx: Tx, member_id: str, scope_kind: str, scope_id: str) -> int:
    """The role that a member was given by hand at a scope; 0 for none."""
    found = tx.scalar(
        "SELECT role FROM grants WHERE member_id = ? AND scope_kind = ? AND scope_id = ? AND source = 'hand'",
        (member_id, scope_kind, scope_id),
    )
    return int(found or 0)


def insert_identity(tx: Tx, issuer: str, subject: str, member_id: str, now: int) -> None:
    """Connect a member with who a provider says they are. Raises: ConflictError (another member is)."""
    tx.execute(
        "INSERT INTO identities (issuer, subject, member_id, created_at, last_used_at) VALUES (?, ?, ?, ?, ?)",
        (issuer, subject, member_id, now, now),
    )


def end_credentials(tx: Tx, member_id: str) -> None:
    """End every session, open link and sign-in under way of a member."""
    tx.execute("UPDATE members SET credential_version = credential_version + 1 WHERE id = ?", (member_id,))
    # They are void by the version already: what is void need not be kept.
    for table in ("secrets", "sign_ins", "logins"):
        tx.execute(f"DELETE FROM {table} WHERE member_id = ?", (member_id,))


def set_password(tx: Tx, member_id: str, stored: str) -> None:
    """Store a password's hash and end the sessions of the old one. A service account has none."""
    tx.execute("UPDATE members SET password_hash = ? WHERE id = ? AND kind <> 'service'", (stored, member_id))
    end_credentials(tx, member_id)


def insert_secret(tx: Tx, stored: str, kind: str, member_id: str, now: int, expires: int, via: str = "") -> None:
    """Store a session or a one-time link, bound to the member's present credentials; none for a service account."""
    tx.execute("DELETE FROM secrets WHERE expires_at <= ?", (now,))
    tx.execute(
        """INSERT INTO secrets (hash, kind, member_id, credential_version, created_at, expires_at, via)
           SELECT ?, ?, id, credential_version, ?, ?, ? FROM members
           WHERE id = ? AND kind <> 'service' AND disabled_at IS NULL""",
        (stored, kind, now, expires, via, member_id),
    )


def find_secret(tx: Tx, stored: str, kind: str, now: int) -> tuple[str, str, int | None] | None:
    """(member id, name, when they were last seen) of a secret that is valid now."""
    row = tx.one(
        """SELECT m.id, m.name, m.last_seen_at FROM secrets s JOIN members m ON m.id = s.member_id
           WHERE s.hash = ? AND s.kind = ? AND s.expires_at > ? AND s.used_at IS NULL AND m.disabled_at IS NULL
           AND m.credential_version = s.credential_version AND m.kind <> 'service'""",
        (stored, kind, now),
    )
    return (row[0], row[1], row[2]) if row else None


def see_member(tx: Tx, member_id: str, now: int) -> None:
    """Note that a member was here."""
    tx.execute("UPDATE members SET last_seen_at = ? WHERE id = ?", (now, member_id))


def use_secret(tx: Tx, stored: str, now: int) -> bool:
    """Mark a one-time secret as used; False if somebody else was first."""
    return tx.touched("UPDATE secrets SET used_at = ? WHERE hash = ? AND used_at IS NULL", (now, stored)) == 1


def insert_token(
    tx: Tx,
    token_id: str,
    member_id: str,
    name: str,
    secret: str,
    cap: int,
    now: int,
    expires: datetime | None,
    within: tuple[str, str] = ("workspace", "*"),
    only: Sequence[str] = (),
) -> None:
    """Store a token: only its hash and how it begins."""
    tx.insert(
        "tokens",
        {
            "id": token_id,
            "member_id": member_id,
            "name": name,
            "prefix": secret[:8],
            "hash": fingerprint(secret),
            "role_cap": cap,
            "created_at": now,
            "expires_at": to_us(expires) if expires else None,
            "scope_kind": within[0],
            "scope_id": within[1],
            "verbs": json.dumps(sorted(only)),
        },
    )


_TOKENS = """SELECT t.id, t.name, m.name, t.prefix, t.role_cap, t.created_at, t.expires_at, t.last_used_at, t.revoked_at,
  t.scope_kind, COALESCE(g.name, p.path, ''), t.verbs FROM tokens t JOIN members m ON m.id = t.member_id
  LEFT JOIN teams g ON t.scope_kind = 'team' AND g.id = t.scope_id
  LEFT JOIN projects p ON t.scope_kind = 'project' AND p.id = t.scope_id"""


def tokens(tx: Tx, member_id: str = "") -> list[Token]:
    """A member's tokens, newest first; everybody's without one."""
    order = "ORDER BY t.created_at DESC, t.id"
    if member_id:
        return [_token(row) for row in tx.all(f"{_TOKENS} WHERE t.member_id = ? {order}", (member_id,))]
    return [_token(row) for row in tx.all(f"{_TOKENS} {order}")]


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
        scope_kind=row[9],
        scope=row[10],
        only=json.loads(row[11]),
    )


class TokenRow(NamedTuple):
    """A token that is valid now, and whose it is."""

    member_id: str
    name: str
    token_id: str
    cap: int
    last_used_at: int | None
    scope_kind: ScopeKind
    scope_id: str
    only: list[str]


def member_by_token(tx: Tx, stored: str, now: int) -> TokenRow | None:
    """A valid token by its hash."""
    row = tx.one(
        """SELECT m.id, m.name, t.id, t.role_cap, t.last_used_at, t.scope_kind, t.scope_id, t.verbs
           FROM tokens t JOIN members m ON m.id = t.member_id
           WHERE t.hash = ? AND t.revoked_at IS NULL AND m.disabled_at IS NULL
           AND (t.expires_at IS NULL OR t.expires_at > ?)""",
        (stored, now),
    )
    return TokenRow._make((*row[:-1], json.loads(row[-1]))) if row else None


def deactivate(tx: Tx, member_id: str, now: int) -> None:
    """End every way in that a member has. What they made stays."""
    tx.execute("UPDATE members SET disabled_at = ? WHERE id = ? AND disabled_at IS NULL", (now, member_id))
    tx.execute("UPDATE tokens SET revoked_at = ? WHERE member_id = ? AND revoked_at IS NULL", (now, member_id))
    end_credentials(tx, member_id)


def reactivate(tx: Tx, member_id: str) -> None:
    """Let a member in again: by password or provider. Sessions and tokens that were ended stay so."""
    tx.execute("UPDATE members SET disabled_at = NULL WHERE id = ?", (member_id,))


def disconnect(tx: Tx, member_id: str) -> int:
    """Forget who a provider says that a member is; returns how many such there were."""
    return tx.touched("DELETE FROM identities WHERE member_id = ?", (member_id,))


def has_other_admin(tx: Tx, member_id: str) -> bool:
    """Whether somebody else is an admin of the workspace and can act."""
    found = tx.scalar(
        """SELECT count(*) FROM members m JOIN grants g ON g.member_id = m.id WHERE g.scope_kind = 'workspace'
           AND g.role = ? AND m.disabled_at IS NULL AND m.id <> ?""",
        (int(Role.ADMIN), member_id),
    )
    return bool(found)


def credentials(tx: Tx, name: str) -> tuple[str, str | None] | None:
    """(member id, stored password) of a member who may sign in."""
    row = tx.one(
        "SELECT id, password_hash FROM members WHERE name = ? AND disabled_at IS NULL AND kind <> 'service'", (name,)
    )
    return (row[0], row[1]) if row else None


def audit_events(tx: Tx, key: AuditKey, conditions: Sequence[tuple[str, Any]], limit: int) -> list[AuditEvent]:
    """Audit rows, newest first, for which some conditions with one value each hold."""
    where = " AND ".join(["1 = 1", *(condition for condition, _ in conditions)])
    rows = tx.all(
        f"""SELECT id, at, actor, via, operation, object_kind, object_id, outcome, address, actor_id, sealed
            FROM audit_events WHERE {where} ORDER BY id DESC LIMIT ?""",
        (*(value for _, value in conditions), limit),
    )
    return [_audit_event(tx, key, row) for row in rows]


def _audit_event(tx: Tx, key: AuditKey, row: tuple[Any, ...]) -> AuditEvent:
    event_id, at, actor, *said = row[:8]
    address, actor_id, sealed = row[8:]
    if sealed is not None:
        actor, address = opened(tx, key, actor_id, bytes(sealed))
        # Its key is gone: of a backup from before, say. The account still says who it was, or under which pseudonym.
        actor = actor or str(tx.scalar("SELECT name FROM members WHERE id = ?", (actor_id,)) or "")
    return AuditEvent(event_id, from_us(at), actor, said[0], said[1], said[2], said[3], said[4], address)
