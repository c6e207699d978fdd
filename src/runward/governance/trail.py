"""The audit trail: rows in hash chains, so that a change behind Runward's back is found.

Each row's hash covers the row and the hash before it, written in the transaction of what the row is about. The end of each
chain carries a MAC under a key that lies beside the database and not in it (`keys/audit.key`, or the file that
``RUNWARD_AUDIT_KEY_FILE`` names): whoever can only write to the database can neither append a row that fits nor make all hashes
anew. That the end was not put back to an older one is shown by checkpoints (:mod:`runward.governance.checkpoints`).

A member's name and address are in a row encrypted under the member's own key, and only the digest of that is in the chain: once
the key is destroyed they are forgotten, in backups too, and the chain still holds. Where there is no such key (a folder's own
user, whose name is only claimed; a try to sign in under a name that nobody has) they stand there with a salt, and their salted
digest is in the chain.

On PostgreSQL there are several chains ("lanes"), so that transactions need not wait for each other: each takes one that nobody
holds. SQLite has one writer and needs one.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.core.files import write_secret
from runward.errors import CorruptedError, KeyMissingError, NotFoundError
from runward.governance.model import Actor
from runward.store.database import Tx
from runward.store.keys import Keyring

_ROW = {
    "lane": "bigint",
    "seq": "bigint",
    "hash": "bytea",
    "salt": "bytea",
    "person": "bytea",
    "sealed": "bytea",
    "actor": "text",
    "address": "text",
    "at": "bigint",
    **dict.fromkeys(("actor_id", "via", "operation", "object_kind", "object_id", "outcome"), "text"),
}
encoded = msgspec.json.Encoder().encode
KEY_BYTES = 32
PSEUDONYM = "erased-"
"""How the names of erased members begin."""
_ABOUT = b"audit"
_MOST_SEALED, _SEALED_S = 4096, 60.0
_log = logging.getLogger(__name__)


class Noted(NamedTuple):
    """What a row says that is nobody's personal data."""

    at: int
    actor_id: str
    via: str
    operation: str
    object_kind: str
    object_id: str
    outcome: str


class Head(NamedTuple):
    """The end of a chain."""

    lane: int
    seq: int
    hash: bytes
    mac: bytes
    key_id: str


