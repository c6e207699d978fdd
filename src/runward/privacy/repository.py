"""All SQL on erasures, rules of retention, holds and what was set aside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from runward.core.clock import from_us
from runward.core.permissions import PERMISSIONS, Role
from runward.privacy.content import Move
from runward.privacy.ledger import Entry
from runward.privacy.model import Erasure, FileDecision, FoundFile
from runward.store.database import Tx
from runward.store.keys import Keyring

_decisions = msgspec.json.Decoder(dict[str, FileDecision]).decode
_files = msgspec.json.Decoder(list[FoundFile]).decode
LEAST_SUBJECT = 6
"""What a provider calls somebody is searched for where it is that long: a number of two digits stands everywhere."""
_ABOUT = b"erasure"
OTHERS = "*"
"""The decision on every file that has none of its own."""


class Row(NamedTuple):
    """An erasure as stored."""

    id: str
    member_id: str
    pseudonym: str
    state: str
    reason: str
    words: str
    """What names the person, under their key; empty once it is done."""
    requested_by: str
    requested_at: int
    confirmed_by: str = ""
    confirmed_at: int | None = None
    control: str = ""
    decisions: Mapping[str, FileDecision] = {}
    phase: str = "access"
    place: str = ""
    counts: Mapping[str, int] = {}
    waits_for: Sequence[FoundFile] = ()
    ended_at: int | None = None
    certificate: str = ""


_COLUMNS = ", ".join(Row._fields)


def _row(row: tuple[Any, ...]) -> Row:
    found = Row._make(row)
    return found._replace(
        decisions=_decisions(row[11]),
        counts=msgspec.json.decode(row[14], type=dict[str, int]),
        waits_for=_files(row[15]),
    )


def erasure(tx: Tx, erasure_id: str) -> Row | None:
    """An erasure by id."""
    row = tx.one(f"SELECT {_COLUMNS} FROM erasures WHERE id = ?", (erasure_id,))
    return _row(row) if row else None


def erasures(tx: Tx, state: str = "") -> list[Row]:
    """All erasures, or those in a state, newest first."""
    where, params = ("WHERE state = ?", [state]) if state else ("", [])
    return [
        _row(row) for row in tx.all(f"SELECT {_COLUMNS} FROM erasures {where} ORDER BY requested_at DESC, id", params)
    ]


def under_way(tx: Tx, member_id: str) -> str | None:
    """The id of an erasure of a member that has not ended."""
    sql = "SELECT id FROM erasures WHERE member_id = ? AND state IN ('requested', 'running', 'waiting')"
    found = tx.scalar(sql, (member_id,))
    return str(found) if found else None


def is_erased(tx: Tx, member_id: str) -> bool:
    """Whether a member was erased."""
    return tx.scalar("SELECT 1 FROM erasures WHERE member_id = ? AND state = 'done'", (member_id,)) is not None


def insert(tx: Tx, row: Row) -> None:
    """Store a new erasure."""
    tx.insert("erasures", {**row._asdict(), **_texts(row)})


def _texts(row: Row) -> dict[str, str]:
    packed = {"decisions": row.decisions, "counts": row.counts, "waits_for": row.waits_for}
    return {name: msgspec.json.encode(value).decode() for name, value in packed.items()}


def again(entry: Entry, words: str, now: int) -> Row:
    """An erasure that was done before the backup was put back that it is done in again."""
    return Row(
        id=entry.erasure,
        member_id=entry.member,
        pseudonym=entry.pseudonym,
        state="running",
        reason="put back from a backup from before",
        words=words,
        requested_by="",
        requested_at=now,
        confirmed_at=now,
    )


def update(tx: Tx, before: Row, after: Row) -> bool:
    """Store an erasure's next state; False where another process was faster."""
    values = {**after._asdict(), **_texts(after)}
    changes = ", ".join(f"{name} = ?" for name in values)
    return (
        tx.touched(
            f"UPDATE erasures SET {changes} WHERE id = ? AND state = ? AND phase = ? AND place = ?",
            (*values.values(), before.id, before.state, before.phase, before.place),
        )
        == 1
    )


def shown(tx: Tx, row: Row) -> Erasure:
    """An erasure as it is told."""
    names: dict[str, str] = dict(
        tx.all("SELECT id, name FROM members WHERE id IN (?, ?)", (row.requested_by, row.confirmed_by))
    )
    return Erasure(
        id=row.id,
        member_id=row.member_id,
        pseudonym=row.pseudonym,
        state=row.state,  # type: ignore[arg-type]
        reason=row.reason,
        requested_by=names.get(row.requested_by, row.requested_by),
        requested_at=from_us(row.requested_at),
        confirmed_by=names.get(row.confirmed_by, row.confirmed_by),
        confirmed_at=_time(row.confirmed_at),
        control=row.control,
        phase=row.phase,
        counts=dict(row.counts),
        waits_for=list(row.waits_for),
        ended_at=_time(row.ended_at),
        certificate=msgspec.json.decode(row.certificate) if row.certificate else None,
    )


