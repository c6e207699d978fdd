"""Whether the audit trail is as it was written: every chain read from its beginning, its end and the checkpoints compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from runward.governance.checkpoints import Checkpoint
from runward.governance.model import AuditProblem, AuditProof
from runward.governance.trail import PSEUDONYM, AuditKey, Head, Noted, encoded, heads, redacted, sealed
from runward.store.database import Row, Tx

_PAGE = 2_000
"""So few that they stay in the processor's cache."""
_SHOWN = 100
_NUMBERS, _TEXTS = ("lane", "seq", "at"), Noted._fields[1:]
_NAMED = ("actor", "address")
_NOBODY = (f'["{PSEUDONYM}', '["",')
"""How name and address of who was forgotten begin, as JSON."""


def prove(tx: Tx, key: AuditKey, checkpoints: Sequence[Checkpoint], unreadable: int) -> AuditProof:
    """Read the whole trail.

    Args:
        tx: A reading transaction.
        key: The key of the chains' ends.
        checkpoints: Authentic ones, oldest first.
        unreadable: How many lines of checkpoints are not authentic.
    """
    found: list[AuditProblem] = []
    events = forgotten = shown_anew = 0
    ends = {head.lane: head for head in heads(tx)}
    noted = {int(lane) for one in checkpoints for lane in one.lanes}
    stored = {int(row[0]) for row in tx.all("SELECT DISTINCT lane FROM audit_events WHERE lane IS NOT NULL")}
    for lane in sorted(ends.keys() | noted | stored):
        # Others may write meanwhile: what comes after this end is looked at by the next proof.
        head, chain = ends.get(lane) or Head(lane, 0, b"", b"", ""), _Chain(lane, checkpoints, key)
        for page in _pages(tx, lane, head.seq):
            chain.read(tx, page)
        chain.end(head)
        chain.beyond(tx)
        events, forgotten = events + chain.events, forgotten + chain.forgotten
        shown_anew += chain.redacted
        found += chain.problems
    if unreadable:
        found.append(
            AuditProblem("checkpoint", 0, 0, 0, f"{unreadable} checkpoints are not authentic: they were changed")
        )
    older = int(tx.scalar("SELECT count(*) FROM audit_events WHERE lane IS NULL"))
    last = checkpoints[-1].at if checkpoints else None
    shown, count = found[:_SHOWN], len(found)
    return AuditProof(not found, events, len(ends), forgotten, older, len(checkpoints), last, shown, count, shown_anew)


def _json(dialect: str, numbers: Sequence[str], texts: Sequence[str]) -> str:
    """SQL of a JSON list of columns. The database writes it several times as fast as it is made of as many Python objects.

    Where it writes a text in another way than Python does, or cannot, the row is read once more and written by Python.
    """
    if dialect == "sqlite":
        # Bytes in the place of a text, which SQLite's columns take, have no JSON: it is not as it was written. Every text
        # comes before all bytes, and to ask that is quicker than to ask for the type.
        only = (f"iif({name} < x'', {name}, NULL)" for name in texts)
        return f"json_array({', '.join((*numbers, *only))})"
    return f"'[' || concat_ws(',', {', '.join((*numbers, *(f'to_json({name})' for name in texts)))}) || ']'"


def _pages(tx: Tx, lane: int, last: int) -> Iterator[list[Row]]:
    """(seq, the event as JSON's bytes, hash, person, salt, name and address as JSON where they are not encrypted, id, sealed, redaction) in their order."""
    event, named = (_json(tx.dialect, *of) for of in ((_NUMBERS, _TEXTS), ((), _NAMED)))
    event = f"CAST({event} AS BLOB)" if tx.dialect == "sqlite" else f"convert_to({event}, 'UTF8')"
    # A name that is encrypted is not written beside it, and most are.
    named = f"CASE WHEN sealed IS NULL THEN {named} END"
    sql = f"""SELECT seq, {event}, hash, person, salt, {named}, id, sealed, redaction FROM audit_events
              WHERE lane = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"""
    seq = -1
    while True:
        page = tx.all(sql, (lane, seq, last, _PAGE))
        yield page
        if len(page) < _PAGE:
            return
        seq = page[-1][0]


def _precisely(tx: Tx, lane: int, seq: int) -> tuple[bytes, bytes]:
    """The event, and its member's name and address, as JSON by the encoder that the hash was made with."""
    row = tx.one(
        f"SELECT {', '.join((*_NUMBERS, *_TEXTS, *_NAMED))} FROM audit_events WHERE lane = ? AND seq = ?", (lane, seq)
    )
    assert row is not None
    split = len(row) - len(_NAMED)
    return encoded(row[:split]), encoded(row[split:])


