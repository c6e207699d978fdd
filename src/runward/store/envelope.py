"""A sealed blob: a header, and its bytes in chunks of 1 MiB, each under AES-256-GCM.

Every blob has a random key of its own, which stands in the header wrapped by the key of its team: changing the team's key or the
root key changes no blob. A chunk's nonce is its number and whether it is the last one (the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015), so that
chunks that are missing, doubled or in another order are refused, and any of them can be read alone. The wrapped key is bound to
the rest of the header and to the name under which the blob lies: one blob does not pass for another.

======  =====  ==========================================================
offset  bytes  what
======  =====  ==========================================================
0       4      ``RWSB``
4       1      version: 1
5       12     id of the team's key
17      4      bytes of a chunk: 1,048,576
21      8      bytes of the content
29      92     nonce, blob's key and digest of the content, wrapped
121            chunks, each with its tag of 16 bytes; the last may be short
======  =====  ==========================================================
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, NamedTuple

from runward.core.ids import Digest
from runward.errors import CorruptedError
from runward.store.blobs import CHUNK_BYTES, BlobWriter, check_announced
from runward.store.ciphers import KEY_BYTES, NONCE_BYTES, TAG_BYTES, cipher, new_secret, seal, unseal
from runward.store.ciphers import decrypted as unsealed
from runward.store.keys import Held

_MAGIC, _VERSION = b"RWSB", 1
_FIXED = struct.Struct(">4sB12sIQ")
HEADER_BYTES = _FIXED.size + NONCE_BYTES + KEY_BYTES + 32 + TAG_BYTES
BLOCK_BYTES = CHUNK_BYTES + TAG_BYTES


class Header(NamedTuple):
    """What stands before the chunks."""

    key_id: str
    size: int
    """Bytes of the content."""
    fixed: bytes
    wrapped: bytes


class Opened(NamedTuple):
    """What the header's key opens."""

    secret: bytes
    digest: Digest
    size: int
    key_id: str
    """The team's key that opened it."""


def sealed_size(size: int) -> int:
    """Bytes of a sealed blob with so many bytes of content."""
    return HEADER_BYTES + size + TAG_BYTES * _blocks(size)


