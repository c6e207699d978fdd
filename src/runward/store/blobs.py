"""Content-addressed bytes: written once, named by their blake3 digest. :mod:`runward.store.objects` is the other store."""

from __future__ import annotations

import abc
import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from blake3 import blake3

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import CorruptedError, InvalidError, NotFoundError

_DIGEST = re.compile(r"[0-9a-f]{64}")
CHUNK_BYTES = 1 << 20
"""Bytes are read and sent in pieces of this size."""
TABLES = "tables"
"""The folder, beside those of the blobs, of the files that other tools read by name."""


def check_digest(text: str) -> Digest:
    """The text as a digest. Raises: InvalidError."""
    if not _DIGEST.fullmatch(text):
        raise InvalidError(f"digest {text[:80]!r} is not 64 lower-case hexadecimal digits")
    return Digest(text)


class Blobs(Protocol):
    """A store of bytes by digest. Thread-safe; a blob that is there is complete."""

    def has(self, digest: Digest) -> bool:
        """Whether the blob is stored."""
        ...

    def have(self, digests: Sequence[Digest]) -> set[Digest]:
        """Those that are stored."""
        ...

    def size(self, digest: Digest) -> int:
        """The blob's length in bytes. Raises: NotFoundError."""
        ...

    def touch(self, digest: Digest) -> bool:
        """Say that a blob is wanted now, so that garbage collection leaves it alone; False where it has to be put."""
        ...

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes; storing the same bytes again costs a digest and writes nothing."""
        ...

    def put_file(self, path: str | Path) -> Digest:
        """Store a file's content as it is while read. Raises: OSError, StoreError."""
        ...

    def put_stream(self, chunks: Iterable[bytes], expect: Digest | None = None) -> tuple[Digest, int]:
        """Store a stream of chunks; returns digest and size in bytes. Raises: as :meth:`BlobWriter.commit`."""
        ...

    def put_many(self, contents: Iterable[tuple[Digest, Iterable[bytes]]]) -> list[int]:
        """Store many announced contents, durable when this returns; their sizes in bytes.

        Raises: InvalidError (a content has another digest; none of them is kept), StoreError.
        """
        ...

    def writer(self) -> contextlib.AbstractContextManager[BlobWriter]:
        """A blob to write piece by piece; without a commit nothing of it stays. Raises: StoreError."""
        ...

    def read(self, digest: Digest) -> bytes:
        """A whole blob, checked against its digest. Raises: NotFoundError, CorruptedError."""
        ...

    def read_many(self, digests: Sequence[Digest]) -> Iterator[bytes]:
        """Whole blobs in the order asked for, each once, checked against their digests.

        Raises: NotFoundError, CorruptedError.
        """
        ...

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """A blob in pieces, unchecked. Raises: NotFoundError, at once."""
        ...

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Copy a blob to a file. Raises: NotFoundError."""
        ...

    def local_path(self, digest: Digest) -> Path | None:
        """The file that holds the blob, where a file of its own does."""
        ...

    def link(self, digest: Digest) -> str:
        """A URL from which whoever has it can fetch the blob for some minutes; empty where there is none."""
        ...

    def begin_upload(self, project_id: str) -> tuple[str, str]:
        """(id, URL) at which a client can put bytes for some minutes, beside this server; empty where there is none."""
        ...

    def finish_upload(self, project_id: str, upload: str, expect: Digest) -> int:
        """Keep what was put at a URL of :meth:`begin_upload`; returns its size in bytes.

        Raises: NotFoundError (nothing was put), InvalidError (other bytes; they are removed).
        """
        ...

    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """(digest, bytes, time in seconds since 1970 when it was last wanted) of every blob."""
        ...

    def remove(self, digests: Sequence[Digest], before: float) -> set[Digest]:
        """Delete blobs, except those that were wanted after ``before`` (seconds since 1970); returns what is gone."""
        ...

    def sweep(self, before: float) -> int:
        """Remove what uploads that were never finished left behind before a time; returns bytes."""
        ...

    def scrub(self) -> str:
        """Overwrite what removed blobs left behind, as far as this store can; what was done, in words. Raises: StoreError."""
        ...

    @property
    def tables(self) -> str:
        """Where :meth:`write_table` writes: a folder or a URL."""
        ...

    def write_table(self, name: str, path: Path) -> None:
        """Put a copy of a file under a name (a relative path) among the tables, whole or not at all; it may replace one.

        Raises: StoreError.
        """
        ...

    def drop_table(self, name: str) -> None:
        """Remove a table, if it is there. Raises: StoreError."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def not_stored(digest: str) -> NotFoundError:
    """The error of a blob that is not there."""
    return NotFoundError(f"blob {digest[:12]} is not stored")


def checked(digest: Digest, data: bytes) -> bytes:
    """The data, if it has the digest. Raises: CorruptedError."""
    if digest_bytes(data) != digest:
        raise CorruptedError(f"blob {digest[:12]} does not match its digest", hint="restore it from a backup")
    return data


class Putting(abc.ABC):
    """What every store does in the same way, given :meth:`Blobs.writer` and :meth:`Blobs.touch`."""

    @abc.abstractmethod
    def has(self, digest: Digest) -> bool:
        """See :meth:`Blobs.has`."""

    def have(self, digests: Sequence[Digest]) -> set[Digest]:
        """See :meth:`Blobs.have`."""
        return {digest for digest in digests if self.has(digest)}

    @abc.abstractmethod
    def touch(self, digest: Digest) -> bool:
        """See :meth:`Blobs.touch`."""

    @abc.abstractmethod
    def writer(self) -> contextlib.AbstractContextManager[BlobWriter]:
        """See :meth:`Blobs.writer`."""

    def put_bytes(self, data: bytes) -> Digest:
        """See :meth:`Blobs.put_bytes`."""
        digest = digest_bytes(data)
        if not self.touch(digest):
            self.put_stream([data])
        return digest

    def put_file(self, path: str | Path) -> Digest:
        """See :meth:`Blobs.put_file`."""
        with open(path, "rb") as source:
            return self.put_stream(iter(lambda: source.read(CHUNK_BYTES), b""))[0]

    def put_stream(self, chunks: Iterable[bytes], expect: Digest | None = None) -> tuple[Digest, int]:
        """See :meth:`Blobs.put_stream`."""
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.commit(expect)


def check_announced(found: str, announced: Digest) -> None:
    """Raises: InvalidError (the bytes have another digest)."""
    if found != announced:
        raise InvalidError(f"the bytes have digest {found[:12]}, announced was {announced[:12]}")


class BlobWriter:
    """Takes a blob's bytes one after the other."""

    def __init__(self, file: BinaryIO, keep: Callable[[Digest], None]) -> None:
        self._file, self._keep = file, keep
        self._hasher, self._size = blake3(), 0

    def write(self, chunk: bytes) -> None:
        """Add bytes. Raises: OSError."""
        self._hasher.update(chunk)
        self._file.write(chunk)
        self._size += len(chunk)

    def commit(self, expect: Digest | None = None) -> tuple[Digest, int]:
        """Keep the blob durably; returns digest and size.

        Raises:
            InvalidError: The content does not have the digest that was announced; nothing is kept.
            OSError: The disk is full or read-only; nothing is kept.
        """
        digest = Digest(self._hasher.hexdigest())
        if expect is not None:
            check_announced(digest, expect)
        self._keep(digest)
        return digest, self._size
