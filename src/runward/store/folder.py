"""Blobs in a folder, a file each; small ones that come many at once share one."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from runward.core.apart import reading
from runward.core.hashing import digest_bytes, digest_file
from runward.core.ids import Digest
from runward.errors import NotFoundError, StoreError
from runward.store.blobs import (
    CHUNK_BYTES,
    SEALED,
    TABLES,
    BlobWriter,
    Putting,
    beginning,
    check_announced,
    check_digest,
    checked,
    not_stored,
    without_waiting,
)
from runward.store.clone import cloned
from runward.store.database import parts
from runward.store.small import SMALL_BYTES, SmallBlobs

_SMALL = "small.db"
_SYNC_ALL_FROM = 8
"""From so many files on, one sync of the whole file system is cheaper than one of each."""


class FolderBlobs(Putting):
    """Blobs below a folder. A blob that is there is complete: temp file, fsync, rename, fsync of the folder.

    Small ones that come many at once share one file; see :mod:`runward.store.small`.
    """

    reads_at_once = 1
    """See :class:`Shelf`: a disk that waits for nothing answers one after the other."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._small = SmallBlobs(self.root / _SMALL)

    def check_writable(self) -> None:
        """See that files can be put here, as far as permissions and mounts tell. Raises: StoreError."""
        place = self.root if self.root.exists() else self.root.parent
        if not os.access(place, os.W_OK | os.X_OK):
            raise StoreError(f"the folder {place} cannot be written to", hint="make it writable for this user")

    def path_of(self, digest: Digest) -> Path:
        """Where a blob that is no small one lies (whether it exists or not)."""
        return self.root / digest[:2] / check_digest(digest)[2:]

    def has(self, digest: Digest) -> bool:
        """Whether the blob is stored."""
        return self.path_of(digest).exists() or bool(self._small.have([digest]))

    def have(self, digests: Sequence[Digest]) -> set[Digest]:
        """See :meth:`Blobs.have`."""
        small = self._small.have(digests)
        return small | {digest for digest in digests if digest not in small and self.path_of(digest).exists()}

    def size(self, digest: Digest) -> int:
        """The blob's length in bytes. Raises: NotFoundError."""
        try:
            return self.path_of(digest).stat().st_size
        except FileNotFoundError:
            size = self._small.size(digest)
        if size is None:
            raise not_stored(digest)
        return size

    def touch(self, digest: Digest) -> bool:
        """See :meth:`Blobs.touch`."""
        return self._touch_file(digest) or self._small.touch(digest)

    def _touch_file(self, digest: Digest) -> bool:
        try:
            os.utime(self.path_of(digest))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except PermissionError:
            # Another user's file in a shared folder: the note in the database protects it.
            return self.path_of(digest).exists()
        return True

    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """(digest, bytes, time in seconds since 1970 when it was last wanted) of every blob."""
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    yield Digest(folder.name + path.name), status.st_size, status.st_mtime
        yield from self._small.stored()

    def remove(self, digests: Sequence[Digest], before: float) -> set[Digest]:
        """See :meth:`Blobs.remove`."""
        files = {digest for digest in digests if self._remove_file(digest, before)}
        return files | self._small.remove(digests, before)

    def _remove_file(self, digest: Digest, before: float) -> bool:
        path = self.path_of(digest)
        try:
            if path.stat().st_mtime > before:
                return False
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def put_many(self, contents: Iterable[tuple[Digest, Iterable[bytes]]]) -> list[int]:
        """See :meth:`Blobs.put_many`. One transaction and one sync of the file system stand for the files' own."""
        sizes = list[int]()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self.root) as folder:
                small, fresh = dict[Digest, bytes](), dict[Digest, Path]()
                for number, (digest, chunks) in enumerate(contents):
                    head, rest = beginning(chunks, SMALL_BYTES)
                    if len(head) <= SMALL_BYTES:
                        # Even if it is a file already: to look for one would cost as much as the whole row.
                        check_announced(digest_bytes(head), check_digest(digest))
                        small[digest] = head
                        sizes.append(len(head))
                        continue
                    if digest not in fresh and self._touch_file(digest):
                        sizes.append(self.size(digest))
                        continue
                    path = Path(folder) / str(number)
                    sizes.append(_write_checked(path, digest, itertools.chain([head], rest)))
                    fresh[digest] = path
                self._keep_all(fresh)
                self._small.put(list(small.items()))
        except OSError as error:
            raise StoreError(f"the blobs could not be stored in {self.root}: {error.strerror}") from error
        return sizes

    def put_new(self, paths: Iterable[bytes]) -> list[tuple[Digest, int]]:
        """Store files whose digests nobody knows, each read once; (digest, size in bytes) of each.

        One transaction and one sync of the file system stand for all. What is read is what is stored: whether a file was
        being written meanwhile is the caller's to see.

        Raises: OSError (a file cannot be read), StoreError.
        """
        done, small, fresh = list[tuple[Digest, int]](), dict[Digest, bytes](), dict[Digest, Path]()
        self._make_root()
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.root) as folder:
            for number, path in enumerate(paths):
                with reading(path, without_waiting) as source:
                    head = source.read(SMALL_BYTES + 1)
                    if len(head) <= SMALL_BYTES:
                        done.append((digest_bytes(head), len(head)))
                        small[done[-1][0]] = head
                        continue
                    target = Path(folder) / str(number)
                    done.append(self._copied(source, head, target))
                fresh[done[-1][0]] = target
            try:
                self._keep_all({digest: path for digest, path in fresh.items() if not self._touch_file(digest)})
                self._small.put(list(small.items()))
            except OSError as error:
                raise self._refused(error) from error
        return done

    def _make_root(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> StoreError:
        return StoreError(
            f"the blobs could not be stored in {self.root}: {error.strerror}",
            hint="free some space; nothing is half stored",
        )

    def _copied(self, source: BinaryIO, head: bytes, target: Path) -> tuple[Digest, int]:
        """(digest, size) of a file that was cloned, or copied piece by piece as it is read."""
        try:
            if cloned(source, target):
                target.chmod(0o444)
                return digest_file(target), target.stat().st_size
            hasher, size, piece = blake3(), 0, head
            with open(target, "wb") as copy:
                os.fchmod(copy.fileno(), 0o444)
                while piece:
                    hasher.update(piece)
                    size += copy.write(piece)
                    piece = source.read(CHUNK_BYTES)
        except OSError as error:
            raise self._refused(error) from error
        return Digest(hasher.hexdigest()), size

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
        with self.spooled() as (file, keep):
            yield BlobWriter(file, keep)

    @contextlib.contextmanager
    def spooled(self) -> Iterator[tuple[BinaryIO, Callable[[Digest], None]]]:
        """See :meth:`Shelf.spooled`."""
        try:
            with self._temporary() as (file, path):
                yield file, lambda name: self._keep(file, path, name)
        except OSError as error:
            raise StoreError(f"the blob could not be stored in {self.root}: {error.strerror}") from error

    def put_named(
        self, small: Mapping[Digest, bytes], large: Iterable[tuple[Digest, Callable[[BinaryIO], None]]]
    ) -> None:
        """See :meth:`Shelf.put_named`. One transaction and one sync of the file system stand for all."""
        fresh = dict[Digest, Path]()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self.root) as folder:
                for number, (name, write) in enumerate(large):
                    fresh[name] = Path(folder) / str(number)
                    with open(fresh[name], "wb") as file:
                        write(file)
                        os.fchmod(file.fileno(), 0o444)
                self._keep_all(fresh)
                self._small.put(list(small.items()))
        except OSError as error:
            raise self._refused(error) from error

    def pieces(self, name: Digest, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See :meth:`Shelf.pieces`."""
        try:
            file = open(self.path_of(name), "rb")  # noqa: SIM115
        except FileNotFoundError:
            data = self._read_small(name)
            return iter([data[start:] if length is None else data[start : start + length]])
        file.seek(start)
        return _pieces(file) if length is None else _limited(file, length)

    @property
    def bare(self) -> FolderBlobs:
        """See :meth:`Blobs.bare`."""
        return self

    def beside(self) -> FolderBlobs:
        """See :meth:`Shelf.beside`."""
        return FolderBlobs(self.root / SEALED)

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[tuple[BinaryIO, Path]]:
        self.root.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".new-", dir=self.root)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def read(self, digest: Digest) -> bytes:
        """A whole blob, checked against its digest. Raises: NotFoundError, CorruptedError."""
        try:
            data = self.path_of(digest).read_bytes()
        except FileNotFoundError:
            data = self._read_small(digest)
        return checked(digest, data)

    def read_many(self, digests: Sequence[Digest]) -> Iterator[bytes]:
        """See :meth:`Blobs.read_many`. Small ones are read a few hundred at a time."""
        for some in parts(digests):
            small = self._small.read_many(some)
            for digest in some:
                yield checked(digest, small[digest]) if digest in small else self.read(digest)

    def _read_small(self, digest: Digest) -> bytes:
        data = self._small.read(digest)
        if data is None:
            raise not_stored(digest)
        return data

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Copy a blob to a file. Raises: NotFoundError."""
        if source := self.local_path(digest):
            shutil.copyfile(source, path)
        else:
            path.write_bytes(self._read_small(digest))

    def chunks(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See :meth:`Blobs.chunks`."""
        return self.pieces(digest, start, None if stop is None else max(stop - start, 0))

    def local_path(self, digest: Digest) -> Path | None:
        """See :meth:`Blobs.local_path`."""
        path = self.path_of(digest)
        return path if path.exists() else None

    def close(self) -> None:
        """See :meth:`Blobs.close`."""
        self._small.close()

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
        self._small.compact()
        freed = 0
        for path in self.root.glob(".new-*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    files = list(path.iterdir()) if path.is_dir() else [path]
                    freed += sum(file.stat().st_size for file in files)
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        return freed

    def scrub(self) -> str:
        """See :meth:`Blobs.scrub`. Files that were removed are the file system's: it may keep their bytes until it reuses them."""
        return self._small.scrub()

    @property
    def tables(self) -> str:
        """See :meth:`Blobs.tables`."""
        return str(self.root / TABLES)

    def write_table(self, name: str, path: Path) -> None:
        """See :meth:`Blobs.write_table`."""
        target = self.root / TABLES / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "rb") as source, self._temporary() as (copy, temporary):
                shutil.copyfileobj(source, copy, CHUNK_BYTES)
                _settle(copy, temporary, target)
        except OSError as error:
            raise StoreError(f"the table {target} could not be written: {error.strerror}") from error

    def drop_table(self, name: str) -> None:
        """See :meth:`Blobs.drop_table`."""
        try:
            (self.root / TABLES / name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"the table {name} could not be removed: {error.strerror}") from error

    def _keep(self, file: BinaryIO, temporary: Path, digest: Digest) -> None:
        if not self.touch(digest):
            target = self.path_of(digest)
            target.parent.mkdir(exist_ok=True)
            _settle(file, temporary, target)


def _settle(file: BinaryIO, temporary: Path, target: Path) -> None:
    """Make an open file's content durable and give it its name, which must not come first. Raises: OSError."""
    file.flush()
    os.fsync(file.fileno())
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


def _limited(file: BinaryIO, length: int) -> Iterator[bytes]:
    with file:
        while chunk := file.read(min(length, CHUNK_BYTES)):
            length -= len(chunk)
            yield chunk


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
