"""What was read of installed packages the last time, so that a scan of hundreds costs two stats each."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path

import msgspec

from runward.core.hashing import digest_bytes
from runward.tracking.capture.model import License, Package

# A file edited twice within one tick of its file system's clock keeps its times: remember only settled ones.
_SETTLED_NS = 2_000_000_000
Stamp = tuple[int, int, int, int]


class _Remembered(msgspec.Struct, frozen=True, array_like=True):
    folder: Stamp
    record: Stamp
    name: str
    version: str
    installer: str
    digest: str
    license: License | None


class PackageCache:
    """The packages of one ``site-packages`` folder by what the file system says of their ``dist-info``.

    A package is known while neither its ``dist-info`` folder (a file came, went or was replaced) nor its RECORD changed.
    Only packages from an index are remembered: what else is read of the others lies in more files, and they are few.
    """

    def __init__(self, cache: Path | None, site: str) -> None:
        """Open the cache of a folder; a missing or damaged one is empty, and without a place nothing is remembered."""
        key = digest_bytes(os.fsencode(os.path.abspath(site)))[:16]
        self._path = cache / f"installed-{key}.msgpack" if cache else None
        self._old: dict[str, _Remembered] = {}
        self._new: dict[str, _Remembered] = {}
        if self._path:
            with contextlib.suppress(OSError, msgspec.DecodeError):
                self._old = msgspec.msgpack.decode(self._path.read_bytes(), type=dict[str, _Remembered])

    def stamps(self, entry: os.DirEntry[str]) -> tuple[Stamp, Stamp] | None:
        """What the file system says of a ``dist-info``; None where nothing is remembered or it cannot be asked."""
        if self._path is None:
            return None
        try:
            return _stamp(entry.stat()), _stamp(os.stat(f"{entry.path}/RECORD"))
        except OSError:
            return None

    def find(self, name: str, stamps: tuple[Stamp, Stamp] | None) -> Package | None:
        """The package of an unchanged ``dist-info``."""
        known = self._old.get(name)
        if known is None or (known.folder, known.record) != stamps:
            return None
        self._new[name] = known
        return Package(
            name=known.name,
            version=known.version,
            installer=known.installer,
            record=known.digest,
            license=known.license,
        )

    def remember(self, name: str, stamps: tuple[Stamp, Stamp] | None, package: Package) -> None:
        """Keep what was read after the stamps were taken, unless it is so new that a later edit could go unseen."""
        if stamps is None or package.source != "index":
            return
        if max(*stamps[0][:2], *stamps[1][:2]) + _SETTLED_NS < time.time_ns():
            folder, record = stamps
            self._new[name] = _Remembered(
                folder, record, package.name, package.version, package.installer, package.record, package.license
            )

    def save(self) -> None:
        """Write what this scan saw, atomically; a cache that cannot be written only costs time."""
        if self._path is None or self._new == self._old:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.msgpack.encode(self._new))
            os.replace(name, self._path)


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
