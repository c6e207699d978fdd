"""Merkle trees over the hashes of audit events, as RFC 9162 (Certificate Transparency), section 2.1, has them; SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from runward.errors import CorruptedError
from runward.store.database import Tx


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root of the tree over some hashes, which are not none."""
    return _fold([_leaf(one) for one in leaves], [])


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """What leads from one of the hashes to the root of all."""
    found: list[bytes] = []
    _fold([_leaf(one) for one in leaves], found, index)
    return found


def _leaf(digest: bytes) -> bytes:
    return hashlib.sha256(b"\0" + digest).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _fold(level: list[bytes], path: list[bytes], index: int = -1) -> bytes:
    """Level by level, where one without a neighbour rises as it is: the tree that the RFC splits from above."""
    while len(level) > 1:
        if index >= 0:
            if index ^ 1 < len(level):
                path.append(level[index ^ 1])
            index //= 2
        pairs = [_node(level[n], level[n + 1]) for n in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def climbed(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root to which a path leads. Raises: CorruptedError (the path is too short or too long)."""
    steps: Iterator[bytes] = iter(path)
    found = _leaf(leaf)
    while size > 1:
        if index ^ 1 < size:
            other = next(steps, None)
            if other is None:
                raise CorruptedError("the proof's path ends before the checkpoint's root")
            found = _node(other, found) if index & 1 else _node(found, other)
        index, size = index // 2, (size + 1) // 2
    if next(steps, None) is not None:
        raise CorruptedError("the proof's path goes on after the checkpoint's root")
    return found


def links(tx: Tx, lane: int, after: int, last: int) -> list[bytes]:
    """The hashes of a chain's rows after one and up to another."""
    rows = tx.all(
        "SELECT hash FROM audit_events WHERE lane = ? AND seq > ? AND seq <= ? ORDER BY seq", (lane, after, last)
    )
    return [bytes(row[0]) for row in rows]
