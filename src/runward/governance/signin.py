"""Who stands behind a request: folder owner, token, session, one-time link."""

from __future__ import annotations

import getpass
import os
import re
from datetime import timedelta
from pathlib import Path

from runward.core.clock import to_us, utc_now
from runward.core.ids import MemberId, TeamId, new_id
from runward.core.permissions import Role
from runward.errors import ForbiddenError, UnauthenticatedError
from runward.governance import repository as sql
from runward.governance.dispatch import Dispatcher
from runward.governance.limits import count_try, take_back
from runward.governance.model import Actor, NewMember
from runward.governance.passwords import hash_password, password_matches
from runward.governance.scopes import home_team, member_by_name
from runward.governance.secrets import fingerprint, is_well_formed, new_secret
from runward.governance.trail import Noted, append
from runward.store.database import Database, Tx

SESSION_LASTS = timedelta(days=14)
LINK_LASTS = timedelta(hours=1)
DEFAULT_TEAM = "team"
SEEN_EVERY_US = 60_000_000
"""When a member or token was last seen is noted no more often."""


def local_name() -> str:
    """The local user's name: git identity, else the name of the operating system's user. It is not verified."""
    for variable in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
        if name := os.environ.get(variable, "").strip():
            return name[:100]
    return _git_config_name() or _system_name()


def _git_config_name() -> str:
    # Read as text: starting `git config` would cost more than everything else at the start of a run.
    for path in (Path.home() / ".gitconfig", Path.home() / ".config" / "git" / "config"):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        if match := re.search(r"^\[user\][^\[]*?^\s*name\s*=\s*(.+?)\s*$", text, re.MULTILINE | re.DOTALL):
            return match[1].strip('"')[:100]
    return ""


def _system_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def prepare_workspace(tx: Tx, name: str) -> None:
    """Give a new workspace its id, name and first team."""
    if "id" in sql.workspace_info(tx):
        return
    sql.set_workspace_info(tx, "id", new_id())
    sql.set_workspace_info(tx, "name", name)
    sql.insert_team(tx, TeamId(new_id()), DEFAULT_TEAM, to_us(utc_now()))


def ensure_member(tx: Tx, name: str, *, kind: str, role: Role) -> MemberId:
    """A member by name, created with a role on the workspace (admins) or the default team where missing."""
    found = member_by_name(tx, name)
    if found:
        return MemberId(found)
    member_id = MemberId(new_id())
    sql.insert_member(tx, member_id, NewMember(name=name), to_us(utc_now()), kind)
    if role is Role.ADMIN:
        sql.set_grant(tx, member_id, "workspace", "*", role)
    else:
        team = home_team(tx, Actor(member_id, name, True, "system"))
        sql.set_grant(tx, member_id, "team", str(team), role)
    return member_id


def folder_actor(database: Database, name: str = "") -> Actor:
    """The local user of a folder, who owns the folder and so the workspace; their name is only claimed."""
    name = name or local_name()
    with database.transaction(write=False) as tx:
        found = member_by_name(tx, name)
    if not found:
        with database.transaction(write=True) as tx:
            found = ensure_member(tx, name, kind="local", role=Role.ADMIN)
    return Actor(MemberId(found), name, verified=False, via="folder")


def actor_by_token(database: Database, token: str) -> Actor:
    """The member behind a token. Raises: UnauthenticatedError."""
    wrong = UnauthenticatedError(
        "the token is not valid: mistyped, expired or revoked",
        hint="make a new one: runward login URL, or runward token create --member NAME",
    )
    if not is_well_formed(token):
        raise wrong
    now = to_us(utc_now())
    with database.transaction(write=False) as tx:
        row = sql.member_by_token(tx, fingerprint(token), now)
    if row is None:
        raise wrong
    if row[4] is None or now - row[4] > SEEN_EVERY_US:
        with database.transaction(write=True) as tx:
            tx.execute("UPDATE tokens SET last_used_at = ? WHERE id = ?", (now, row[2]))
            sql.see_member(tx, row[0], now)
    return Actor(
        MemberId(row[0]), row[1], True, f"token:{row[2]}", row[3], within=(row[5], row[6]), only=frozenset(row[7])
    )


def actor_by_session(database: Database, secret: str) -> Actor:
    """The member behind a session cookie. Raises: UnauthenticatedError."""
    now = to_us(utc_now())
    with database.transaction(write=False) as tx:
        row = sql.find_secret(tx, fingerprint(secret), "session", now)
    if row is None:
        raise UnauthenticatedError("the session has ended", hint="sign in again")
    if row[2] is None or now - row[2] > SEEN_EVERY_US:
        with database.transaction(write=True) as tx:
            sql.see_member(tx, row[0], now)
    return Actor(MemberId(row[0]), row[1], verified=True, via="session")


def new_session(tx: Tx, member_id: str, *, via: str, lasts: timedelta = SESSION_LASTS) -> str:
    """A session for a member who proved who they are in some way; returns the cookie's secret."""
    secret, now = new_secret(), utc_now()
    sql.insert_secret(tx, fingerprint(secret), "session", member_id, to_us(now), to_us(now + lasts), via)
    sql.see_member(tx, member_id, to_us(now))
    return secret


