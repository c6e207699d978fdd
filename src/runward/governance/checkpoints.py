"""Checkpoints of the audit trail: where its chains ended at a time, kept outside of the database.

A line each, with the root of a tree over the events since the one before (:mod:`runward.governance.tree`), in `audit/checkpoints.jsonl` of the workspace's folder and in every file that ``RUNWARD_AUDIT_CHECKPOINTS`` names
(separated by the system's path separator; on another machine's disk, say). Each is authentic by the audit key, and signed with
the workspace's Ed25519 key where `cryptography` is installed, so that others can check it too.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from runward.core.clock import utc_now
from runward.core.files import write_secret
from runward.core.signing import new_key, sign_bytes
from runward.errors import MissingExtraError, RunwardError, StoreError
from runward.governance.trail import AuditKey, Head, heads, unchained
from runward.governance.tree import links, root_of
from runward.store.database import Database, Tx

_KIND = "runward audit checkpoint"
_DUE_S, _LOOK_S = 3600.0, 60.0
_READ = 1_000_000
"""So many last bytes of a file are read: a later checkpoint vouches for all that an earlier one does."""


class Checkpoint(msgspec.Struct, frozen=True):
    """Where the chains ended."""

    at: datetime
    lanes: dict[str, tuple[int, str]]
    """By lane how many rows it had, and the hash of the last one in hexadecimal digits."""
    trees: dict[str, tuple[int, str]] | None = None
    """By lane to which something was added: the row after which its tree begins, and the tree's root in hexadecimal digits.
    None in checkpoints from before there were trees."""
    older: int | None = None
    """So many events were in no chain: those from before there were chains. None in checkpoints that did not count them."""
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


def write_checkpoint(tx: Tx, folder: Path, key: AuditKey, now: datetime) -> Checkpoint:
    """Note where the chains end now, in every place. Raises: StoreError (a place cannot be written to)."""
    near = places(folder)[0]
    try:
        near.parent.mkdir(parents=True, exist_ok=True)
        with near.open("ab") as file:
            # The next one begins where this one ends.
            fcntl.flock(file, fcntl.LOCK_EX)
            return _write(tx, folder, key, now)
    except OSError as error:
        raise StoreError(f"the checkpoint cannot be written to {near}: {error}") from error


def _write(tx: Tx, folder: Path, key: AuditKey, now: datetime) -> Checkpoint:
    last = last_checkpoint(folder)
    before = _ends(last) if last else {}
    lanes: dict[str, tuple[int, str]] = {}
    trees: dict[str, tuple[int, str]] = {}
    for head in heads(tx):
        lane = str(head.lane)
        first = before.get(lane, (0, ""))[0]
        lanes[lane] = (head.seq, head.hash.hex())
        if added := links(tx, head.lane, first, head.seq):
            trees[lane] = (first, root_of(added).hex())
    made = Checkpoint(now, lanes, trees, unchained(tx))
    text = msgspec.json.encode(made)
    signature = ""
    with contextlib.suppress(MissingExtraError):
        signature = base64.b64encode(sign_bytes(signing_key(folder), text)).decode()
    line = msgspec.json.encode(Line(text.decode(), key.mac(text).hex(), key.id, signature)) + b"\n"
    for path in places(folder):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as file:
                _end_well(file)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"the checkpoint cannot be written to {path}: {error}") from error
    return made


def _end_well(file: BinaryIO) -> None:
    """Cut off what was not written whole, when the disk was full or the power failed: the next line must not be a part of it."""
    size = file.seek(0, os.SEEK_END)
    first = max(0, size - _READ)
    file.seek(first)
    whole = first + file.read().rfind(b"\n") + 1
    if whole < size:
        file.truncate(whole)


class Checkpointer:
    """Writes a checkpoint when the trail has grown since the last one. Thread-safe."""

    def __init__(self, database: Database, folder: Path, key: AuditKey) -> None:
        self._database, self._folder, self._key = database, folder, key
        self._noted: list[Head] = []
        self._mutex = threading.Lock()
        self._next_look = 0.0

    def write(self) -> None:
        """Raises: StoreError."""
        with self._mutex, self._database.transaction(write=False) as tx:
            found = heads(tx)
            if found != self._noted:
                write_checkpoint(tx, self._folder, self._key, utc_now())
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


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The last checkpoint of this folder, or none."""
    for raw in reversed(_last_lines(places(folder)[0])):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(msgspec.json.decode(raw, type=Line).checkpoint, type=Checkpoint)
    return None


def covering(folder: Path, lane: int, seq: int) -> Line | None:
    """The checkpoint of this folder whose tree holds a row, or none. Reads few lines of the file, however long it is."""
    try:
        with places(folder)[0].open("rb") as file:
            low, high = 0, file.seek(0, os.SEEK_END)
            while low < high:
                middle = (low + high) // 2
                found = _line_from(file, middle)
                if found is None or _ends(found[1]).get(str(lane), (0, ""))[0] >= seq:
                    high = middle
                else:
                    low = middle + 1
            found = _line_from(file, low)
    except FileNotFoundError:
        return None
    return found[0] if found is not None and found[1].trees is not None else None


def _ends(made: Checkpoint) -> dict[str, tuple[int, str]]:
    return {} if made.trees is None else made.lanes


def _line_from(file: BinaryIO, position: int) -> tuple[Line, Checkpoint] | None:
    """The first line that begins at a position of the file or later, and is whole."""
    file.seek(max(0, position - 1))
    if position:
        file.readline()
    for raw in file:
        with contextlib.suppress(msgspec.DecodeError):
            line = msgspec.json.decode(raw, type=Line)
            return line, msgspec.json.decode(line.checkpoint, type=Checkpoint)
    return None


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
