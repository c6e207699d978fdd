"""What a member or a token could see: what they held, when, and the projects that this opened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from runward.core.call import Scope
from runward.core.clock import from_us, to_us
from runward.core.permissions import Role
from runward.errors import InvalidError, NotFoundError
from runward.governance.model import CouldSee, Done, Grant, Held, Seer, SightPeriod
from runward.governance.scopes import member_by_name
from runward.store.database import Tx, placeholders

_MOST_DONE = 1000
SINCE = "grants_known_since"
"""Under this name the workspace keeps from when on its history of roles is whole."""


class _Who(NamedTuple):
    """Whose sight is asked for, and what their token leaves of it."""

    member_id: str
    name: str
    token_id: str = ""
    cap: int = int(Role.ADMIN)
    begins: int = 0
    ends: int | None = None
    within: tuple[str, str] = ("workspace", "*")
    only: tuple[str, ...] = ()


class _Holding(NamedTuple):
    """Something held at a time."""

    scope_kind: str
    scope_id: str
    what: str
    level: int
    source: str


def could_see(tx: Tx, member: str, token: str, since: datetime, until: datetime) -> CouldSee:
    """See :meth:`runward.governance.api.Governance.could_see`."""
    if bool(member) == bool(token):
        raise InvalidError("whose sight is asked for?", hint="name a member or a token, not both")
    if since >= until:
        raise InvalidError(f"since {since:%F %R} is not before until {until:%F %R}")
    who, first, last = _who(tx, member, token), to_us(since), to_us(until)
    changes = tx.all(
        """SELECT at, scope_kind, scope_id, what, level, source FROM grant_changes WHERE member_id = ? AND at < ?
           ORDER BY seq""",
        (who.member_id, last),
    )
    closed = _closed(tx, who.member_id, last)
    cuts = {first, *(row[0] for row in changes), *(at for at, _ in closed), who.begins, who.ends or last}
    begins = sorted(at for at in cuts if first <= at < last)
    periods = [_period(tx, who, changes, closed, at, end) for at, end in zip(begins, [*begins[1:], last], strict=True)]
    known = int(tx.scalar("SELECT value FROM workspace WHERE key = ?", (SINCE,)) or 0)
    return CouldSee(
        member=who.name,
        token=who.token_id,
        since=since,
        until=until,
        periods=_joined(periods),
        done=_done(tx, who, first, last),
        known_since=from_us(known) if known > first else None,
        moved=_moved(tx, first),
    )


def who_can_see(tx: Tx, scope: Scope, now: int) -> list[Seer]:
    """The members whom a role lets see a scope, the highest first."""
    where = f"""(g.scope_kind = 'workspace' OR (g.scope_kind = 'team' AND g.scope_id = ?)
        OR (g.scope_kind = 'project' AND g.scope_id IN ({placeholders(scope.projects) or "NULL"})))"""
    here = (scope.team_id, *scope.projects)
    rows = tx.all(
        f"""SELECT m.id, m.name, m.kind, g.scope_kind, COALESCE(t.name, p.path, ''), g.role, g.source FROM grants g
            JOIN members m ON m.id = g.member_id AND m.disabled_at IS NULL
            LEFT JOIN teams t ON g.scope_kind = 'team' AND t.id = g.scope_id
            LEFT JOIN projects p ON g.scope_kind = 'project' AND p.id = g.scope_id
            WHERE {where} ORDER BY m.name, g.scope_kind DESC, 5, g.source""",
        here,
    )
    verbs = tx.all(f"SELECT DISTINCT g.member_id, g.verb FROM verb_grants g WHERE {where} ORDER BY 1, 2", here)
    tokens: dict[str, int] = {
        row[0]: row[1]
        for row in tx.all(
            f"""SELECT g.member_id, count(*) FROM tokens g WHERE g.revoked_at IS NULL
                AND (g.expires_at IS NULL OR g.expires_at > ?) AND {where} GROUP BY g.member_id""",
            (now, *here),
        )
    }
    found: dict[str, Seer] = {}
    for member_id, name, kind, scope_kind, place, role, source in rows:
        before = found.get(member_id)
        by = [*(before.by if before else []), Grant(scope_kind, place, Role(role).label, source)]  # type: ignore[arg-type]
        highest = max(Role[one.role.upper()] for one in by)
        own = [verb for holder, verb in verbs if holder == member_id]
        found[member_id] = Seer(name, kind, highest.label, by, own, int(tokens.get(member_id, 0)))  # type: ignore[arg-type]
    return sorted(found.values(), key=lambda one: (-Role[one.role.upper()], one.name))


def _who(tx: Tx, member: str, token: str) -> _Who:
    if member:
        found = member_by_name(tx, member)
        if found is None:
            raise NotFoundError(f"there is no member {member!r}", hint="`runward member list` shows all")
        name, created = tx.all("SELECT name, created_at FROM members WHERE id = ?", (found,))[0]
        return _Who(found, name, begins=created)
    row = tx.one(
        """SELECT m.id, m.name, t.id, t.role_cap, t.created_at, t.expires_at, t.revoked_at, t.scope_kind, t.scope_id, t.verbs
           FROM tokens t JOIN members m ON m.id = t.member_id WHERE t.id = ?""",
        (token,),
    )
    if row is None:
        raise NotFoundError(f"there is no token {token!r}", hint="`runward token list --all` shows their ids")
    ends = min((at for at in row[5:7] if at is not None), default=None)
    return _Who(row[0], row[1], row[2], row[3], row[4], ends, (row[7], row[8]), tuple(json.loads(row[9])))


def _closed(tx: Tx, member_id: str, last: int) -> list[tuple[int, bool]]:
    """When a member was deactivated (true) and let in again."""
    rows = tx.all(
        """SELECT at, operation FROM audit_events WHERE object_id = ? AND object_kind = 'member' AND outcome = 'ok'
           AND operation IN ('governance.deactivate_member', 'governance.activate_member') AND at < ? ORDER BY id""",
        (member_id, last),
    )
    return [(row[0], row[1] == "governance.deactivate_member") for row in rows]


def _period(
    tx: Tx, who: _Who, changes: Sequence[tuple[object, ...]], closed: Sequence[tuple[int, bool]], at: int, end: int
) -> SightPeriod:
    held: dict[tuple[object, ...], _Holding] = {}
    for changed_at, scope_kind, scope_id, what, level, source in changes:
        if int(str(changed_at)) <= at:
            held[scope_kind, scope_id, what, source] = _Holding(
                str(scope_kind), str(scope_id), str(what), int(str(level)), str(source)
            )
    is_open = who.begins <= at and (who.ends is None or at < who.ends)
    is_closed = [shut for closed_at, shut in closed if closed_at <= at][-1:] == [True]
    holdings = [one for one in held.values() if one.level] if is_open and not is_closed else []
    return SightPeriod(
        since=from_us(at),
        until=from_us(end),
        held=[_shown(tx, who, one) for one in holdings],
        projects=_projects(tx, who, holdings, end),
        deactivated=is_closed,
        token=("" if not who.token_id or is_open else "not yet made" if at < who.begins else "expired or revoked"),
    )


def _shown(tx: Tx, who: _Who, one: _Holding) -> Held:
    table, column = ("teams", "name") if one.scope_kind == "team" else ("projects", "path")
    named = (
        ""
        if one.scope_kind == "workspace"
        else tx.scalar(f"SELECT {column} FROM {table} WHERE id = ?", (one.scope_id,))
    )
    what = Role(min(one.level, who.cap)).label if one.what == "role" else one.what
    return Held(one.scope_kind, str(named or ""), what, one.source)  # type: ignore[arg-type]


def _projects(tx: Tx, who: _Who, holdings: Sequence[_Holding], end: int) -> list[str]:
    """The paths of the projects that roles opened for reading; a token for other permissions opens none."""
    if who.only and not any(may.endswith(".read") and may != "audit.read" for may in who.only):
        return []
    roles = [one for one in holdings if one.what == "role"]
    conditions, params = ["FALSE"], list[object]()
    for one in roles:
        if one.scope_kind == "workspace":
            conditions.append("TRUE")
        else:
            conditions.append("p.team_id = ?" if one.scope_kind == "team" else "p.id = ?")
            params.append(one.scope_id)
    part = {"workspace": "TRUE", "team": "p.team_id = ?", "project": "p.id = ?"}[who.within[0]]
    below = """WITH RECURSIVE seen(id) AS (SELECT p.id FROM projects p WHERE {}
        UNION SELECT c.id FROM projects c JOIN seen ON c.parent_id = seen.id) SELECT id FROM seen"""
    limits = [] if who.within[0] == "workspace" else [who.within[1]]
    rows = tx.all(
        f"""SELECT path FROM projects WHERE created_at < ? AND id IN ({below.format(" OR ".join(conditions))})
            AND id IN ({below.format(part)}) ORDER BY path""",
        (end, *params, *limits),
    )
    return [row[0] for row in rows]


def _joined(periods: Sequence[SightPeriod]) -> list[SightPeriod]:
    """Periods without cuts at which nothing changed."""
    found: list[SightPeriod] = []
    for one in periods:
        before = found[-1] if found else None
        if before and (before.held, before.projects, before.token) == (one.held, one.projects, one.token):
            found[-1] = SightPeriod(before.since, one.until, one.held, one.projects, one.deactivated, one.token)
        else:
            found.append(one)
    return found


def _done(tx: Tx, who: _Who, first: int, last: int) -> list[Done]:
    via, params = ("AND via = ?", [f"token:{who.token_id}"]) if who.token_id else ("", [])
    rows = tx.all(
        f"""SELECT operation, object_kind, object_id, outcome, count(*), min(at), max(at) FROM audit_events
            WHERE actor_id = ? AND at >= ? AND at < ? {via} GROUP BY operation, object_kind, object_id, outcome
            ORDER BY max(at) DESC LIMIT ?""",
        (who.member_id, first, last, *params, _MOST_DONE),
    )
    return [Done(row[0], row[1], row[2], row[3], row[4], from_us(row[5]), from_us(row[6])) for row in rows]


def _moved(tx: Tx, first: int) -> list[str]:
    """Projects that lay elsewhere at some time since then: their roles were inherited from there."""
    rows = tx.all(
        "SELECT at, data FROM events WHERE kind = 'project.moved' AND at >= ? ORDER BY id LIMIT 200", (first,)
    )
    moves = [(from_us(row[0]), json.loads(row[1])) for row in rows]
    return [f"{at:%F %R} UTC: {data.get('from', '?')} to {data.get('path', '?')}" for at, data in moves]
