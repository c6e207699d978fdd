"""Digests of bytes, files and plain values (blake3)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from blake3 import blake3

from runward.core.canonical import canonical_json
from runward.core.ids import Digest

_MMAP_FROM_BYTES = 1 << 20


def digest_bytes(data: bytes | bytearray | memoryview) -> Digest:
    """The blake3 digest of bytes."""
    return Digest(blake3(data).hexdigest())


def digest_chunks(chunks: Iterable[bytes]) -> Digest:
    """The blake3 digest of bytes that come in pieces."""
    hasher = blake3()
    for chunk in chunks:
        hasher.update(chunk)
    return Digest(hasher.hexdigest())


def digest_file(path: str | Path) -> Digest:
    """The blake3 digest of a file's content. Raises: OSError."""
    path = Path(path)
    if path.stat().st_size < _MMAP_FROM_BYTES:
        return digest_bytes(path.read_bytes())
    return Digest(blake3(max_threads=blake3.AUTO).update_mmap(path).hexdigest())


def digest_value(value: Any) -> Digest:
    """The digest of a plain value by its canonical JSON."""
    return digest_bytes(canonical_json(value))
