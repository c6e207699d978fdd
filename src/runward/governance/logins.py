"""A command line comes in with the leave of somebody who is signed in on the web (the device grant of RFC 8628, in our words).

The command line gets a long secret and shows a short code; whoever is signed in looks the code up, sees what asks from where,
and lets it in. The token is made when the command line comes to fetch it, once.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from runward.core.clock import from_us, to_us, utc_now
from runward.core.ids import MemberId, new_id
from runward.core.permissions import Role
from runward.errors import ForbiddenError, NotFoundError, QuotaExceededError, UnauthenticatedError
from runward.governance import repository as sql
from runward.governance.dispatch import Dispatcher
from runward.governance.limits import count_try, take_back
from runward.governance.model import Actor
from runward.governance.names import check_name
from runward.governance.secrets import fingerprint, new_secret, new_token
from runward.governance.signin import note
from runward.store.database import Tx

LASTS = timedelta(minutes=10)
TOKEN_LASTS = timedelta(days=30)
MOST = 1_000
"""So many command lines may wait at once."""
_STARTS, _LOOKS = 30, 20
# Neither vowels, which spell words, nor what is taken for something else. 8 of 20 letters: 2.5e10 codes.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


class Waiting(msgspec.Struct, frozen=True):
    """What a command line gets that wants to come in."""

    device: str
    """The secret with which it fetches its token."""
    code: str
    """What it shows to whoever lets it in."""
    path: str
    """The page to open below the server's address."""
    expires_at: datetime
    interval_s: float = 2.0
    """It asks no more often."""


class Asking(msgspec.Struct, frozen=True):
    """What somebody sees who is asked to let a command line in."""

    code: str
    label: str
    """What it calls itself: user and machine. It is not verified."""
    address: str
    created_at: datetime


class Fetched(msgspec.Struct, frozen=True):
    """A token for a command line, or nothing yet."""

    pending: bool
    member: str = ""
    id: str = ""
    secret: str = ""
    expires_at: datetime | None = None


class _Row(NamedTuple):
    device: str
    label: str
    address: str
    created_at: int
    member_id: str | None
    version: int | None


def ask(dispatcher: Dispatcher, label: str, address: str) -> Waiting:
    """Begin to wait for leave. Raises: InvalidError (label), QuotaExceededError."""
    check_name(label, "the label", limit=100)
    device, now = new_secret(), utc_now()
    letters = [secrets.choice(_LETTERS) for _ in range(8)]
    code = f"{''.join(letters[:4])}-{''.join(letters[4:])}"
    with dispatcher.database.transaction(write=True) as tx:
        count_try(tx, [f"login:{address}"], _STARTS)
        tx.execute("DELETE FROM logins WHERE expires_at <= ?", (to_us(now),))
        if tx.scalar("SELECT count(*) FROM logins") >= MOST:
            wait_s = int(LASTS.total_seconds())
            raise QuotaExceededError(
                "too many command lines wait to be let in", hint="try again in ten minutes", retry_after_s=wait_s
            )
        tx.insert(
            "logins",
            {
                "device": fingerprint(device),
                "code": fingerprint(code),
                "label": label,
                "address": address,
                "created_at": to_us(now),
                "expires_at": to_us(now + LASTS),
            },
        )
    return Waiting(device, code, f"/login?code={code}", now + LASTS)


def look(dispatcher: Dispatcher, actor: Actor, code: str) -> Asking:
    """What asks with a code. Raises: NotFoundError, ForbiddenError (not from a session), QuotaExceededError."""
    _check_session(actor)
    with _counted(dispatcher, actor) as tx:
        row = _found(tx, code)
    return Asking(_plain(code), row.label, row.address, from_us(row.created_at))


def decide(dispatcher: Dispatcher, actor: Actor, code: str, *, allow: bool) -> None:
    """Let a command line in as oneself, or turn it away.

    Raises: NotFoundError, ForbiddenError (not from a session), QuotaExceededError.
    """
    _check_session(actor)
    with _counted(dispatcher, actor) as tx:
        row = _found(tx, code)
        if allow:
            tx.execute(
                """UPDATE logins SET member_id = ?, credential_version =
                   (SELECT credential_version FROM members WHERE id = ?) WHERE device = ?""",
                (actor.member_id, actor.member_id, row.device),
            )
        else:
            tx.execute("DELETE FROM logins WHERE device = ?", (row.device,))
        note(dispatcher, tx, actor, "session.allow_login" if allow else "session.refuse_login")


def fetch(dispatcher: Dispatcher, device: str, address: str) -> Fetched:
    """The token, once somebody gave leave. Raises: UnauthenticatedError (turned away, too late, fetched already)."""
    now = utc_now()
    with dispatcher.database.transaction(write=True) as tx:
        row = tx.one(
            """SELECT l.device, l.label, l.address, l.created_at, l.member_id, l.credential_version FROM logins l
               LEFT JOIN members m ON m.id = l.member_id WHERE l.device = ? AND l.expires_at > ? AND (l.member_id IS NULL
               OR (m.credential_version = l.credential_version AND m.disabled_at IS NULL))""",
            (fingerprint(device), to_us(now)),
        )
        if row is None:
            raise UnauthenticatedError("nobody let this command line in", hint="begin again: runward login URL")
        found = _Row(*row)
        if found.member_id is None:
            return Fetched(pending=True)
        if tx.touched("DELETE FROM logins WHERE device = ?", (found.device,)) != 1:
            raise UnauthenticatedError("the token was fetched already", hint="begin again: runward login URL")
        name = str(tx.scalar("SELECT name FROM members WHERE id = ?", (found.member_id,)))
        secret, token_id, expires = new_token(), new_id(), now + TOKEN_LASTS
        sql.insert_token(
            tx, token_id, found.member_id, f"login: {found.label}"[:100], secret, Role.ADMIN, to_us(now), expires
        )
        actor = Actor(MemberId(found.member_id), name, True, "login", address=address)
        note(dispatcher, tx, actor, "governance.create_token", about=("token", token_id))
        return Fetched(False, name, token_id, secret, expires)


def _check_session(actor: Actor) -> None:
    # Otherwise who has a token that ends soon could make another one of it.
    if actor.via != "session":
        raise ForbiddenError("a command line is let in by somebody who is signed in on the web", hint="open the page")


def _plain(code: str) -> str:
    letters = "".join(letter for letter in code.upper() if letter in _LETTERS)
    return f"{letters[:4]}-{letters[4:]}"


@contextlib.contextmanager
def _counted(dispatcher: Dispatcher, actor: Actor) -> Iterator[Tx]:
    """A transaction about a code that was typed: codes are short, so wrong ones are counted."""
    keys = [f"code:{actor.member_id}"]
    with dispatcher.database.transaction(write=True) as tx:
        count_try(tx, keys, _LOOKS)
    with dispatcher.database.transaction(write=True) as tx:
        yield tx
        take_back(tx, keys)


def _found(tx: Tx, code: str) -> _Row:
    """Who waits with a code. Raises: NotFoundError."""
    row = tx.one(
        """SELECT device, label, address, created_at, member_id, credential_version FROM logins
           WHERE code = ? AND expires_at > ? AND member_id IS NULL""",
        (fingerprint(_plain(code)), to_us(utc_now())),
    )
    if row is None:
        raise NotFoundError("no command line waits with this code", hint="it shows a new one: runward login URL")
    return _Row(*row)
