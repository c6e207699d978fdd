"""Content-addressed bytes: written once, named by their blake3 digest. :mod:`runward.store.objects` is the other store."""

from __future__ import annotations

import abc
import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, Self

from blake3 import blake3

from runward.core.apart import reading
from runward.core.hashing import digest_bytes, digest_chunks
from runward.core.ids import Digest
from runward.errors import CorruptedError, InvalidError, NotFoundError

_DIGEST = re.compile(r"[0-9a-f]{64}")
CHUNK_BYTES = 1 << 20
"""Bytes are read and sent in pieces of this size."""
SEALED = "sealed"
"""The folder, inside that of the blobs, of those that are encrypted."""
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

    def chunks(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """A blob in pieces, or its bytes from ``start``, which it has, to before ``stop``; not compared with its digest.

        Raises: NotFoundError, at once.
        """
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

    def problems(self) -> Iterator[str]:
        """What is wrong with the stored bytes, in sentences; every one of them is read."""
        ...

    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """(name, bytes, time in seconds since 1970 when it was last wanted) of every blob; see :meth:`aliases`."""
        ...

    def remove(self, digests: Sequence[Digest], before: float) -> set[Digest]:
        """Delete blobs by name, except those wanted after ``before`` (seconds since 1970); returns what is gone."""
        ...

    def sweep(self, before: float) -> int:
        """Remove what uploads that were never finished left behind before a time; returns bytes."""
        ...

    def of(self, team_id: str) -> Blobs:
        """The store as a team sees it: bytes are put for a team, and only its own are found again or kept once."""
        ...

    def aliases(self, digests: Iterable[str]) -> dict[str, str]:
        """All names that :meth:`stored` may give to contents, with the digest that each stands for."""
        ...

    @property
    def is_sealed(self) -> bool:
        """Whether what is put is encrypted: no other program can read it where it lies."""
        ...

    @property
    def bare(self) -> Shelf:
        """The store beneath, whose bytes are what lies on the disk or in the bucket."""
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


class LocalBlobs(Blobs, Protocol):
    """A store to which what is captured is given first, on the machine where it is captured."""

    def put_new(self, paths: Iterable[bytes]) -> list[tuple[Digest, int]]:
        """Store files whose digests nobody knows, each read once; (digest, size in bytes) of each.

        What is read is what is stored: whether a file was being written meanwhile is the caller's to see.

        Raises: OSError (a file cannot be read), StoreError.
        """
        ...


class Shelf(Blobs, Protocol):
    """A store that also keeps bytes under names that are not their digest."""

    reads_at_once: int
    """So many reads at the same time are faster than one after the other."""

    def beside(self) -> Shelf:
        """The place for sealed bytes inside this one: its names are no digests of what lies there."""
        ...

    def spooled(self) -> contextlib.AbstractContextManager[tuple[BinaryIO, Callable[[Digest], None]]]:
        """(an empty file, what keeps its bytes under a name durably); without that nothing stays. Raises: StoreError."""
        ...

    def put_named(
        self, small: Mapping[Digest, bytes], large: Iterable[tuple[Digest, Callable[[BinaryIO], None]]]
    ) -> None:
        """Store bytes under names, durable when this returns.

        Args:
            small: Bytes by name; it may still be filled while ``large`` is gone through.
            large: Names, each with what writes its bytes to a file.

        Raises: StoreError, and what the writing raises; then none of them is kept, or only some in a bucket.
        """
        ...

    def pieces(self, name: Digest, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Some of the bytes under a name. Raises: NotFoundError, at once."""
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

    is_sealed = False
    """See :meth:`Blobs.is_sealed`."""

    def of(self, team_id: str) -> Self:
        """See :meth:`Blobs.of`. Without encryption all teams share what is the same."""
        return self

    def aliases(self, digests: Iterable[str]) -> dict[str, str]:
        """See :meth:`Blobs.aliases`."""
        return {digest: digest for digest in digests}

    @abc.abstractmethod
    def has(self, digest: Digest) -> bool:
        """See :meth:`Blobs.has`."""

    def have(self, digests: Sequence[Digest]) -> set[Digest]:
        """See :meth:`Blobs.have`."""
        return {digest for digest in digests if self.has(digest)}

    @abc.abstractmethod
    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """See :meth:`Blobs.stored`."""

    @abc.abstractmethod
    def chunks(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See :meth:`Blobs.chunks`."""

    def problems(self) -> Iterator[str]:
        """See :meth:`Blobs.problems`."""
        for digest, _, _ in self.stored():
            # What was collected meanwhile is no problem.
            with contextlib.suppress(NotFoundError):
                if digest_chunks(self.chunks(digest)) != digest:
                    yield f"file {digest} is not as it was written"

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
        with reading(path) as source:
            return self.put_stream(iter(lambda: source.read(CHUNK_BYTES), b""))[0]

    def put_stream(self, chunks: Iterable[bytes], expect: Digest | None = None) -> tuple[Digest, int]:
        """See :meth:`Blobs.put_stream`."""
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.commit(expect)


def beginning(chunks: Iterable[bytes], small: int) -> tuple[bytes, Iterator[bytes]]:
    """(a content, or a beginning that is longer than a small one, and what follows)."""
    pieces, head = iter(chunks), b""
    for piece in pieces:
        head = head + piece if head else piece
        if len(head) > small:
            break
    return head, pieces


def without_waiting(path: str, flags: int) -> int:
    """Opens a file; a pipe that took its place would keep us waiting for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


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
