"""Checkpoints of the audit trail: where its chains ended at a time, kept outside of the database.

A line each, in `audit/checkpoints.jsonl` of the workspace's folder and in every file that ``RUNWARD_AUDIT_CHECKPOINTS`` names
(separated by the system's path separator; on another machine's disk, say). Each is authentic by the audit key, and signed with
the workspace's Ed25519 key where `cryptography` is installed, so that others can check it too.
"""

from __future__ import annotations

import base64
import contextlib
import os
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from runward.core.clock import utc_now
from runward.core.files import write_secret
from runward.core.signing import new_key, sign_bytes
from runward.errors import MissingExtraError, RunwardError, StoreError
from runward.governance.trail import AuditKey, Head, heads
from runward.store.database import Database

_KIND = "runward audit checkpoint"
_DUE_S, _LOOK_S = 3600.0, 60.0
_READ = 1_000_000
"""So many last bytes of a file are read: a later checkpoint vouches for all that an earlier one does."""


class Checkpoint(msgspec.Struct, frozen=True):
    """Where the chains ended."""

    at: datetime
    lanes: dict[str, tuple[int, str]]
    """By lane how many rows it had, and the hash of the last one in hexadecimal digits."""
    kind: str = _KIND


class Line(msgspec.Struct, frozen=True):
    """A checkpoint as written."""

    checkpoint: str
    """The text that is authentic."""
    mac: str
    key_id: str
    signature: str = ""
    """Ed25519 in base64, by the workspace's signing key; empty where `cryptography` is not installed."""


def places(folder: Path) -> list[Path]:
    """The files that checkpoints are written to."""
    named = os.environ.get("RUNWARD_AUDIT_CHECKPOINTS", "")
    return [folder / "audit" / "checkpoints.jsonl", *(Path(one) for one in named.split(os.pathsep) if one)]


def signing_key(folder: Path) -> bytes:
    """The workspace's private key in PEM, made when it is first needed. Raises: MissingExtraError."""
    path = folder / "keys" / "signing.pem"
    if not path.exists():
        # Two that begin together: one makes the key, and both use it.
        with contextlib.suppress(FileExistsError):
            write_secret(path, new_key())
    return path.read_bytes()


def write_checkpoint(folder: Path, key: AuditKey, heads: Sequence[Head], now: datetime) -> Checkpoint:
    """Note where the chains end now, in every place. Raises: StoreError (a place cannot be written to)."""
    made = Checkpoint(now, {str(head.lane): (head.seq, head.hash.hex()) for head in heads})
    text = msgspec.json.encode(made)
    signature = ""
    with contextlib.suppress(MissingExtraError):
        signature = base64.b64encode(sign_bytes(signing_key(folder), text)).decode()
    line = msgspec.json.encode(Line(text.decode(), key.mac(text).hex(), key.id, signature)) + b"\n"
    for path in places(folder):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"the checkpoint cannot be written to {path}: {error}") from error
    return made


class Checkpointer:
    """Writes a checkpoint when the trail has grown since the last one. Thread-safe."""

    def __init__(self, database: Database, folder: Path, key: AuditKey) -> None:
        self._database, self._folder, self._key = database, folder, key
        self._noted: list[Head] = []
        self._mutex = threading.Lock()
        self._next_look = 0.0

    def write(self) -> None:
        """Raises: StoreError."""
        with self._mutex:
            with self._database.transaction(write=False) as tx:
                found = heads(tx)
            if found != self._noted:
                write_checkpoint(self._folder, self._key, found, utc_now())
                self._noted = found

    def write_when_due(self) -> None:
        """After an event: where the last checkpoint of this folder is older than an hour. Costs nothing most times."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_S
        # What cannot be noted now is noted the next time; what was done is stored either way.
        with contextlib.suppress(RunwardError, OSError):
            if not self._is_fresh():
                self.write()

    def _is_fresh(self) -> bool:
        try:
            return utc_now().timestamp() - places(self._folder)[0].stat().st_mtime < _DUE_S
        except FileNotFoundError:
            return False


def read_checkpoints(folder: Path, key: AuditKey) -> tuple[list[Checkpoint], int]:
    """The latest checkpoints of all places that are authentic, oldest first, and how many lines are not."""
    found: dict[str, Checkpoint] = {}
    wrong = 0
    for path in places(folder):
        for raw in _last_lines(path):
            try:
                line = msgspec.json.decode(raw, type=Line)
                made = msgspec.json.decode(line.checkpoint, type=Checkpoint)
            except msgspec.DecodeError:
                wrong += 1
                continue
            if made.kind != _KIND or line.mac != key.mac(line.checkpoint.encode()).hex():
                wrong += 1
                continue
            found[line.checkpoint] = made
    return sorted(found.values(), key=lambda one: one.at), wrong


def _last_lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _READ))
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    # The first of a part may be cut off, and what follows the last end of a line was not written whole.
    return lines[1 if size > _READ else 0 : -1]
