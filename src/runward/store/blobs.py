"""Content-addressed bytes: written once, named by their blake3 digest. :mod:`runward.store.objects` is the other store."""

from __future__ import annotations

import abc
import contextlib
import ctypes
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from blake3 import blake3

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import CorruptedError, InvalidError, NotFoundError, StoreError

_DIGEST = re.compile(r"[0-9a-f]{64}")
CHUNK_BYTES = 1 << 20
"""Bytes are read and sent in pieces of this size."""
_SYNC_ALL_FROM = 8
"""From so many files on, one sync of the whole file system is cheaper than one of each."""


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

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """A blob in pieces, unchecked. Raises: NotFoundError, at once."""
        ...

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Copy a blob to a file. Raises: NotFoundError."""
        ...

    def local_path(self, digest: Digest) -> Path | None:
        """The file that holds the blob, where files do."""
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

    def remove(self, digest: Digest, before: float) -> bool:
        """Delete a blob, unless it was wanted after ``before`` (seconds since 1970); says whether it is gone now."""
        ...

    def sweep(self, before: float) -> int:
        """Remove what uploads that were never finished left behind before a time; returns bytes."""
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


class FolderBlobs(Putting):
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
            raise not_stored(digest) from None

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

    def put_many(self, contents: Iterable[tuple[Digest, Iterable[bytes]]]) -> list[int]:
        """See :meth:`Blobs.put_many`. One sync of the file system stands for the files' own."""
        sizes = list[int]()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self.root) as folder:
                fresh = dict[Digest, Path]()
                for number, (digest, chunks) in enumerate(contents):
                    if digest not in fresh and self.touch(digest):
                        sizes.append(self.size(digest))
                        continue
                    path = Path(folder) / str(number)
                    sizes.append(_write_checked(path, digest, chunks))
                    fresh[digest] = path
                self._keep_all(fresh)
        except OSError as error:
            raise StoreError(f"the blobs could not be stored in {self.root}: {error.strerror}") from error
        return sizes

    def _keep_all(self, fresh: dict[Digest, Path]) -> None:
        if not fresh:
            return
        folders = {self.path_of(digest).parent for digest in fresh}
        for folder in folders:
            folder.mkdir(exist_ok=True)
        # Contents first, names after: a name must never lead to bytes that are not there yet.
        sync_filesystem(self.root, list(fresh.values()))
        for digest, path in fresh.items():
            os.rename(path, self.path_of(digest))
        sync_filesystem(self.root, sorted(folders))

    @contextlib.contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """A blob to write piece by piece; without a commit nothing of it stays. Raises: StoreError."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".new-", dir=self.root)
            try:
                with os.fdopen(handle, "wb") as file:
                    yield BlobWriter(file, lambda digest: self._keep(file, Path(name), digest))
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"the blob could not be stored in {self.root}: {error.strerror}") from error

    def read(self, digest: Digest) -> bytes:
        """A whole blob, checked against its digest. Raises: NotFoundError, CorruptedError."""
        try:
            data = self.path_of(digest).read_bytes()
        except FileNotFoundError:
            raise not_stored(digest) from None
        return checked(digest, data)

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Copy a blob to a file. Raises: NotFoundError."""
        try:
            shutil.copyfile(self.path_of(digest), path)
        except FileNotFoundError:
            raise not_stored(digest) from None

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """See :meth:`Blobs.chunks`."""
        try:
            file = open(self.path_of(digest), "rb")  # noqa: SIM115
        except FileNotFoundError:
            raise not_stored(digest) from None
        return _pieces(file)

    def local_path(self, digest: Digest) -> Path | None:
        """See :meth:`Blobs.local_path`."""
        return self.path_of(digest)

    def link(self, digest: Digest) -> str:
        """None: a folder's bytes travel through the server."""
        return ""

    def begin_upload(self, project_id: str) -> tuple[str, str]:
        """None: a folder's bytes travel through the server."""
        return "", ""

    def finish_upload(self, project_id: str, upload: str, expect: Digest) -> int:
        """Raises: NotFoundError."""
        raise NotFoundError(f"there is no upload {upload[:40]!r}", hint="send the bytes to the server")

    def sweep(self, before: float) -> int:
        """See :meth:`Blobs.sweep`: temporary files of writers that were killed."""
        freed = 0
        for path in self.root.glob(".new-*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    files = list(path.iterdir()) if path.is_dir() else [path]
                    freed += sum(file.stat().st_size for file in files)
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        return freed

    def _keep(self, file: BinaryIO, temporary: Path, digest: Digest) -> None:
        target = self.path_of(digest)
        if self.touch(digest):
            return
        file.flush()
        os.fsync(file.fileno())
        target.parent.mkdir(exist_ok=True)
        os.chmod(temporary, 0o444)
        os.rename(temporary, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_checked(path: Path, digest: Digest, chunks: Iterable[bytes]) -> int:
    hasher, size = blake3(), 0
    with open(path, "wb") as file:
        for chunk in chunks:
            hasher.update(chunk)
            size += file.write(chunk)
        os.fchmod(file.fileno(), 0o444)
    check_announced(hasher.hexdigest(), digest)
    return size


def check_announced(found: str, announced: Digest) -> None:
    """Raises: InvalidError (the bytes have another digest)."""
    if found != announced:
        raise InvalidError(f"the bytes have digest {found[:12]}, announced was {announced[:12]}")


def sync_filesystem(root: Path, paths: list[Path]) -> None:
    """Make files or folders on one file system durable, by one call where the system has it. Raises: OSError."""
    if len(paths) > _SYNC_ALL_FROM and sys.platform == "linux":
        folder = os.open(root, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(folder) == 0:
                return
        finally:
            os.close(folder)
    for path in paths:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


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
