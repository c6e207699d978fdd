"""Whether the audit trail is as it was written: every chain read from its beginning, its end and the checkpoints compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from runward.governance.checkpoints import Checkpoint
from runward.governance.model import AuditProblem, AuditProof
from runward.governance.trail import PSEUDONYM, AuditKey, Head, encoded, heads, redacted, sealed
from runward.store.database import Row, Tx

_PAGE = 20_000
_SHOWN = 100
# First what the hash is about, in its order.
_COLUMNS = (
    "lane, seq, at, actor_id, via, operation, object_kind, object_id, outcome, hash, person, salt, actor, address, sealed, "
    "redaction"
)
_HASH, _NAMED, _REDACTION = 9, slice(12, 14), 15
_UNKNOWN = -1
"""In the place of an event's id, which is looked up where it is shown."""


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
            chain.read(page)
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
    return AuditProof(
        not found,
        events,
        len(ends),
        forgotten,
        older,
        len(checkpoints),
        last,
        _shown(tx, found),
        len(found),
        shown_anew,
    )


def _shown(tx: Tx, found: Sequence[AuditProblem]) -> list[AuditProblem]:
    """The first problems, with the ids of their events."""
    sql = "SELECT id FROM audit_events WHERE lane = ? AND seq = ?"
    return [
        structs.replace(one, event=int(tx.scalar(sql, (one.lane, one.seq)) or 0)) if one.event == _UNKNOWN else one
        for one in found[:_SHOWN]
    ]


def _pages(tx: Tx, lane: int, last: int) -> Iterator[list[Row]]:
    seq, where = -1, "lane = ? AND seq > ? AND seq <= ?"
    while True:
        page = tx.all(
            f"SELECT {_COLUMNS} FROM audit_events WHERE {where} ORDER BY seq LIMIT ?", (lane, seq, last, _PAGE)
        )
        yield page
        if len(page) < _PAGE:
            return
        seq = page[-1][1]


class _Chain:
    """One lane as it is read."""

    def __init__(self, lane: int, checkpoints: Sequence[Checkpoint], key: AuditKey) -> None:
        self.lane, self._key = lane, key
        self.events = self.forgotten = self.redacted = 0
        self.problems: list[AuditProblem] = []
        self._seq, self._hash = 0, b""
        self._expected = {seq: (digest, one.at) for one in checkpoints
                          for name, (seq, digest) in one.lanes.items() if int(name) == lane}  # fmt: skip

    def read(self, rows: Iterable[Row]) -> None:
        """The rows in their order. Plain on purpose: a million of them take seconds."""
        sha256, encode, expected = hashlib.sha256, encoded, self._expected
        previous, before = self._hash, self._seq
        hash_at, named_at, last, fits = _HASH, _NAMED, b"", b""
        for row in rows:
            seq, stored, person, salt, kept, redaction = row[1], row[9], row[10], row[11], row[14], row[15]
            self.events += 1
            if seq != before + 1:
                self._say("missing", row, f"{seq - before - 1} events before this one are gone")
            elif redaction is not None:
                self._check_redacted(row, previous)
            elif sha256(previous + person + encode(row[:hash_at])).digest() != stored:
                self._say("changed", row, "it is not as it was written, or the one before it is not")
            if kept is not None:
                # One member's rows of a minute have the same.
                if kept != last:
                    last, fits = kept, sha256(kept).digest()
                if fits != person:
                    self._say("changed", row, "the member's name or address is not as it was written")
            elif salt is None:
                self.forgotten += 1
                if row[_NAMED][0] and not row[_NAMED][0].startswith(PSEUDONYM):
                    self._say("changed", row, "the member's name was taken away, and another one put there")
            elif sha256(salt + encode(row[named_at])).digest() != person:
                self._say("changed", row, "the member's name or address is not as it was written")
            if seq in expected and expected[seq][0] != stored.hex():
                self._say(
                    "rewritten", row, f"the checkpoint of {expected[seq][1]:%Y-%m-%d %H:%M} has another hash for it"
                )
            previous, before = stored, seq
        self._hash, self._seq = previous, before

    def _check_redacted(self, row: Row, previous: bytes) -> None:
        """A row in which a person's name was replaced: its hash stays, and the key vouches for what it shows."""
        self.redacted += 1
        shown = redacted(previous, row[:_HASH], bytes(row[_HASH]))
        if self._key.mac(shown) != bytes(row[_REDACTION]):
            self._say("changed", row, "it is not as it was redacted, or the one before it is not as it was")

    def end(self, head: Head) -> None:
        """The row that was read last is to be the chain's end."""
        last = max(self._expected, default=0)
        if last > self._seq:
            at = self._expected[last][1]
            self._say("truncated", None, f"a checkpoint of {at:%Y-%m-%d %H:%M} knows of {last - self._seq} events more")
        if head.seq > self._seq:
            self._say("truncated", None, f"the last {head.seq - self._seq} events are gone")
        elif head.hash != self._hash:
            self._say("end", None, "the chain's end has another hash than the last event")
        elif head.seq and self._key.mac(sealed(self.lane, head.seq, head.hash)) != head.mac:
            whose = (
                ""
                if head.key_id == self._key.id
                else f"; its key is {head.key_id or 'none'}, the one here {self._key.id}"
            )
            self._say("end", None, f"the chain's end was not written by who has the key{whose}")

    def beyond(self, tx: Tx) -> None:
        """An event after the end was appended by somebody who could not move the end. Ends are read after events."""
        last = int(tx.scalar("SELECT COALESCE(max(seq), 0) FROM audit_events WHERE lane = ?", (self.lane,)))
        end = int(tx.scalar("SELECT COALESCE(max(seq), 0) FROM audit_heads WHERE lane = ?", (self.lane,)))
        if last > end:
            self._say("appended", None, f"{last - end} events follow the chain's end")

    def _say(self, kind: str, row: Row | None, message: str) -> None:
        seq, event_id = (row[1], _UNKNOWN) if row else (self._seq, 0)
        self.problems.append(AuditProblem(kind, self.lane, seq, event_id, message))
