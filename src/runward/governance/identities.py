"""Members whom a provider vouches for: who they are here, and which roles their groups give them.

Somebody is known by (issuer, subject) alone: names and addresses change hands. A name that another member has already is never
taken over; its owner connects the provider from a session of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from runward.core.clock import to_us, utc_now
from runward.core.ids import MemberId, new_id
from runward.core.permissions import Role
from runward.errors import InvalidError, NotFoundError, QuotaExceededError
from runward.governance import repository as sql
from runward.governance.dispatch import Dispatcher
from runward.governance.limits import count_try
from runward.governance.model import Actor, NewMember
from runward.governance.names import check_name
from runward.governance.oidc import Attempt, Claims, OidcSettings, Provider, SignInError, new_attempt
from runward.governance.scopes import member_by_name
from runward.governance.secrets import fingerprint, new_secret
from runward.governance.signin import new_session, note
from runward.store.database import Database, Tx

log = logging.getLogger("runward.sign_in")

ATTEMPT_LASTS = timedelta(minutes=10)
MOST_ATTEMPTS = 5_000
"""So many sign-ins may be at the provider at once; each takes a row until it ends."""
_STARTS = 60
Mapped = dict[tuple[str, str], int]


class Begun(NamedTuple):
    """A sign-in that was begun."""

    url: str
    """Where the browser is sent."""
    browser: str
    """The secret that this browser keeps in a cookie until it comes back."""


class _Kept(NamedTuple):
    attempt: Attempt
    next: str
    member_id: str | None
    version: int | None


def check_teams(database: Database, settings: OidcSettings) -> None:
    """See that the mapping names teams that there are. Raises: NotFoundError."""
    with database.transaction(write=False) as tx:
        for name in {entry.team for entry in settings.groups if entry.team}:
            if tx.scalar("SELECT id FROM teams WHERE name = ?", (name,)) is None:
                raise NotFoundError(
                    f"the group mapping names a team that does not exist: {name!r}",
                    hint=f"`runward team create {name}` makes it",
                )


def begin(
    dispatcher: Dispatcher, provider: Provider, redirect_uri: str, wanted: str, address: str, member: Actor | None
) -> Begun:
    """Begin a sign-in; with a member, connect the provider to them.

    Raises: SignInError, QuotaExceededError.
    """
    attempt, browser, now = new_attempt(), new_secret(), utc_now()
    with dispatcher.database.transaction(write=True) as tx:
        count_try(tx, [f"oidc:{address}"], _STARTS)
        tx.execute("DELETE FROM sign_ins WHERE expires_at <= ?", (to_us(now),))
        if tx.scalar("SELECT count(*) FROM sign_ins") >= MOST_ATTEMPTS:
            wait_s = int(ATTEMPT_LASTS.total_seconds())
            raise QuotaExceededError(
                "too many sign-ins are under way", hint="try again in ten minutes", retry_after_s=wait_s
            )
        version = (
            tx.scalar("SELECT credential_version FROM members WHERE id = ?", (member.member_id,)) if member else None
        )
        tx.insert(
            "sign_ins",
            {
                "state": fingerprint(attempt.state),
                "browser": fingerprint(browser),
                "nonce": attempt.nonce,
                "verifier": attempt.verifier,
                "next": wanted,
                "member_id": member.member_id if member else None,
                "credential_version": version,
                "expires_at": to_us(now + ATTEMPT_LASTS),
            },
        )
    return Begun(provider.authorization_url(attempt, redirect_uri), browser)


def finish(
    dispatcher: Dispatcher, provider: Provider, answer: Mapping[str, str], browser: str, redirect_uri: str, address: str
) -> tuple[str, str]:
    """End a sign-in with the provider's answer: (the session's secret, the page that was wanted).

    Raises: SignInError.
    """
    kept = _taken(dispatcher.database, answer.get("state", ""), browser)
    try:
        claims = provider.claims(kept.attempt, answer, redirect_uri)
        with dispatcher.database.transaction(write=True) as tx:
            secret, failure = _entered(dispatcher, tx, provider.settings, claims, kept, address)
        # What was taken away stays taken away, also from who does not come in.
        if failure:
            raise failure
    except SignInError as error:
        log.warning("a sign-in by the provider was refused (%s): %s", error.reason, error.message)
        with dispatcher.database.transaction(write=True) as tx:
            actor = Actor(MemberId(error.member_id), error.name, True, "oidc", address=address)
            note(dispatcher, tx, actor, "session.begin", error.reason)
        raise
    return secret, kept.next


def _taken(database: Database, state: str, browser: str) -> _Kept:
    """What was kept of a sign-in; it can be taken once, by the browser that began it."""
    with database.transaction(write=True) as tx:
        row = tx.one(
            """SELECT nonce, verifier, next, member_id, credential_version FROM sign_ins
               WHERE state = ? AND browser = ? AND expires_at > ?""",
            (fingerprint(state), fingerprint(browser), to_us(utc_now())),
        )
        if row is None or tx.touched("DELETE FROM sign_ins WHERE state = ?", (fingerprint(state),)) != 1:
            raise SignInError("expired", "no sign-in of this browser waits for this answer")
    return _Kept(Attempt(state, row[0], row[1]), row[2], row[3], row[4])


def _entered(
    dispatcher: Dispatcher, tx: Tx, settings: OidcSettings, claims: Claims, kept: _Kept, address: str
) -> tuple[str, SignInError | None]:
    mapped = mapped_roles(tx, settings, claims.groups)
    member_id = _member(dispatcher, tx, settings, claims, kept, mapped, address)
    row = tx.one("SELECT name, disabled_at FROM members WHERE id = ?", (member_id,))
    name = str(row[0]) if row else ""
    actor = Actor(MemberId(member_id), name, True, "oidc", address=address)
    now = to_us(utc_now())
    tx.execute(
        "UPDATE identities SET last_used_at = ? WHERE issuer = ? AND subject = ?", (now, claims.issuer, claims.subject)
    )
    if apply_groups(tx, member_id, mapped):
        note(dispatcher, tx, actor, "governance.grant")
    if row is None or row[1] is not None:
        return "", SignInError("disabled", f"the member {name} is deactivated", member_id, name)
    if not sql.holds_anything(tx, member_id):
        return "", SignInError("no_access", f"no group gives {name} a role", member_id, name)
    note(dispatcher, tx, actor, "session.begin")
    return new_session(tx, member_id, via="oidc", lasts=timedelta(seconds=settings.session_s)), None


def _member(
    dispatcher: Dispatcher,
    tx: Tx,
    settings: OidcSettings,
    claims: Claims,
    kept: _Kept,
    mapped: Mapped,
    address: str,
) -> str:
    """The member behind the claims: known, connected just now, or new. Raises: SignInError."""
    found = tx.scalar(
        "SELECT member_id FROM identities WHERE issuer = ? AND subject = ?", (claims.issuer, claims.subject)
    )
    if kept.member_id is not None:
        return _connected(dispatcher, tx, claims, kept, found, address)
    if found:
        return str(found)
    who = f"issuer {claims.issuer}, subject {claims.subject}"
    if not settings.create:
        raise SignInError("no_member", f"no member is connected with {who}")
    if not mapped:
        raise SignInError("no_access", f"no group gives a role to {who}")
    if settings.domain and not claims.email.lower().endswith(f"@{settings.domain.lower()}"):
        raise SignInError("no_member", f"no verified address of {settings.domain}: {who}")
    name = _usable_name(claims)
    if member_by_name(tx, name):
        raise SignInError("name_taken", f"the name {name!r} is another member's; {who}")
    member_id = MemberId(new_id())
    new = NewMember(name=name, display_name=claims.display_name, email=claims.email)
    sql.insert_member(tx, member_id, new, to_us(utc_now()))
    actor = Actor(member_id, name, True, "oidc", address=address)
    note(dispatcher, tx, actor, "governance.create_member")
    sql.insert_identity(tx, claims.issuer, claims.subject, member_id, to_us(utc_now()))
    return member_id


def _connected(dispatcher: Dispatcher, tx: Tx, claims: Claims, kept: _Kept, found: str | None, address: str) -> str:
    row = tx.one("SELECT name, credential_version, kind FROM members WHERE id = ?", (kept.member_id,))
    if row is None or row[1] != kept.version or row[2] == "service":
        raise SignInError("expired", "the session from which the provider is connected has ended")
    member_id, name = str(kept.member_id), str(row[0])
    if found not in (None, member_id):
        raise SignInError("connected_elsewhere", "another member is connected with it", member_id, name)
    if found is None:
        sql.insert_identity(tx, claims.issuer, claims.subject, member_id, to_us(utc_now()))
        actor = Actor(MemberId(member_id), name, True, "oidc", address=address)
        note(dispatcher, tx, actor, "governance.connect_identity")
    return member_id


def _usable_name(claims: Claims) -> str:
    try:
        return check_name(claims.name, "the name at the provider", limit=100)
    except InvalidError as error:
        raise SignInError("no_name", f"{error.message} (subject {claims.subject})") from error


def mapped_roles(tx: Tx, settings: OidcSettings, groups: frozenset[str]) -> Mapped:
    """The roles that groups give, by scope: the highest where several give one."""
    found: Mapped = {}
    for entry in settings.groups:
        if entry.group != "*" and entry.group not in groups:
            continue
        team = tx.scalar("SELECT id FROM teams WHERE name = ?", (entry.team,)) if entry.team else None
        if entry.team and team is None:
            log.warning("the group mapping names a team that does not exist: %r", entry.team)
            continue
        scope, role = ("team", str(team)) if team else ("workspace", "*"), int(Role[entry.role.upper()])
        found[scope] = max(found.get(scope, 0), role)
    return found


def apply_groups(tx: Tx, member_id: str, mapped: Mapped) -> bool:
    """Make the roles that a member has from groups those and no others; whether that changed anything.

    Whoever loses one loses their sessions and links too. Roles that were given by hand stay.
    """
    rows = tx.all(
        "SELECT scope_kind, scope_id, role FROM grants WHERE member_id = ? AND source = 'group'", (member_id,)
    )
    before: Mapped = {(row[0], row[1]): row[2] for row in rows}
    if before == mapped:
        return False
    for (kind, scope_id), role in before.items():
        if mapped.get((kind, scope_id), 0) < role:
            sql.end_credentials(tx, member_id)
        if (kind, scope_id) not in mapped:
            sql.remove_grant(tx, member_id, kind, scope_id, "group")
    for (kind, scope_id), role in mapped.items():
        sql.set_grant(tx, member_id, kind, scope_id, role, "group")
    return True