def content_size(sealed: int) -> int:
    """Bytes of the content of a sealed blob of so many bytes."""
    rest = max(sealed - HEADER_BYTES, TAG_BYTES)
    return rest - TAG_BYTES * -(-rest // BLOCK_BYTES)


def _blocks(size: int) -> int:
    return max(1, -(-size // CHUNK_BYTES))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(NONCE_BYTES - 1, "big") + bytes([last])


def _about(fixed: bytes, name: str) -> bytes:
    return fixed + bytes.fromhex(name)


class SealingWriter(BlobWriter):
    """Takes a content's bytes one after the other, and writes the sealed blob."""

    def __init__(
        self, file: BinaryIO, key: Held, name_of: Callable[[Digest], Digest], keep: Callable[[Digest], None]
    ) -> None:
        """Begin a blob.

        Args:
            file: An empty file.
            key: The team's.
            name_of: Where a content of some digest lies.
            keep: Keeps the file under a name.
        """
        super().__init__(file, keep)
        self._key, self._name_of = key, name_of
        self._secret = new_secret()
        self._cipher = cipher(self._secret)
        # Two pieces of memory for all chunks: to get a new one for each takes longer than to encrypt it.
        self._waiting, self._sealed = memoryview(bytearray(CHUNK_BYTES)), memoryview(bytearray(BLOCK_BYTES))
        self._filled, self._number = 0, 0
        self._full: memoryview | None = None
        """A whole chunk that may be the last one."""
        file.write(bytes(HEADER_BYTES))

    def write(self, chunk: bytes) -> None:
        """Add bytes. Raises: OSError."""
        self._hasher.update(chunk)
        self._size += len(chunk)
        rest = memoryview(chunk)
        while rest:
            if self._full is not None:
                # More comes, so it is not the last one.
                self._add(self._full, last=False)
                self._full = None
            if not self._filled and len(rest) >= CHUNK_BYTES:
                self._full, rest = rest[:CHUNK_BYTES], rest[CHUNK_BYTES:]
                continue
            taken = rest[: CHUNK_BYTES - self._filled]
            self._waiting[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            rest = rest[len(taken) :]
            if self._filled == CHUNK_BYTES:
                self._full, self._filled = self._waiting, 0

    def _add(self, chunk: memoryview, *, last: bool) -> None:
        sealed = self._sealed[: len(chunk) + TAG_BYTES]
        self._cipher.encrypt_into(_nonce(self._number, last=last), chunk, None, sealed)
        self._file.write(sealed)
        self._number += 1

    def finish(self, expect: Digest | None = None) -> tuple[Digest, Digest, int]:
        """Write what is left, and the header; (name, digest, size) of the content. Raises: InvalidError, OSError."""
        digest = Digest(self._hasher.hexdigest())
        if expect is not None:
            check_announced(digest, expect)
        self._add(self._waiting[: self._filled] if self._full is None else self._full, last=True)
        name = self._name_of(digest)
        self._file.seek(0)
        self._file.write(_header(self._key, self._secret, name, digest, self._size))
        return name, digest, self._size

    def commit(self, expect: Digest | None = None) -> tuple[Digest, int]:
        """See :meth:`BlobWriter.commit`."""
        name, digest, size = self.finish(expect)
        self._keep(name)
        return digest, size


def _header(key: Held, secret: bytes, name: Digest, digest: Digest, size: int) -> bytes:
    fixed = _FIXED.pack(_MAGIC, _VERSION, key.id.encode(), CHUNK_BYTES, size)
    return fixed + seal(key.cipher, secret + bytes.fromhex(digest), _about(fixed, name))


def sealed_whole(data: bytes, key: Held, name: Digest, digest: Digest) -> bytes:
    """The sealed blob of a content that is no longer than a chunk."""
    secret = new_secret()
    return _header(key, secret, name, digest, len(data)) + cipher(secret).encrypt(_nonce(0, last=True), data, None)


def header_of(data: bytes) -> Header:
    """The header that a sealed blob begins with. Raises: CorruptedError."""
    if len(data) < HEADER_BYTES:
        raise CorruptedError("a sealed blob is cut off in its header", hint="restore it from a backup")
    fixed, wrapped = data[: _FIXED.size], data[_FIXED.size : HEADER_BYTES]
    magic, version, key_id, chunk, size = _FIXED.unpack(fixed)
    if (magic, version, chunk) != (_MAGIC, _VERSION, CHUNK_BYTES):
        raise CorruptedError(
            "a sealed blob begins in a way that this version does not know", hint="restore it, or upgrade Runward"
        )
    return Header(key_id.decode("ascii", errors="replace"), size, fixed, wrapped)


def opened(header: Header, key: Held, name: Digest) -> Opened:
    """What the team's key opens of a header. Raises: CorruptedError."""
    told = unseal(key.cipher, header.wrapped, _about(header.fixed, name))
    return Opened(told[:KEY_BYTES], Digest(told[KEY_BYTES:].hex()), header.size, header.key_id)


def place_of(size: int, start: int, stop: int) -> tuple[int, int]:
    """(offset in the sealed blob, length) of the chunks that hold some bytes of a content of a size."""
    first = min(start // CHUNK_BYTES, _blocks(size) - 1)
    after = max(min(-(-stop // CHUNK_BYTES), _blocks(size)), first + 1)
    begin = HEADER_BYTES + first * BLOCK_BYTES
    return begin, min(HEADER_BYTES + after * BLOCK_BYTES, sealed_size(size)) - begin


def decrypted(found: Opened, pieces: Iterable[bytes], start: int, stop: int) -> Iterator[bytes]:
    """The bytes of a content from ``start`` to before ``stop``, out of the chunks at :func:`place_of`.

    Raises: CorruptedError (at the first chunk that is not as it was written, or missing).
    """
    number, last = min(start // CHUNK_BYTES, _blocks(found.size) - 1), _blocks(found.size) - 1
    under, waiting, filled = cipher(found.secret), memoryview(bytearray(BLOCK_BYTES)), 0
    stream = iter(pieces)
    piece = memoryview(b"")
    while number <= last and (number * CHUNK_BYTES < stop or not number):
        wanted = BLOCK_BYTES if number < last else found.size - last * CHUNK_BYTES + TAG_BYTES
        while filled < wanted:
            piece = piece or memoryview(next(stream, b""))
            if not piece:
                break
            taken = piece[: wanted - filled]
            waiting[filled : filled + len(taken)] = taken
            filled, piece = filled + len(taken), piece[len(taken) :]
        chunk = unsealed(under, _nonce(number, last=number == last), waiting[:filled], None)
        offset = number * CHUNK_BYTES
        yield chunk[max(start - offset, 0) : stop - offset]
        number, filled = number + 1, 0
