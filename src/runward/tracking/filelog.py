"""The files that a run attaches."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import shutil
import stat
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from runward.core.apart import reading
from runward.core.hashing import digest_bytes, digest_file
from runward.tracking import journal as j
from runward.tracking.harmless import harmless, shown
from runward.tracking.medialog import MediaLog

_IN_JOURNAL = 1 << 14
"""Bytes of a file that goes into the journal: to make a file of its own would take longer than to copy it."""


class FileLog(MediaLog):
    """Takes files into a run as they are at that moment. Nothing here raises."""

    def __init__(self, folder: Path) -> None:
        """``folder``: where the run's journals and spooled files lie."""
        super().__init__()
        self._folder = folder
        self._spooled = count()

    def _write(self, frame: list[Any]) -> None:
        raise NotImplementedError

    @harmless
    def log_artifact(self, path: str | Path, name: str = "") -> None:
        """Attach a file, or every file of a folder, as it is now.

        Args:
            path: The file or folder.
            name: Its path in the run; by default its own name.
        """
        source = Path(path)
        if source.is_dir():
            self._take_folder(str(source), name or source.resolve().name)
        else:
            self._take(str(source), name or source.name)

    @harmless
    def log_artifacts(self, folder: str | Path, name: str = "") -> None:
        """Attach every file of a folder, by default under the folder's name."""
        self.log_artifact(folder, name)

    @harmless
    def log_bytes(self, data: bytes, name: str, media_type: str = "") -> None:
        """Attach bytes as a file."""
        digest = digest_bytes(data)
        try:
            if len(data) > _IN_JOURNAL:
                with self._spool() as (copy, temporary):
                    copy.write(data)
                temporary.rename(temporary.parent / digest)
        except OSError as error:
            self._warn(f"artifact:{name}", f"artifact {shown(name)} cannot be kept: {error.strerror}")
            return
        self._note_artifact(name, digest, media_type, data if len(data) <= _IN_JOURNAL else None)

    def _take_folder(self, folder: str, name: str) -> None:
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self._not_taken(folder, error.strerror)
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self._take_folder(entry.path, f"{name}/{entry.name}")
            elif entry.is_file(follow_symlinks=False):
                self._take(entry.path, f"{name}/{entry.name}")
            elif entry.is_symlink():
                # Once: there may be as many as files.
                about = f"{entry.path!r} is a link: in folders links are not followed, log what they lead to"
                self._warn("links", about)

    def _take(self, path: str, name: str) -> None:
        try:
            name.encode()
            if not stat.S_ISREG(os.stat(path).st_mode):
                # A pipe or a device may never end, and a training must not wait for it.
                self._not_taken(path, "it is neither a file nor a folder")
                return
            digest, data = self._copied(path)
            self._note_artifact(name, digest, "", data)
        except OSError as error:
            self._not_taken(path, error.strerror)
        except UnicodeEncodeError:
            self._not_taken(path, "its name is no text")

    def _not_taken(self, path: str, reason: str | None) -> None:
        self._warn(f"artifact:{path}", f"artifact {path!r} cannot be logged: {reason}")

    def _copied(self, path: str) -> tuple[str, bytes | None]:
        """The digest of a file, and its bytes if they go into the journal.

        They are copied now: what the script does to its file afterwards must not change what was logged.
        """
        with reading(path) as source:
            data = source.read(_IN_JOURNAL + 1)
            if len(data) <= _IN_JOURNAL:
                return digest_bytes(data), data
            with self._spool() as (copy, temporary):
                copy.write(data)
                shutil.copyfileobj(source, copy, 1 << 20)
        digest = digest_file(temporary)
        temporary.rename(temporary.parent / digest)
        return digest, None

    @contextlib.contextmanager
    def _spool(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A new file for bytes that get their name, their digest, when they are whole.

        What a full disk cuts off takes up none of it, and touches nothing that was logged before.
        """
        spool = self._folder / "blobs"
        spool.mkdir(exist_ok=True)
        temporary = spool / f".{os.getpid()}-{next(self._spooled)}"
        try:
            with open(temporary, "wb") as copy:
                yield copy, temporary
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _note_artifact(self, name: str, digest: str, media_type: Any, data: bytes | None) -> None:
        if not isinstance(media_type, str):
            self._warn(
                f"type:{name}", f"media type {shown(media_type)} of artifact {name!r:.80} is no text; it is guessed"
            )
            media_type = ""
        clean = name.replace(os.sep, "/")
        if clean.startswith("/") or ".." in clean.split("/"):
            self._warn(f"artifact:{name}", f"artifact path {shown(name)} must be relative and without '..'")
            return
        kind = media_type or mimetypes.guess_type(clean)[0] or "application/octet-stream"
        self._write([j.ARTIFACT, clean, digest, kind] if data is None else [j.ARTIFACT, clean, digest, kind, data])
