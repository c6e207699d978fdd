"""Which files a dataset has, and what is known of them without reading them again."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.core.hashing import digest_bytes
from runward.errors import InvalidError, NotFoundError
from runward.tracking.capture.model import encode_path

_SETTLED_NS = 2_000_000_000
"""A file edited twice within one tick of its file system's clock keeps its times: remember only settled files."""
_NOT_DATA = frozenset({b".git", b".runward"})
STAGING = ".runward-"
"""How what a checkout is still making begins."""
_STAGING = STAGING.encode()


class Found(NamedTuple):
    """A file of a folder."""

    path: str
    """Below the folder, as a manifest writes it."""
    place: bytes
    """On this machine."""
    status: os.stat_result


def scan(root: Path) -> tuple[list[Found], bool]:
    """(the files of a folder, or the one file, by path; whether it is one file). Links are followed.

    Raises:
        NotFoundError: There is nothing.
        InvalidError: A loop of links, a link to nothing, a pipe or device; what cannot be a dataset's content.
    """
    try:
        status = os.stat(root)
    except OSError as error:
        raise NotFoundError(f"there is no file or folder {root}: {error.strerror}") from error
    if stat.S_ISREG(status.st_mode):
        return [Found(encode_path(root.name), os.fsencode(root), status)], True
    if not stat.S_ISDIR(status.st_mode):
        raise InvalidError(f"{root} is neither a file nor a folder")
    found = list[Found]()
    _walk(os.fsencode(root), "", ((status.st_dev, status.st_ino),), found)
    found.sort(key=lambda item: item.path)
    return found, False


def _walk(folder: bytes, prefix: str, above: tuple[tuple[int, int], ...], found: list[Found]) -> None:
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError as error:
        raise InvalidError(f"folder {os.fsdecode(folder)!r} cannot be read: {error.strerror}") from error
    for entry in listed:
        name = entry.name
        if name.startswith(b".") and (name in _NOT_DATA or name.startswith(_STAGING)):
            continue
        try:
            status = entry.stat()
        except OSError as error:
            raise InvalidError(
                f"{os.fsdecode(entry.path)!r} cannot be followed: {error.strerror}", hint="mend or remove the link"
            ) from error
        # What is written of a path is what is written of its parts, so folders are done once.
        path = prefix + encode_path(name)
        if stat.S_ISREG(status.st_mode):
            found.append(Found(path, entry.path, status))
        elif stat.S_ISDIR(status.st_mode):
            here = (status.st_dev, status.st_ino)
            if here in above:
                raise InvalidError(
                    f"link {os.fsdecode(entry.path)!r} leads back to a folder around it", hint="remove the link"
                )
            _walk(entry.path, f"{path}/", (*above, here), found)
        else:
            raise InvalidError(f"{os.fsdecode(entry.path)!r} is neither a file nor a folder", hint="move it away")


class _Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: str

    def is_of(self, status: os.stat_result) -> bool:
        return (
            self.mtime_ns == status.st_mtime_ns
            and self.ctime_ns == status.st_ctime_ns
            and self.size == status.st_size
            and self.inode == status.st_ino
        )


class FileCache:
    """The digests of a folder's files by size, times and inode, in a file of the client's own."""

    def __init__(self, folder: Path, root: Path) -> None:
        """Open the cache of a folder; a missing or damaged one is empty."""
        self._path = folder / f"{digest_bytes(os.fsencode(root.absolute()))[:32]}.files"
        self._old: dict[str, _Known] = {}
        self._new: dict[str, _Known] = {}
        with contextlib.suppress(OSError, msgspec.DecodeError):
            self._old = msgspec.msgpack.decode(self._path.read_bytes(), type=dict[str, _Known])

    def find(self, item: Found) -> str:
        """The digest of an unchanged file, or an empty string."""
        known, status = self._old.get(item.path), item.status
        if known is None or not known.is_of(status):
            return ""
        self._new[item.path] = known
        return known.digest

    def remember(self, item: Found, digest: str, read_at_ns: int) -> None:
        """Keep a digest, unless the file is so new that a later edit could go unseen."""
        status = item.status
        if max(status.st_mtime_ns, status.st_ctime_ns) + _SETTLED_NS < read_at_ns:
            self.carry(item, digest)

    def carry(self, item: Found, digest: str) -> None:
        """Keep the digest of a file that was moved or linked without being read."""
        status = item.status
        self._new[item.path] = _Known(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, digest)

    def save(self) -> None:
        """Write what is known now, atomically; a cache that cannot be written only costs time."""
        if self._new == self._old:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".new-")
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.msgpack.encode(self._new))
            os.replace(name, self._path)
