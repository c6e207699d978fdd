"""Content-addressed bytes in a folder: written once, named by their blake3 digest."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import CorruptedError, InvalidError, NotFoundError, StoreError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20


def check_digest(text: str) -> Digest:
    """The text as a digest. Raises: InvalidError."""
    if not _DIGEST.fullmatch(text):
        raise InvalidError(f"digest {text[:80]!r} is not 64 lower-case hexadecimal digits")
    return Digest(text)


class FolderBlobs:
    """Blobs below a folder. A blob that is there is complete: temp file, fsync, rename, fsync of the folder."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def path_of(self, digest: Digest) -> Path:
        """Where a blob lies (whether it exists or not)."""
        return self.root / digest[:2] / check_digest(digest)[2:]

    def has(self, digest: Digest) -> bool:
        """Whether the blob is stored."""
        return self.path_of(digest).exists()

    def size(self, digest: Digest) -> int:
        """The blob's length in bytes. Raises: NotFoundError."""
        try:
            return self.path_of(digest).stat().st_size
        except FileNotFoundError:
            raise NotFoundError(f"blob {digest[:12]} is not stored") from None

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes; storing the same bytes again costs a digest and writes nothing."""
        digest = digest_bytes(data)
        if not self.touch(digest):
            self.put_stream([data])
        return digest

    def touch(self, digest: Digest) -> bool:
        """Say that a blob is wanted now, so that garbage collection leaves it alone; False where it is not stored."""
        try:
            os.utime(self.path_of(digest))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError:
            # Another user's file in a shared folder: the note in the database protects it.
            return self.has(digest)
        return True

    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """(digest, bytes, time in seconds since 1970 when it was last wanted) of every blob."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    yield Digest(folder.name + path.name), status.st_size, status.st_mtime

    def remove(self, digest: Digest, before: float) -> bool:
        """Delete a blob, unless it was wanted after ``before`` (seconds since 1970); says whether it is gone now."""
        path = self.path_of(digest)
        try:
            if path.stat().st_mtime > before:
                return False
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def put_file(self, path: str | Path) -> Digest:
        """Store a file's content as it is while read. Raises: OSError, StoreError."""
        with open(path, "rb") as source:
            return self.put_stream(iter(lambda: source.read(_CHUNK_BYTES), b""))[0]

    def put_stream(self, chunks: Iterable[bytes], expect: Digest | None = None) -> tuple[Digest, int]:
        """Store a stream of chunks; returns digest and size in bytes. Raises: as :meth:`BlobWriter.commit`."""
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.commit(expect)

    @contextlib.contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """A blob to write piece by piece; without a commit nothing of it stays. Raises: StoreError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".new-", dir=self.root)
            try:
                with os.fdopen(handle, "wb") as file:
                    yield BlobWriter(self, file, Path(name))
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"the blob could not be stored in {self.root}: {error.strerror}") from error

    def read(self, digest: Digest) -> bytes:
        """A whole blob, checked against its digest. Raises: NotFoundError, CorruptedError."""
        try:
            data = self.path_of(digest).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"blob {digest[:12]} is not stored") from None
        if digest_bytes(data) != digest:
            raise CorruptedError(f"blob {digest[:12]} does not match its digest", hint="restore it from a backup")
        return data

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Copy a blob to a file. Raises: NotFoundError."""
        try:
            shutil.copyfile(self.path_of(digest), path)
        except FileNotFoundError:
            raise NotFoundError(f"blob {digest[:12]} is not stored") from None

    def open(self, digest: Digest) -> BinaryIO:
        """A blob as a binary file for reading. Raises: NotFoundError."""
        try:
            return open(self.path_of(digest), "rb")
        except FileNotFoundError:
            raise NotFoundError(f"blob {digest[:12]} is not stored") from None


class BlobWriter:
    """Takes a blob's bytes one after the other."""

    def __init__(self, blobs: FolderBlobs, file: BinaryIO, temporary: Path) -> None:
        self._blobs, self._file, self._temporary = blobs, file, temporary
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
        if expect is not None and digest != expect:
            raise InvalidError(f"the bytes have digest {digest[:12]}, announced was {expect[:12]}")
        target = self._blobs.path_of(digest)
        if not self._blobs.touch(digest):
            self._file.flush()
            os.fsync(self._file.fileno())
            target.parent.mkdir(exist_ok=True)
            os.chmod(self._temporary, 0o444)
            os.rename(self._temporary, target)
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return digest, self._size
