"""Many contents in one stream of bytes: the digest of each, its length, its bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from runward.core.ids import Digest
from runward.errors import StoreError

_HEAD = struct.Struct(">32sq")
_PIECE = 1 << 18
ALONE = -1
"""The length of a content that is too large for the stream and has to be asked for alone."""


def framed(contents: Iterable[tuple[Digest, bytes | None]]) -> Iterator[bytes]:
    """The stream, in pieces worth sending; None stands for a content that has to be asked for alone."""
    piece = bytearray()
    for digest, data in contents:
        piece += _HEAD.pack(bytes.fromhex(digest), ALONE if data is None else len(data))
        piece += data or b""
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def unframed(pieces: Iterable[bytes]) -> Iterator[tuple[Digest, bytes | None]]:
    """The contents of a stream, unchecked. Raises: StoreError (it ends in the middle of one)."""
    held, start = bytearray(), 0
    for piece in pieces:
        del held[:start]
        held += piece
        start = 0
        while len(held) - start >= _HEAD.size:
            digest, size = _HEAD.unpack_from(held, start)
            end = start + _HEAD.size + max(size, 0)
            if end > len(held):
                break
            yield Digest(digest.hex()), None if size == ALONE else bytes(held[start + _HEAD.size : end])
            start = end
    if start != len(held):
        raise StoreError("the answer of the server ended in the middle of a file", hint="try again")
