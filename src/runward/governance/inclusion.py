"""That one event is on the audit trail, shown to somebody who sees nothing else of it.

A checkpoint carries, for the events since the one before it, the root of a Merkle tree over their hashes. From an event's hash
some ten further hashes lead to that root, and the checkpoint's signature vouches for it.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from pathlib import Path

import msgspec

from runward.core.signing import fits, key_id
from runward.errors import ConflictError, CorruptedError, InvalidError, NotFoundError
from runward.governance.checkpoints import Checkpoint, covering, write_checkpoint
from runward.governance.model import EventProof, EventWho
from runward.governance.trail import AuditKey, Noted, link, personal
from runward.governance.tree import climbed, links, path_of
from runward.store.database import Tx

KIND = "runward audit event proof"


def prove_event(tx: Tx, folder: Path, key: AuditKey, event_id: int, now: datetime) -> EventProof:
    """That an event is on the trail. Where no checkpoint knows of it yet, one is made.

    Raises: NotFoundError, ConflictError (the event is older than the chains, or the checkpoint is not signed).
    """
    row = tx.one(
        f"SELECT lane, seq, {', '.join(Noted._fields)}, hash, person, salt, actor, address FROM audit_events WHERE id = ?",
        (event_id,),
    )
    if row is None:
        raise NotFoundError(f"there is no event {event_id}", hint="`runward audit list --json` shows the ids")
    lane, seq, digest, person, salt, actor, address = *row[:2], *row[-5:]
    if lane is None:
        raise ConflictError(f"event {event_id} is older than the chains", hint="nothing shows whether it was changed")
    line = covering(folder, lane, seq)
    if line is None:
        write_checkpoint(tx, folder, key, now)
        line = covering(folder, lane, seq)
    if line is None or not line.signature:
        raise ConflictError(
            f"no signed checkpoint knows of event {event_id}",
            hint="pip install 'runward[sign]'; runward audit checkpoint",
        )
    noted = msgspec.json.decode(line.checkpoint, type=Checkpoint)
    first, last = (noted.trees or {})[str(lane)][0], noted.lanes[str(lane)][0]
    leaves = links(tx, lane, first, last)
    previous = links(tx, lane, seq - 2, seq - 1)
    return EventProof(
        kind=KIND,
        lane=lane,
        seq=seq,
        **dict(zip(Noted._fields, row[2:9], strict=True)),
        who=None if salt is None else EventWho(actor, address, bytes(salt).hex()),
        person=bytes(person).hex(),
        previous=previous[0].hex() if previous else "",
        hash=bytes(digest).hex(),
        path=[one.hex() for one in path_of(leaves, seq - first - 1)],
        checkpoint=line.checkpoint,
        signature=line.signature,
    )


def check(proof: EventProof, public_key: bytes) -> str:
    """The id of the key that vouches for the event.

    Args:
        proof: What is claimed.
        public_key: Ed25519 in PEM, from somebody who is trusted (``runward key``), and not from who hands over the proof.

    Raises: CorruptedError (saying what does not fit), InvalidError (no such key, or a proof of another kind), MissingExtraError.
    """
    if proof.kind != KIND:
        raise InvalidError(f"kind = {proof.kind!r}: not {KIND!r}", hint="runward audit proof EVENT writes one")
    try:
        previous, person, hashed = (bytes.fromhex(one) for one in (proof.previous, proof.person, proof.hash))
        path = [bytes.fromhex(one) for one in proof.path]
        salt = bytes.fromhex(proof.who.salt) if proof.who else b""
        signature = base64.b64decode(proof.signature, validate=True)
        noted = msgspec.json.decode(proof.checkpoint, type=Checkpoint)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise InvalidError(f"the proof cannot be read: {error}", hint="get it again, unchanged") from error
    event = Noted(*(getattr(proof, name) for name in Noted._fields))
    if link(previous, proof.lane, proof.seq, event, person) != hashed:
        raise CorruptedError("the event is not the one whose hash the proof is about")
    if proof.who and personal(salt, proof.who.name, proof.who.address) != person:
        raise CorruptedError("the member's name or address is not the one that was noted")
    lane = str(proof.lane)
    if noted.trees is None or lane not in noted.trees or lane not in noted.lanes:
        raise CorruptedError("the checkpoint is about other chains")
    (first, root), (last, _) = noted.trees[lane], noted.lanes[lane]
    if not first < proof.seq <= last:
        raise CorruptedError(f"the checkpoint is about rows {first + 1} to {last}, the event is row {proof.seq}")
    if climbed(hashed, proof.seq - first - 1, last - first, path).hex() != root:
        raise CorruptedError("the proof's path leads to another root than the checkpoint's")
    if not fits(public_key, signature, proof.checkpoint.encode()):
        raise CorruptedError("the checkpoint is not signed by this key")
    return key_id(public_key)
