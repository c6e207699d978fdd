"""Reading a tree's files into the blob store, only those that changed since the last capture."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.core.apart import digest_of, reading
from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.tracking.capture.model import (
    BlobSink,
    FileEntry,
    FileMode,
    LeftOut,
    LeftOutKind,
    Limits,
    encode_path,
)
from runward.tracking.capture.redact import redact_source

# A file edited twice within one tick of its file system's clock keeps its times: remember only settled files.
_SETTLED_NS = 2_000_000_000
_SMALL_BYTES = 1 << 20
_MASKED_BYTES = 16 << 20
"""Up to here, files are looked through for secrets: notebooks with pictures in them too."""
_SECRET_FILE = re.compile(
    rb"(?:^|/)(?:\.env(?:\.(?!example$|sample$|template$)[^/]*)?|\.netrc|_netrc|\.pypirc|\.pgpass|\.git-credentials|"
    rb"\.htpasswd|\.npmrc|id_(?:rsa|dsa|ecdsa|ed25519)|credentials(?:\.json)?|client_secret[^/]*\.json|"
    rb"service[-_]account[^/]*\.json|kubeconfig|[^/]+\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ovpn))$",
    re.IGNORECASE,
)


class Stored(NamedTuple):
    """A file's content as it was stored."""

    digest: str
    size: int
    masked: int
    """Secrets that were masked in it."""


class _Remembered(msgspec.Struct, frozen=True, array_like=True):
    stamp: tuple[int, int, int, int]
    digest: str
    size: int = -1
    """Of what was stored."""
    masked: int = 0


class StatCache:
    """Digests of files by path, size, times and inode, kept between captures of one tree."""

    def __init__(self, path: Path | None) -> None:
        """Open the cache file; a missing or damaged one is an empty cache."""
        self._path = path
        self._old: dict[bytes, _Remembered] = {}
        self._new: dict[bytes, _Remembered] = {}
        if path:
            with contextlib.suppress(OSError, msgspec.DecodeError):
                self._old = msgspec.msgpack.decode(path.read_bytes(), type=dict[bytes, _Remembered])

    def find(self, path: bytes, status: os.stat_result) -> Stored | None:
        """What is remembered of an unchanged file."""
        known = self._old.get(path)
        # Older entries do not know whether there are secrets in the file.
        if known is None or known.size < 0 or known.stamp != _stamp(status):
            return None
        self._new[path] = known
        return Stored(known.digest, known.size, known.masked)

    def remember(self, path: bytes, status: os.stat_result, stored: Stored, read_at_ns: int) -> None:
        """Keep a digest, unless the file is so new that a later edit could go unseen."""
        if max(status.st_mtime_ns, status.st_ctime_ns) + _SETTLED_NS < read_at_ns:
            self._new[path] = _Remembered(_stamp(status), *stored)

    def save(self) -> None:
        """Write what this capture saw, atomically; a cache that cannot be written only costs time."""
        if self._path is None or self._new == self._old:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.msgpack.encode(self._new))
            os.replace(name, self._path)


class TreeReader:
    """Turns paths below a root into manifest entries and stored blobs."""

    def __init__(self, root: Path, blobs: BlobSink, cache: StatCache, limits: Limits) -> None:
        self._root = os.fsencode(root)
        self._blobs = blobs
        self._cache = cache
        self._limits = limits
        self.files: list[FileEntry] = []
        self.left_out: list[LeftOut] = []

    def add(self, path: bytes, *, tracked: bool, committed: bool) -> None:
        """Read one file.

        Args:
            path: Below the root.
            tracked: Whether it belongs to the repository; if not, and files of its name hold secrets, it is left out.
            committed: Whether its content does: then storing it gives no secret away that the repository does not.
        """
        full = os.path.join(self._root, path)
        try:
            status = os.lstat(full)
            self._add(path, full, status, tracked, committed)
        except FileNotFoundError:
            return  # gone since it was listed, or never checked out
        except OSError as error:
            self.leave_out(path, "unreadable", f"could not be read: {error.strerror or error}")

    def leave_out(self, path: bytes, kind: LeftOutKind, reason: str, *, size: int = 0) -> None:
        """Name a path whose content is not stored."""
        self.left_out.append(LeftOut(path=encode_path(path), kind=kind, reason=reason, size=size))

    def _add(self, path: bytes, full: bytes, status: os.stat_result, tracked: bool, committed: bool) -> None:
        executable = bool(status.st_mode & 0o100)
        if stat.S_ISLNK(status.st_mode):
            self._add_link(path, os.readlink(full))
        elif not stat.S_ISREG(status.st_mode):
            self.leave_out(path, "special", "neither a file nor a symlink")
        elif not tracked and holds_secrets(path):
            self.leave_out(path, "secret", "files of this name hold secrets; it is not committed", size=status.st_size)
        elif status.st_size > self._limits.file_bytes:
            self._leave_large(path, full, status, executable)
        else:
            stored = self._store(path, full, status, committed)
            mode: FileMode = "executable" if executable else "file"
            self.files.append(FileEntry(path=encode_path(path), mode=mode, **stored._asdict()))

    def _add_link(self, path: bytes, target: bytes) -> None:
        name, pointer = encode_path(path), encode_path(target)
        entry = FileEntry(path=name, mode="symlink", size=len(target), digest=digest_bytes(target), target=pointer)
        self.files.append(entry)

    def _store(self, path: bytes, full: bytes, status: os.stat_result, committed: bool) -> Stored:
        # Whether a file is committed changes without a change of the file.
        name = path if committed else b"%s\0" % path
        known = self._cache.find(name, status)
        if known and self._blobs.has(Digest(known.digest)):
            return known
        read_at_ns = time.time_ns()
        if status.st_size > (_SMALL_BYTES if committed else _MASKED_BYTES):
            stored = Stored(self._blobs.put_file(Path(os.fsdecode(full))), status.st_size, 0)
        else:
            with reading(full) as file:
                data = file.read()
            data, masked = (data, 0) if committed else _masked(path, data)
            stored = Stored(self._blobs.put_bytes(data), len(data), masked)
        self._cache.remember(name, status, stored, read_at_ns)
        return stored

    def _leave_large(self, path: bytes, full: bytes, status: os.stat_result, executable: bool) -> None:
        known = self._cache.find(path, status)
        digest = known.digest if known else ""
        if not digest and status.st_size <= self._limits.digest_bytes:
            read_at_ns = time.time_ns()
            digest = digest_of(full)
            self._cache.remember(path, status, Stored(digest, status.st_size, 0), read_at_ns)
        mebibytes, kept = status.st_size / 2**20, self._limits.file_bytes / 2**20
        entry = LeftOut(
            path=encode_path(path),
            kind="large",
            reason=f"{mebibytes:.0f} MiB; up to {kept:.0f} MiB are kept per file",
            size=status.st_size,
            digest=digest,
            executable=executable,
        )
        self.left_out.append(entry)


def _masked(path: bytes, data: bytes) -> tuple[bytes, int]:
    """A text with its secrets masked; anything else as it is."""
    if b"\0" in data:
        return data, 0
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data, 0
    clean, count = redact_source(os.fsdecode(path), text)
    return (clean.encode(), count) if count else (data, 0)


def holds_secrets(path: bytes) -> bool:
    """Whether files of this name usually hold secrets, so that an uncommitted one is not stored."""
    return _SECRET_FILE.search(path) is not None


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns
