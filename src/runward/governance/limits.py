"""Limits on wrong tries, shared by all processes that serve one database.

Tries are counted in a fixed number of buckets: a table that grew with what is tried would be a way to fill the disk. Which
name or address falls into which bucket depends on the workspace's own random id, so nobody can aim at a bucket of somebody else.
A try is counted before it is made and taken back when it was right: many at once get no further than one after the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from runward.core.clock import to_us, utc_now
from runward.errors import QuotaExceededError
from runward.store.database import Tx

BUCKETS = 65_536
WINDOW_S = 300
_WINDOW_US = WINDOW_S * 1_000_000


def bucket_of(tx: Tx, key: str) -> int:
    """The bucket in which tries with a key are counted."""
    salt = str(tx.scalar("SELECT value FROM workspace WHERE key = 'id'"))
    return int.from_bytes(hashlib.blake2b(key.encode(), key=salt.encode()[:64], digest_size=2).digest(), "big")


def count_try(tx: Tx, keys: Sequence[str], most: int) -> None:
    """Count a try for each key. Raises: QuotaExceededError (one of them had as many within five minutes)."""
    now = to_us(utc_now())
    # In one order, so that two that count the same keys do not wait for each other.
    for bucket in sorted({bucket_of(tx, key) for key in keys}):
        # A window that begins later than now was opened by somebody a moment ago, or before the clock was put back: then
        # it would last for as long as it was put back.
        count = tx.scalar(
            """INSERT INTO tries (bucket, began_at, count) VALUES (?, ?, 1) ON CONFLICT (bucket) DO UPDATE SET
               count = CASE WHEN tries.began_at BETWEEN ? AND ? THEN tries.count + 1 ELSE 1 END,
               began_at = CASE WHEN tries.began_at BETWEEN ? AND ? THEN tries.began_at ELSE excluded.began_at END
               RETURNING count""",
            (bucket, now, now - _WINDOW_US, now + _WINDOW_US, now - _WINDOW_US, now + _WINDOW_US),
        )
        if count is not None and count > most:
            hint = f"try again in {WINDOW_S // 60} minutes"
            raise QuotaExceededError("too many tries in a short time", hint=hint, retry_after_s=WINDOW_S)


def take_back(tx: Tx, keys: Sequence[str]) -> None:
    """Uncount a try that was right."""
    for key in keys:
        tx.execute("UPDATE tries SET count = count - 1 WHERE bucket = ? AND count > 0", (bucket_of(tx, key),))
