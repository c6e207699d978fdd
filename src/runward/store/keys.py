"""The keyring: keys of teams and people in the database, each wrapped by a key that is not in it.

The root key (:mod:`runward.store.rootkey`) wraps the teams' keys and the people key of the present period
(:mod:`runward.store.people`), which wraps each person's own. What a person's key sealed is gone once that key is destroyed: from
the database at once, and from what backups and the database's log still have of it when the people key of then expires.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from runward.core.clock import from_us, to_us, utc_now
from runward.core.ids import new_id
from runward.errors import CorruptedError, InvalidError, KeyMissingError, NotFoundError
from runward.store.ciphers import available, cipher, new_secret, seal, unseal
from runward.store.database import Database, Tx
from runward.store.people import PeopleKeys
from runward.store.rootkey import RootKey, RootPlace, root_place

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Kind = Literal["team", "names", "person"]
"""``team`` seals a team's bytes, ``names`` makes their names from their digests, ``person`` seals what is personal."""
BACKUP_DAYS = 30.0
"""Days that a replaced people key stays, so that backups of the database can be put back (``RUNWARD_BACKUP_DAYS``)."""
_FORM = b"\x01"
_ID_BYTES = 12
_ROOT = "root_key"
_CACHED_S = 60.0
"""So long a process goes on with a key that another one may have destroyed or replaced."""
_ORPHANED_S = 3600.0


class KeyInfo(NamedTuple):
    """What may be told of a key."""

    id: str
    kind: str
    owner_id: str
    version: int
    wrapped_by: str
    created_at: datetime
    destroyed_at: datetime | None


class Held(NamedTuple):
    """A key in memory."""

    id: str
    secret: bytes
    cipher: AESGCM
    until: float