class AuditKey:
    """The key under which the ends of the chains are authentic. It is made when it is first needed."""

    def __init__(self, folder: Path, keyring: Keyring | None = None) -> None:
        self.keyring = keyring
        """The keys of members, under which their names are encrypted."""
        self.sealed: dict[tuple[str, str, str], tuple[bytes, float]] = {}
        """What was encrypted a moment ago, and until when it is used again, by member, name and address."""
        named = os.environ.get("RUNWARD_AUDIT_KEY_FILE", "")
        self.path = Path(named) if named else folder / "keys" / "audit.key"

    @cached_property
    def _key(self) -> bytes:
        if not self.path.exists():
            # Two that begin together: one makes the key, and both use it.
            with contextlib.suppress(FileExistsError):
                write_secret(self.path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
        try:
            key = bytes.fromhex(self.path.read_text("ascii").strip())
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise CorruptedError(
                f"{self.path} is no audit key: it has to hold {KEY_BYTES * 2} hexadecimal digits",
                hint="put it back from a backup; without it nobody can tell whether the audit trail was changed",
            )
        return key

    @cached_property
    def id(self) -> str:
        """A short name of the key, from which it cannot be guessed."""
        return hashlib.blake2b(b"runward audit key", key=self._key, digest_size=4).hexdigest()

    def mac(self, message: bytes) -> bytes:
        """What only who has the key can make of a message (BLAKE2b, RFC 7693)."""
        return hashlib.blake2b(message, key=self._key, digest_size=16).digest()


def sealed(lane: int, seq: int, link: bytes) -> bytes:
    """What the MAC of a chain's end is about."""
    return b"%d %d " % (lane, seq) + link


def personal(salt: bytes, name: str, address: str) -> bytes:
    """The salted digest of who a row is about."""
    return hashlib.sha256(salt + encoded([name, address])).digest()


def _seal(tx: Tx, key: AuditKey, actor: Actor) -> bytes | None:
    """Name and address under the member's key; None where there is none to use."""
    # A folder's own user only claims a name. Each of their processes would begin by loading a cipher, for their own eyes.
    if key.keyring is None or not (actor.verified and actor.member_id):
        return None
    who = (actor.member_id, actor.name, actor.address)
    if (found := key.sealed.get(who)) is not None and found[1] > time.monotonic():
        return found[0]
    try:
        made = key.keyring.seal("person", actor.member_id, encoded([actor.name, actor.address]), about=_ABOUT, tx=tx)
        if key.keyring.holds("person", actor.member_id):
            # The same member from the same address many times: that is in the row beside it too.
            if len(key.sealed) >= _MOST_SEALED:
                key.sealed.clear()
            key.sealed[who] = made, time.monotonic() + _SEALED_S
        return made
    except KeyMissingError as error:
        # What is done is to be noted all the same.
        _log.warning("names on the audit trail are not encrypted: %s", error.message)
    except NotFoundError:
        pass  # The member was erased a moment ago.
    return None


def opened(tx: Tx, key: AuditKey, actor_id: str, sealed: bytes) -> tuple[str, str]:
    """(name, address) of a row; both empty where they cannot be read any more."""
    if key.keyring is None:
        return "", ""
    try:
        name, address = msgspec.json.decode(key.keyring.open_("person", actor_id, sealed, about=_ABOUT, tx=tx))
    except (NotFoundError, KeyMissingError, CorruptedError):
        return "", ""
    return str(name), str(address)


def link(previous: bytes, lane: int, seq: int, noted: Noted, person: bytes) -> bytes:
    """A row's hash: SHA-256 of the hash before it and of the row as a JSON list."""
    return hashlib.sha256(previous + person + encoded([lane, seq, *noted])).digest()


def append(tx: Tx, key: AuditKey, events: Sequence[tuple[Actor, Noted]]) -> None:
    """Add rows to a chain that no other transaction holds: the last thing before the commit. Raises: CorruptedError."""
    if not events:
        return
    skip = " FOR UPDATE SKIP LOCKED" if tx.dialect == "postgresql" else ""
    head = "SELECT lane, seq, hash FROM audit_heads ORDER BY lane LIMIT 1"
    found = tx.one(head + skip) or tx.one(head + tx.for_update)
    if found is None:
        raise CorruptedError("the ends of the audit trail's chains are gone", hint="restore the database from a backup")
    lane, seq, last = found[0], found[1], bytes(found[2] or b"")
    rows = []
    for actor, noted in events:
        seq += 1
        sealed_name = _seal(tx, key, actor)
        if sealed_name is None:
            salt, named = secrets.token_bytes(16), (actor.name, actor.address)
            person = personal(salt, *named)
        else:
            salt, named, person = None, ("", ""), hashlib.sha256(sealed_name).digest()
        last = link(last, lane, seq, noted, person)
        rows.append((lane, seq, last, salt, person, sealed_name, *named, *noted))
    tx.put("audit_events", _ROW, rows)
    mac = key.mac(sealed(lane, seq, last))
    tx.execute(
        "UPDATE audit_heads SET seq = ?, hash = ?, mac = ?, key_id = ? WHERE lane = ?", (seq, last, mac, key.id, lane)
    )


def unchained(tx: Tx) -> int:
    """How many events are in no chain: those from before there were chains."""
    return int(tx.scalar("SELECT count(*) FROM audit_events WHERE lane IS NULL"))


def heads(tx: Tx) -> list[Head]:
    """The ends of the chains that were begun."""
    rows = tx.all("SELECT lane, seq, hash, mac, key_id FROM audit_heads WHERE seq > 0 ORDER BY lane")
    return [Head(row[0], row[1], bytes(row[2]), bytes(row[3]), row[4]) for row in rows]


def forget_member(tx: Tx, member_id: str, pseudonym: str, limit: int) -> int:
    """Take a member's name and address from rows of the trail, at most ``limit``; how many. The chains still hold."""
    return tx.touched(
        """UPDATE audit_events SET actor = ?, address = '', salt = NULL, sealed = NULL WHERE id IN (
             SELECT id FROM audit_events WHERE actor_id = ? AND (salt IS NOT NULL OR sealed IS NOT NULL
             OR actor <> ? OR address <> '') ORDER BY id LIMIT ?)""",
        (pseudonym, member_id, pseudonym, limit),
    )


def redact(tx: Tx, key: AuditKey, event_id: int, object_id: str) -> None:
    """Replace what a row says its object is called. The key's holder vouches for the row in the place of its hash."""
    row = tx.one(
        """SELECT lane, seq, at, actor_id, via, operation, object_kind, outcome, hash FROM audit_events WHERE id = ?""",
        (event_id,),
    )
    assert row is not None
    lane, seq, *said, stored = row
    redaction = None
    if lane is not None:
        before = tx.scalar("SELECT hash FROM audit_events WHERE lane = ? AND seq = ?", (lane, seq - 1))
        shown = [lane, seq, *said[:5], object_id, said[5]]
        redaction = key.mac(redacted(bytes(before or b""), encoded(shown), bytes(stored)))
    tx.execute("UPDATE audit_events SET object_id = ?, redaction = ? WHERE id = ?", (object_id, redaction, event_id))


def redacted(previous: bytes, shown: bytes, stored: bytes) -> bytes:
    """What the MAC of a redacted row is about: the hash before it, what it shows now as JSON, and its own hash."""
    return b"redacted " + previous + shown + stored