class _Chain:
    """One lane as it is read."""

    def __init__(self, lane: int, checkpoints: Sequence[Checkpoint], key: AuditKey) -> None:
        self.lane, self._key = lane, key
        self.events = self.forgotten = self.redacted = 0
        self.problems: list[AuditProblem] = []
        self._seq, self._hash = 0, b""
        self._expected = {seq: (digest, one.at) for one in checkpoints
                          for name, (seq, digest) in one.lanes.items() if int(name) == lane}  # fmt: skip

    def read(self, tx: Tx, rows: Iterable[Row]) -> None:
        """The rows in their order. Plain on purpose: a million of them take seconds."""
        sha256, expected = hashlib.sha256, self._expected
        previous, before, last, fits = self._hash, self._seq, b"", b""
        for seq, event, stored, person, salt, named, event_id, kept, redaction in rows:
            self.events += 1
            if type(stored) is not bytes or type(person) is not bytes:
                self._say("changed", seq, event_id, "its hash is gone")
                previous, before = b"", seq
                continue
            if seq != before + 1:
                self._say("missing", seq, event_id, f"{seq - before - 1} events before this one are gone")
            elif redaction is not None:
                self._check_redacted(tx, (seq, event_id), previous, stored, redaction)
            elif sha256(previous + person + event).digest() != stored:
                precisely, _ = _precisely(tx, self.lane, seq)
                if sha256(previous + person + precisely).digest() != stored:
                    said = "it is not as it was written, or the one before it is not"
                    self._say("changed", seq, event_id, said)
            if kept is not None:
                # One member's rows of a minute have the same.
                if kept != last:
                    last, fits = kept, sha256(kept).digest()
                if fits != person:
                    self._say("changed", seq, event_id, "the member's name or address is not as it was written")
            elif salt is None:
                self.forgotten += 1
                if not named.startswith(_NOBODY):
                    self._say("changed", seq, event_id, "the member's name was taken away, and another one put there")
            elif sha256(salt + named.encode()).digest() != person:
                _, precisely = _precisely(tx, self.lane, seq)
                if sha256(salt + precisely).digest() != person:
                    self._say("changed", seq, event_id, "the member's name or address is not as it was written")
            if seq in expected and expected[seq][0] != stored.hex():
                said = f"the checkpoint of {expected[seq][1]:%Y-%m-%d %H:%M} has another hash for it"
                self._say("rewritten", seq, event_id, said)
            previous, before = stored, seq
        self._hash, self._seq = previous, before

    def _check_redacted(self, tx: Tx, which: tuple[int, int], previous: bytes, stored: bytes, redaction: bytes) -> None:
        """A row in which a person's name was replaced: its hash stays, and the key vouches for what it shows."""
        self.redacted += 1
        shown, _ = _precisely(tx, self.lane, which[0])
        if self._key.mac(redacted(previous, shown, stored)) != redaction:
            self._say("changed", *which, "it is not as it was redacted, or the one before it is not as it was")

    def end(self, head: Head) -> None:
        """The row that was read last is to be the chain's end."""
        last = max(self._expected, default=0)
        if last > self._seq:
            at = self._expected[last][1]
            self._say(
                "truncated",
                self._seq,
                0,
                f"a checkpoint of {at:%Y-%m-%d %H:%M} knows of {last - self._seq} events more",
            )
        if head.seq > self._seq:
            self._say("truncated", self._seq, 0, f"the last {head.seq - self._seq} events are gone")
        elif head.hash != self._hash:
            self._say("end", self._seq, 0, "the chain's end has another hash than the last event")
        elif head.seq and self._key.mac(sealed(self.lane, head.seq, head.hash)) != head.mac:
            own = self._key.id
            whose = "" if head.key_id == own else f"; its key is {head.key_id or 'none'}, the one here {own}"
            self._say("end", self._seq, 0, f"the chain's end was not written by who has the key{whose}")

    def beyond(self, tx: Tx) -> None:
        """An event after the end was appended by somebody who could not move the end. Ends are read after events."""
        last = int(tx.scalar("SELECT COALESCE(max(seq), 0) FROM audit_events WHERE lane = ?", (self.lane,)))
        end = int(tx.scalar("SELECT COALESCE(max(seq), 0) FROM audit_heads WHERE lane = ?", (self.lane,)))
        if last > end:
            self._say("appended", self._seq, 0, f"{last - end} events follow the chain's end")

    def _say(self, kind: str, seq: int, event_id: int, message: str) -> None:
        self.problems.append(AuditProblem(kind, self.lane, seq, event_id, message))