class Keyring:
    """The keys of a workspace. Thread-safe; several processes may use one at once.

    Every method takes the caller's transaction where there is one (a writing one, if a key may have to be made), and opens its
    own otherwise. Every method raises KeyMissingError (the root key or a people key is not there, or is another one),
    MissingExtraError (`cryptography` is not installed: see :attr:`is_available`) and StoreError.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        place: RootPlace | None = None,
        backup_days: float | None = None,
    ) -> None:
        """The keyring of a database.

        Args:
            database: Its keys are in the table `keys`.
            folder: The workspace's own files, with `keys` in it.
            place: Where the root key is; where the environment says, if None.
            backup_days: How long a replaced people key stays; ``RUNWARD_BACKUP_DAYS`` or 30, if None.
        """
        self._database, self._folder, self._place = database, folder, place
        self.people = PeopleKeys(folder)
        """The files of the people keys."""
        self._kept_for = timedelta(days=_backup_days() if backup_days is None else backup_days)
        self._mutex = threading.RLock()
        self._roots: dict[str, RootKey] = {}
        self._held: dict[tuple[str, str, str], Held] = {}
        # Keys that may yet be undone with their transaction: nothing outside of it may be sealed with them.
        self._made = weakref.WeakKeyDictionary[Tx, set[str]]()

    @property
    def is_available(self) -> bool:
        """Whether anything can be sealed on this machine: `cryptography` is installed."""
        return available()

    # sealing --------------------------------------------------------------------------------------------------------

    def seal(self, kind: Kind, owner_id: str, plaintext: bytes, *, about: bytes = b"", tx: Tx | None = None) -> bytes:
        """Encrypt bytes under the present key of a team or person, which is made where there is none yet.

        Args:
            kind: Whose key.
            owner_id: The team's or member's id.
            plaintext: The bytes.
            about: What they belong to, such as a table and an id: only with the same they are opened again.
            tx: The caller's transaction.

        Raises: NotFoundError (the person's key was destroyed).
        """
        held = self.current(kind, owner_id, tx=tx)
        return _FORM + held.id.encode() + seal(held.cipher, plaintext, _bound(kind, owner_id, about))

    def open_(self, kind: Kind, owner_id: str, sealed: bytes, *, about: bytes = b"", tx: Tx | None = None) -> bytes:
        """What :meth:`seal` was given, whichever of the owner's keys sealed it.

        Raises: NotFoundError (the key was destroyed), CorruptedError (changed, of another owner, or about something else).
        """
        key_id = sealed[1 : 1 + _ID_BYTES].decode("ascii", errors="replace")
        if sealed[:1] != _FORM or len(sealed) < 1 + _ID_BYTES:
            raise CorruptedError("these bytes were not sealed by Runward", hint="restore them from a backup")
        held = self.by_id(kind, owner_id, key_id, tx=tx)
        return unseal(held.cipher, sealed[1 + _ID_BYTES :], _bound(kind, owner_id, about))

    def current(self, kind: Kind, owner_id: str, *, tx: Tx | None = None) -> Held:
        """The key that seals now; made where there is none yet. Raises: NotFoundError (destroyed)."""
        if held := self._cached(kind, owner_id, ""):
            return held
        with self._reading(tx) as found:
            held = self._load(found, kind, owner_id, "")
        if held is None:
            with self._changing(tx) as found:
                # Another one may have been faster.
                held = self._load(found, kind, owner_id, "") or self._make(found, kind, owner_id, 1)
        return held

    def by_id(self, kind: Kind, owner_id: str, key_id: str, *, tx: Tx | None = None) -> Held:
        """One of an owner's keys, the present one or an older. Raises: NotFoundError (destroyed, or there is none)."""
        if held := self._cached(kind, owner_id, key_id):
            return held
        with self._reading(tx) as found:
            held = self._load(found, kind, owner_id, key_id)
        if held is None:
            raise NotFoundError(f"{kind} {owner_id} has no key {key_id!r}", hint="restore the database from a backup")
        return held

    def holds(self, kind: Kind, owner_id: str) -> bool:
        """Whether an owner's present key is in memory: it was committed, and what it sealed may be used again."""
        return self._cached(kind, owner_id, "") is not None

    # changing keys --------------------------------------------------------------------------------------------------

    def destroy_person(self, member_id: str, *, tx: Tx | None = None) -> None:
        """Destroy a person's key for ever; none is made for them again. Doing so twice changes nothing.

        In the caller's transaction the people key of until now gets its end at the next :meth:`tend`.
        """
        with self._changing(tx) as found:
            rows = found.all("SELECT id, wrapped FROM keys WHERE kind = 'person' AND owner_id = ?", (member_id,))
            now = to_us(utc_now())
            if not rows:
                row = (new_id(), member_id, now, now)
                found.execute(
                    """INSERT INTO keys (id, kind, owner_id, version, wrapped, wrapped_by, created_at, destroyed_at)
                       VALUES (?, 'person', ?, 1, NULL, '', ?, ?)""",
                    row,
                )
            elif rows[0][1] is not None:
                found.execute(
                    """UPDATE keys SET wrapped = NULL, wrapped_by = '', destroyed_at = ?
                       WHERE kind = 'person' AND owner_id = ?""",
                    (now, member_id),
                )
                self._replace_people(found)
        self.forget_cached()
        if tx is None:
            self.tend()

    def rotate_team(self, team_id: str) -> None:
        """Seal a team's bytes under a new key from now on. What older ones sealed stays as it is, and readable."""
        with self._changing(None) as tx:
            last = tx.scalar("SELECT max(version) FROM keys WHERE kind = 'team' AND owner_id = ?", (team_id,))
            self._make(tx, "team", team_id, (last or 0) + 1)
        self.forget_cached()

    def rotate_root(self, to: RootPlace | None = None) -> tuple[str, str]:
        """Wrap all keys by a new root key; nothing that they sealed is touched. An interrupted rotation can be repeated.

        Args:
            to: The place of the new one, if it is not where the old one is.

        Returns: The ids of the old and of the new root key.
        """
        place = self._where()
        with self._changing(None) as tx:
            old = self._present_root(tx)
            new = to.create() if to else place.prepare()
            if new.id != old.id:
                # The files first: with both root keys they can be opened whether the transaction holds or not.
                self.people.wrap_also(self._root, new, utc_now())
                for key_id, kind, owner, version, wrapped in tx.all(
                    "SELECT id, kind, owner_id, version, wrapped FROM keys WHERE kind IN ('team', 'names')"
                ):
                    about = _row(kind, owner, key_id, version)
                    again = new.wrap(old.unwrap(bytes(wrapped), about), about)
                    tx.execute("UPDATE keys SET wrapped = ?, wrapped_by = ? WHERE id = ?", (again, new.id, key_id))
                tx.execute("UPDATE workspace SET value = ? WHERE key = ?", (new.id, _ROOT))
        with self._mutex:
            (to or place).settle()
            self.people.wrap_only(new)
            self._place = to or self._place
            self._roots = {new.id: new}
        self.forget_cached()
        return old.id, new.id

    def tend(self) -> int:
        """Give replaced people keys their end, and remove those whose end has come; returns how many are gone."""
        if not self.people.several():
            return 0
        with self._database.transaction(write=False) as tx:
            found = tx.all("SELECT id, destroyed_at FROM keys WHERE kind = 'people'")
            rows: dict[str, int | None] = {row[0]: row[1] for row in found}
        gone, now = 0, utc_now()
        for key in self.people.all():
            counts = rows.get(key.id, 0) is None
            if key.expires_at is None and not counts:
                replaced = rows.get(key.id)
                if replaced is None and (now - key.created_at).total_seconds() < _ORPHANED_S:
                    continue  # Its transaction may still be running.
                # Nothing that counts may end with it.
                with self._changing(None) as tx:
                    if tx.scalar("SELECT 1 FROM keys WHERE kind = 'person' AND wrapped_by = ?", (key.id,)):
                        self._wrap_people(tx)
                since = from_us(replaced) if replaced is not None else now
                key = self.people.expire(key, since + self._kept_for)  # noqa: PLW2901
            if key.expires_at is None:
                continue
            if key.expires_at <= now:
                self.people.remove(key)
                gone += 1
            elif counts:
                # A backup from before its end was put back: its end stays, and what it wraps goes on without it.
                with self._changing(None) as tx:
                    self._replace_people(tx)
        return gone

    def renew_people(self) -> int:
        """Go on without people keys that are lost for good; returns for how many people that is.

        What was sealed for them stays unreadable, and what is sealed from now on is under new keys.
        """
        lost = 0
        with self._changing(None) as tx:
            self._replace_people(tx, give_up=True)
            new = self._present_people(tx)
            for owner, version in tx.all(
                """SELECT owner_id, max(version) FROM keys WHERE kind = 'person' GROUP BY owner_id
                   HAVING count(destroyed_at) = 0 ORDER BY owner_id"""
            ):
                held = "SELECT 1 FROM keys WHERE kind = 'person' AND owner_id = ? AND version = ? AND wrapped_by = ?"
                if tx.scalar(held, (owner, version, new)) is None:
                    self._make(tx, "person", owner, version + 1)
                    lost += 1
        self.forget_cached()
        return lost

    def begin(self) -> str:
        """Make the root key where there is none yet; returns its id."""
        with self._changing(None) as tx:
            return self._present_root(tx).id

    def check(self, *, tx: Tx | None = None) -> None:
        """Raises: KeyMissingError (the root key that wraps this database's keys is not there), InvalidError."""
        if wanted := self.present_root(tx=tx):
            self._root([wanted])

    # what may be told -----------------------------------------------------------------------------------------------

    @property
    def where(self) -> str:
        """Where the root key is, in words."""
        return self._where().where

    @property
    def backup_days(self) -> float:
        """How long a replaced people key stays."""
        return self._kept_for / timedelta(days=1)

    def present_root(self, *, tx: Tx | None = None) -> str:
        """The id of the root key that the database's keys are wrapped by; empty where there are none yet."""
        with self._reading(tx) as found:
            return str(found.scalar("SELECT value FROM workspace WHERE key = ?", (_ROOT,)) or "")

    def all_keys(self, *, tx: Tx | None = None) -> list[KeyInfo]:
        """All keys, without their secrets."""
        with self._reading(tx) as found:
            rows = found.all(
                """SELECT id, kind, owner_id, version, wrapped_by, created_at, destroyed_at FROM keys
                   ORDER BY kind, owner_id, version"""
            )
        return [
            KeyInfo(key_id, kind, owner, version, by, from_us(made), None if gone is None else from_us(gone))
            for key_id, kind, owner, version, by, made, gone in rows
        ]

    def owners(self, kind: Kind) -> list[str]:
        """Whose keys of a kind there are."""
        with self._reading(None) as tx:
            rows = tx.all("SELECT DISTINCT owner_id FROM keys WHERE kind = ? ORDER BY owner_id", (kind,))
        return [row[0] for row in rows]

    def owner_of(self, key_id: str) -> str:
        """Whose key this is. Raises: NotFoundError."""
        with self._reading(None) as tx:
            found = tx.scalar("SELECT owner_id FROM keys WHERE id = ?", (key_id,))
        if found is None:
            raise NotFoundError(f"there is no key {key_id!r}", hint="restore the database from a backup")
        return str(found)

    def forget_cached(self) -> None:
        """Let go of the keys in memory."""
        with self._mutex:
            self._held.clear()

    # inside ---------------------------------------------------------------------------------------------------------

    def _where(self) -> RootPlace:
        if self._place is None:
            self._place = root_place(self._folder)
        return self._place

    @contextlib.contextmanager
    def _reading(self, tx: Tx | None) -> Iterator[Tx]:
        if tx is not None:
            yield tx
        else:
            with self._database.transaction(write=False) as own:
                yield own

    @contextlib.contextmanager
    def _changing(self, tx: Tx | None) -> Iterator[Tx]:
        """A transaction in which nobody else makes or replaces a key."""
        with contextlib.nullcontext(tx) if tx is not None else self._database.transaction(write=True) as found:
            if found.dialect == "postgresql":
                found.execute("SELECT pg_advisory_xact_lock(4749)")
            yield found

    def _cached(self, kind: str, owner_id: str, key_id: str) -> Held | None:
        held = self._held.get((kind, owner_id, key_id))
        if held is None or held.until < time.monotonic():
            return None
        return held

    def _load(self, tx: Tx, kind: Kind, owner_id: str, key_id: str) -> Held | None:
        """A key from the database, the newest where no id is given; None where there is none."""
        row = tx.one(
            f"""SELECT id, version, wrapped, wrapped_by FROM keys WHERE kind = ? AND owner_id = ?
                {"AND id = ?" if key_id else ""} ORDER BY version DESC LIMIT 1""",
            (kind, owner_id, *([key_id] if key_id else [])),
        )
        if row is None:
            return None
        found_id, version, wrapped, wrapped_by = row
        if wrapped is None:
            raise NotFoundError(
                f"the key of {kind} {owner_id} was destroyed", hint="what was sealed with it is forgotten for good"
            )
        about = _row(kind, owner_id, found_id, version)
        if kind == "person":
            secret = unseal(self._people_cipher(wrapped_by), bytes(wrapped), about)
        else:
            secret = self._root([wrapped_by]).unwrap(bytes(wrapped), about)
        held = Held(found_id, secret, cipher(secret), time.monotonic() + _CACHED_S)
        with self._mutex:
            if found_id not in self._made.get(tx, ()):
                self._held[kind, owner_id, key_id] = self._held[kind, owner_id, found_id] = held
        return held

    def _make(self, tx: Tx, kind: Kind, owner_id: str, version: int) -> Held:
        key_id, secret = new_id(), new_secret()
        about = _row(kind, owner_id, key_id, version)
        if kind == "person":
            wrapped_by = self._present_people(tx)
            wrapped = seal(self._people_cipher(wrapped_by), secret, about)
        else:
            root = self._present_root(tx)
            wrapped_by, wrapped = root.id, root.wrap(secret, about)
        tx.insert("keys", _values(key_id, kind, owner_id, version, wrapped, wrapped_by))
        with self._mutex:
            self._made.setdefault(tx, set()).add(key_id)
        return Held(key_id, secret, cipher(secret), 0.0)

    def _people_cipher(self, key_id: str) -> AESGCM:
        with self._mutex:
            held = self._held.get(("people", "", key_id))
            if held is None or held.until < time.monotonic():
                secret = self.people.open(key_id, self._root, utc_now())
                held = Held(key_id, secret, cipher(secret), time.monotonic() + _CACHED_S)
                self._held["people", "", key_id] = held
        return held.cipher

    def _present_people(self, tx: Tx) -> str:
        found: str | None = tx.scalar("SELECT id FROM keys WHERE kind = 'people' AND destroyed_at IS NULL")
        return found or self._make_people(tx)

    def _make_people(self, tx: Tx) -> str:
        root, key_id, now = self._present_root(tx), new_id(), utc_now()
        self.people.create(key_id, root, now)
        last = tx.scalar("SELECT max(version) FROM keys WHERE kind = 'people'") or 0
        tx.insert("keys", _values(key_id, "people", "", last + 1, None, ""))
        return key_id

    def _replace_people(self, tx: Tx, *, give_up: bool = False) -> None:
        """Make another people key, and wrap what is left by it; what cannot be opened is passed over, or an error."""
        tx.execute(
            "UPDATE keys SET destroyed_at = ? WHERE kind = 'people' AND destroyed_at IS NULL", (to_us(utc_now()),)
        )
        self._wrap_people(tx, give_up=give_up)

    def _wrap_people(self, tx: Tx, *, give_up: bool = False) -> None:
        """Let the people key of now wrap the keys of all people."""
        new = self._present_people(tx)
        under = self._people_cipher(new)
        again = []
        for key_id, owner, version, wrapped, wrapped_by in tx.all(
            """SELECT id, owner_id, version, wrapped, wrapped_by FROM keys
               WHERE kind = 'person' AND wrapped IS NOT NULL AND wrapped_by <> ?""",
            (new,),
        ):
            about = _row("person", owner, key_id, version)
            try:
                secret = unseal(self._people_cipher(wrapped_by), bytes(wrapped), about)
            except KeyMissingError:
                if give_up:
                    continue
                raise
            again.append((seal(under, secret, about), new, key_id))
        tx.many("UPDATE keys SET wrapped = ?, wrapped_by = ? WHERE id = ?", again)

    def _root(self, ids: Collection[str]) -> RootKey:
        """One of the root keys that wrap something. Raises: KeyMissingError."""
        with self._mutex:
            if self._roots.keys().isdisjoint(ids):
                self._roots |= {root.id: root for root in self._where().read()}
            for root_id in ids:
                if root_id in self._roots:
                    return self._roots[root_id]
            other = f"there is {' and '.join(self._roots)}" if self._roots else "there is none"
        raise KeyMissingError(
            f"the root key {' or '.join(ids)} is missing: it was looked for in {self._where().where}, where {other}",
            hint="put it back; without it nothing that is encrypted can be read",
        )

    def _present_root(self, tx: Tx) -> RootKey:
        """The root key that this database's keys are wrapped by; made where nothing is wrapped yet."""
        wanted: str | None = tx.scalar("SELECT value FROM workspace WHERE key = ?", (_ROOT,))
        if wanted is not None:
            return self._root([wanted])
        with self._mutex:
            found = (self._where().read() or [self._where().create()])[0]
            self._roots[found.id] = found
        tx.insert("workspace", {"key": _ROOT, "value": found.id})
        return found


def _values(
    key_id: str, kind: str, owner_id: str, version: int, wrapped: bytes | None, wrapped_by: str
) -> dict[str, object]:
    said = {"id": key_id, "kind": kind, "owner_id": owner_id, "version": version, "wrapped": wrapped}
    return {**said, "wrapped_by": wrapped_by, "created_at": to_us(utc_now())}


def _row(kind: str, owner_id: str, key_id: str, version: int) -> bytes:
    """What a wrapped key is bound to: in another row it does not open."""
    return msgspec.json.encode(["runward key", kind, owner_id, key_id, version])


def _bound(kind: str, owner_id: str, about: bytes) -> bytes:
    return msgspec.json.encode(["runward sealed", kind, owner_id]) + about


def _backup_days() -> float:
    text = os.environ.get("RUNWARD_BACKUP_DAYS", "")
    try:
        days = float(text) if text else BACKUP_DAYS
    except ValueError:
        days = -1.0
    if not 0 <= days <= 36_500:
        raise InvalidError(f"RUNWARD_BACKUP_DAYS {text!r} is no number of days", hint="30, or 0 for none")
    return days