def _time(value: int | None) -> datetime | None:
    return None if value is None else from_us(value)


def seal_words(keyring: Keyring, tx: Tx, member_id: str, words: list[str]) -> str:
    """What names a person, under their own key: destroyed with it, it is gone from backups too. Raises: KeyMissingError."""
    sealed = keyring.seal("person", member_id, msgspec.json.encode(words), about=_ABOUT, tx=tx)
    return base64.b64encode(sealed).decode()


def plain_words(words: list[str]) -> str:
    """The same as text, where the key is gone: in a backup that was put back and that nobody uses yet."""
    return msgspec.json.encode(words).decode()


def open_words(keyring: Keyring, tx: Tx, row: Row) -> list[str]:
    """What names the person of an erasure, their name first. Raises: KeyMissingError, NotFoundError."""
    if row.words.startswith("["):
        return msgspec.json.decode(row.words, type=list[str])
    opened = keyring.open_("person", row.member_id, base64.b64decode(row.words), about=_ABOUT, tx=tx)
    return msgspec.json.decode(opened, type=list[str])


# what was written anew ------------------------------------------------------------------------------------------------


def add_move(tx: Tx, erasure_id: str, old: str, move: Move) -> None:
    """Note that some bytes were written anew."""
    tx.execute(
        """INSERT INTO erasure_moves (erasure_id, old, new, size) VALUES (?, ?, ?, ?)
           ON CONFLICT (erasure_id, old) DO UPDATE SET new = excluded.new, size = excluded.size""",
        (erasure_id, old, move.new, move.size),
    )


def moves(tx: Tx, erasure_id: str) -> dict[str, Move]:
    """What an erasure wrote anew."""
    rows = tx.all("SELECT old, new, size FROM erasure_moves WHERE erasure_id = ?", (erasure_id,))
    return {row[0]: Move(row[1], row[2]) for row in rows}


# the person -----------------------------------------------------------------------------------------------------------


class Person(NamedTuple):
    """A member as far as they are to be found."""

    id: str
    name: str
    display_name: str
    email: str
    kind: str
    subjects: list[str]
    """Who the sign-in provider says they are."""

    @property
    def words(self) -> list[str]:
        """What names them, the name first."""
        named = [self.name, self.display_name, self.email]
        named += [subject for subject in self.subjects if len(subject) >= LEAST_SUBJECT]
        return [text for text in dict.fromkeys(named) if text.strip()]


def person(tx: Tx, reference: str) -> Person | None:
    """A member by name or id."""
    row = tx.one(
        "SELECT id, name, display_name, email, kind FROM members WHERE name = ? OR id = ?", (reference, reference)
    )
    if row is None:
        return None
    subjects = [one[0] for one in tx.all("SELECT subject FROM identities WHERE member_id = ?", (row[0],))]
    return Person(row[0], row[1], row[2], row[3], row[4], subjects)


def other_names(tx: Tx, member_id: str) -> list[str]:
    """Names and addresses of all other members."""
    rows = tx.all("SELECT name, display_name, email FROM members WHERE id <> ?", (member_id,))
    return [value for row in rows for value in row if value]


def rename_member(tx: Tx, member_id: str, pseudonym: str, now: int) -> None:
    """Leave of an account what shows where its rows belong."""
    tx.execute(
        """UPDATE members SET name = ?, display_name = ?, email = '', password_hash = NULL, last_seen_at = NULL,
           credential_version = credential_version + 1, disabled_at = COALESCE(disabled_at, ?) WHERE id = ?""",
        (pseudonym, pseudonym, now, member_id),
    )


_ADMIN = """m.disabled_at IS NULL AND EXISTS (SELECT 1 FROM grants g WHERE g.member_id = m.id
  AND g.scope_kind = 'workspace' AND g.role = ?)"""


def has_other_admin(tx: Tx, member_id: str) -> bool:
    """Whether somebody else is an admin of the workspace and can act."""
    sql = f"SELECT 1 FROM members m WHERE m.id <> ? AND {_ADMIN}"
    return tx.scalar(sql, (member_id, int(Role.ADMIN))) is not None


def others_may_erase(tx: Tx, member_id: str, person_id: str) -> bool:
    """Whether somebody but these two holds the permission to erase and can act."""
    alone = """m.disabled_at IS NULL AND EXISTS (SELECT 1 FROM verb_grants v WHERE v.member_id = m.id
      AND v.scope_kind = 'workspace' AND v.verb = 'erase')"""
    sql = f"SELECT 1 FROM members m WHERE m.id NOT IN (?, ?) AND (({_ADMIN}) OR ({alone}))"
    return tx.scalar(sql, (member_id, person_id, int(PERMISSIONS["erase"]))) is not None


def counted(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Counts with more of them."""
    return {**counts, **{name: counts.get(name, 0) + count for name, count in more.items()}}