def new_link(database: Database, member_id: str, kind: str = "link") -> str:
    """A one-time secret: ``link`` signs in at once, ``invitation`` lets its owner choose a password."""
    secret, now = new_secret(), utc_now()
    with database.transaction(write=True) as tx:
        sql.insert_secret(tx, fingerprint(secret), kind, member_id, to_us(now), to_us(now + LINK_LASTS))
    return secret


def end_session(dispatcher: Dispatcher, secret: str, address: str) -> None:
    """End a session."""
    with dispatcher.database.transaction(write=True) as tx:
        row = sql.find_secret(tx, fingerprint(secret), "session", to_us(utc_now()))
        tx.execute("DELETE FROM secrets WHERE hash = ? AND kind = 'session'", (fingerprint(secret),))
        if row is not None:
            note(dispatcher, tx, Actor(MemberId(row[0]), row[1], True, "session", address=address), "session.end")


def note(
    dispatcher: Dispatcher,
    tx: Tx,
    actor: Actor,
    what: str,
    outcome: str = "ok",
    about: tuple[str, str] | None = None,
) -> None:
    """Put something about a member's way in on the audit trail: the last thing before the commit."""
    kind, object_id = about or ("member", actor.member_id)
    noted = Noted(to_us(utc_now()), actor.member_id, actor.via, what, kind, object_id, outcome)
    append(tx, dispatcher.audit_key, [(actor, noted)])


def _spent() -> UnauthenticatedError:
    return UnauthenticatedError("this link was used, has expired or was replaced", hint="ask an admin for a new one")


def _link_name(database: Database, secret: str, kind: str) -> str:
    with database.transaction(write=False) as tx:
        row = sql.find_secret(tx, fingerprint(secret), kind, to_us(utc_now()))
    if row is None:
        raise _spent()
    return row[1]


def sign_in_by_link(dispatcher: Dispatcher, secret: str, address: str, password: str | None = None) -> str:
    """Use a one-time link: sign in, or choose a password and sign in. Returns the session's secret.

    Raises: UnauthenticatedError (used, expired or unknown), InvalidError (password).
    """
    kind = "link" if password is None else "invitation"
    # Who has no link must not make this server hash anything.
    name = _link_name(dispatcher.database, secret, kind)
    stored = hash_password(password, name) if password is not None else None
    with dispatcher.database.transaction(write=True) as tx:
        row = sql.find_secret(tx, fingerprint(secret), kind, to_us(utc_now()))
        if row is None or not sql.use_secret(tx, fingerprint(secret), to_us(utc_now())):
            raise _spent()
        actor = Actor(MemberId(row[0]), row[1], True, kind, address=address)
        if stored is not None:
            sql.set_password(tx, row[0], stored)
            note(dispatcher, tx, actor, "session.set_password")
        note(dispatcher, tx, actor, "session.begin")
        return new_session(tx, row[0], via=kind)


TRIES = 10
"""So many wrong passwords within five minutes, for one name or from one address; then even the right one has to wait."""


def sign_in(dispatcher: Dispatcher, name: str, password: str, address: str) -> str:
    """Sign a member in by password; returns the session's secret.

    Raises: UnauthenticatedError (one message for every cause), QuotaExceededError (too many wrong tries).
    """
    with dispatcher.database.transaction(write=False) as tx:
        found = sql.credentials(tx, name)
    # What was typed for a name that nobody has may be a password.
    actor = Actor(MemberId(found[0] if found else ""), name if found else "", True, "password", address=address)
    if not _password_holds(dispatcher, found[1] if found else None, password, [f"name:{name}", f"address:{address}"]):
        with dispatcher.database.transaction(write=True) as tx:
            note(dispatcher, tx, actor, "session.begin", "unauthenticated")
        raise UnauthenticatedError("name or password is wrong")
    with dispatcher.database.transaction(write=True) as tx:
        note(dispatcher, tx, actor, "session.begin")
        return new_session(tx, actor.member_id, via="password")


def _password_holds(dispatcher: Dispatcher, stored: str | None, password: str, keys: list[str]) -> bool:
    """Whether a password is the stored one, within the limit on tries. Raises: QuotaExceededError."""
    with dispatcher.database.transaction(write=True) as tx:
        count_try(tx, keys, TRIES)
    if not password_matches(stored, password):
        return False
    with dispatcher.database.transaction(write=True) as tx:
        take_back(tx, keys)
    return True


def change_password(dispatcher: Dispatcher, actor: Actor, present: str, password: str) -> str:
    """Give a member another password; their other sessions and links end. Returns a session's secret.

    Raises: ForbiddenError (the present one is wrong), InvalidError (the new one), QuotaExceededError.
    """
    with dispatcher.database.transaction(write=False) as tx:
        found = sql.credentials(tx, actor.name)
    keys = [f"name:{actor.name}", f"address:{actor.address}"]
    if not _password_holds(dispatcher, found[1] if found else None, present, keys):
        with dispatcher.database.transaction(write=True) as tx:
            note(dispatcher, tx, actor, "session.set_password", "forbidden")
        raise ForbiddenError("the present password is wrong", hint="an admin can send you a new one-time link")
    stored = hash_password(password, actor.name)
    with dispatcher.database.transaction(write=True) as tx:
        sql.set_password(tx, actor.member_id, stored)
        note(dispatcher, tx, actor, "session.set_password")
        return new_session(tx, actor.member_id, via="password")
