"""The ledger of erasures: ids and pseudonyms in a small file beside the keys, so that a backup from before follows them.

Rows of a backup under the person's key cannot be read once the key's period is over; what else the backup has of the person is
forgotten again by whoever restores it (:func:`runward.privacy.job.follow_ledger`).
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

_NAME = Path("keys") / "erasures.jsonl"


class Entry(msgspec.Struct, frozen=True):
    """An erasure that was done."""

    erasure: str
    member: str
    pseudonym: str
    kept: list[str] = []
    """Digests of the files that were kept for a reason."""


def path_of(folder: Path) -> Path:
    """Where the ledger of a workspace's folder is."""
    return folder / _NAME


def entries(folder: Path) -> list[Entry]:
    """What the ledger says; a line that cannot be read is passed over."""
    return read(path_of(folder))


def read(path: Path) -> list[Entry]:
    """What a ledger's file says; nothing where there is none."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=Entry))
        except msgspec.DecodeError:
            continue
    return found


def add(folder: Path, entry: Entry) -> None:
    """Note an erasure, durable when this returns. Raises: OSError."""
    if entry in entries(folder):
        return
    path = path_of(folder)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(msgspec.json.encode(entry) + b"\n")
        file.flush()
        os.fsync(file.fileno())
