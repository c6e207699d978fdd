"""The journal: an append-only file that takes what a run logs, without a system call per entry.

Layout: a header of 64 bytes (magic, version, client id, run id), then frames ``length u32, crc32 u32, msgpack``, then
zeros. The file is mapped into memory, so an entry survives ``kill -9`` of its process the moment it is written. A frame
whose checksum does not fit ends the journal: nothing after a torn frame is believed.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from runward.core.ids import new_id
from runward.errors import CorruptedError, InvalidError, StoreError

MAGIC: Final = b"RUNWARD1"
HEADER: Final = struct.Struct("<8s24s32s")
FRAME: Final = struct.Struct("<II")
SUFFIX: Final = ".journal"
_GROW_BYTES: Final = 1 << 20
_KEPT_BYTES: Final = 1 << 14
"""So much of a journal's space is left to its last entries: a run on a full disk must be able to say that it ends."""
MAX_FRAME_BYTES: Final = 1 << 24

POINTS, PARAMS, TAGS, OUTPUT, ARTIFACT, CAPTURES, CREATE, END, RESUME = range(9)
"""Kinds of frames; the first element of each frame."""
ENDS: Final = ("finished", "failed", "cancelled", "timed_out")
"""How a run may end."""

_ours: set[Path] = set()
"""The journals that this process opened."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Frame(NamedTuple):
    """One entry: its number in the journal, its kind and its fields, and where the next one begins."""

    number: int
    kind: int
    fields: list[Any]
    end: int


class Journal:
    """Writes one client's journal. Thread-safe; after a fork the child must open one of its own."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.folder, self.run_id, self.client = folder, run_id, new_id()
        self.path = folder / f"{self.client}{SUFFIX}"
        # A signal handler, or a finalizer, may log while its own thread is in here.
        self._lock = threading.RLock()
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._is_writing = self._is_leaving = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "x+b")  # noqa: SIM115
            # The lock ends with the process, whatever ends it: who gets it knows that the writer is gone.
            fcntl.flock(self._file, fcntl.LOCK_EX)
            self._map = self._grow(0)
        except OSError as error:
            raise StoreError(
                f"the journal {self.path} cannot be written: {error.strerror}",
                hint="set RUNWARD_DIR to a folder that you may write to, with some space left",
            ) from error
        self._map[: HEADER.size] = HEADER.pack(MAGIC, self.client.encode(), run_id.encode())
        self._position = HEADER.size
        self.frames = 0
        _ours.add(self.path)

    def _grow(self, size: int) -> mmap.mmap:
        # posix_fallocate, not truncate: a full disk must be an error here and not a SIGBUS in the middle of training.
        os.posix_fallocate(self._file.fileno(), size, _GROW_BYTES)
        return mmap.mmap(self._file.fileno(), size + _GROW_BYTES)

    def append(self, frame: list[Any], *, is_last: bool = False) -> None:
        """Add an entry; its last ones go into space that was kept for them.

        Raises: StoreError (disk full), InvalidError (too long), TypeError (not for msgpack).
        """
        payload = _encode(frame)
        length = len(payload)
        if length > MAX_FRAME_BYTES:
            raise InvalidError(
                f"an entry of {length:,} bytes is longer than {MAX_FRAME_BYTES:,}", hint="log it as an artifact"
            )
        with self._lock:
            if self._is_writing:
                # Whoever is writing, further down in this very thread, takes it along.
                self._waiting.append((payload, is_last))
                return
            try:
                self._is_writing = True
                self._put(payload, is_last)
            finally:
                self._is_writing = False
                if self._waiting or self._is_leaving:
                    self._write_waiting()

    def _write_waiting(self) -> None:
        while self._waiting:
            self._is_writing = True
            try:
                while self._waiting:
                    self._put(*self._waiting.popleft())
            finally:
                self._is_writing = False
        if self._is_leaving:
            self._map.close()
            self._file.close()

    def _put(self, payload: bytes, is_last: bool) -> None:
        start = self._position
        end = start + FRAME.size + len(payload)
        kept = FRAME.size if is_last else _KEPT_BYTES
        while end + kept > len(self._map):
            self._extend()
        # The payload goes in before its length: a reader or a crash never sees a frame that is not whole.
        self._map[start + FRAME.size : end] = payload
        self._map[start : start + FRAME.size] = FRAME.pack(len(payload), zlib.crc32(payload))
        self._position = end
        self.frames += 1

    def _extend(self) -> None:
        try:
            larger = self._grow(len(self._map))
        except OSError as error:
            raise StoreError(
                f"the journal {self.path} cannot grow: {error.strerror}", hint="free some space"
            ) from error
        smaller, self._map = self._map, larger
        smaller.close()

    def flush(self) -> None:
        """Write through to the disk."""
        with self._lock:
            self._map.flush()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be added any more."""
        return self._is_leaving or self._file.closed

    def close(self) -> None:
        """Let go of the file; it stays for who uploads it."""
        with self._lock:
            self._is_leaving = True
            if self._is_writing:
                return  # Called by a signal handler: whoever is writing closes it, with the handler's last words in it.
            self._write_waiting()

    def abandon(self) -> None:
        """Let go of the file after a fork, without the lock: the thread that held it is not in this process."""
        self._map.close()
        self._file.close()


class JournalReader:
    """Reads a journal, also while it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open(path, "rb")  # noqa: SIM115
        head = self._file.read(HEADER.size)
        if len(head) < HEADER.size or head[:8] != MAGIC:
            self._file.close()
            raise CorruptedError(f"{path} is no journal of this version", hint="move it away; its run keeps the rest")
        _, client, run_id = HEADER.unpack(head)
        try:
            self.client, self.run_id = client.rstrip(b"\0").decode("ascii"), run_id.rstrip(b"\0").decode("ascii")
        except UnicodeDecodeError as error:
            self._file.close()
            raise CorruptedError(f"the head of {path} is damaged", hint="move it away") from error
        self._offset, self._number = HEADER.size, 0
        self.torn = False
        """True when the bytes after the last whole frame are no frame."""

    @property
    def next_frame(self) -> int:
        """Number of the next frame to be read."""
        return self._number

    def frames(self, limit: int = 5000, most_bytes: int = 1 << 62) -> Iterator[Frame]:
        """The whole frames from the present position on, until so many were read or so many bytes; it moves along."""
        start = self._offset
        for _ in range(limit):
            frame = self._read(self._offset, self._number)
            if frame is None:
                return
            self._offset, self._number = frame.end, frame.number + 1
            yield frame
            if frame.end - start >= most_bytes:
                return

    def _read(self, offset: int, number: int) -> Frame | None:
        head = os.pread(self._file.fileno(), FRAME.size, offset)
        if len(head) < FRAME.size:
            return None
        length, crc = FRAME.unpack(head)
        if length == 0:
            return None
        payload = os.pread(self._file.fileno(), length, offset + FRAME.size) if length <= MAX_FRAME_BYTES else b""
        if len(payload) != length or zlib.crc32(payload) != crc:
            self.torn = True
            return None
        fields = _decode(payload)
        return Frame(number, fields[0], fields[1:], offset + FRAME.size + length)

    def rewind_to(self, number: int) -> None:
        """Stand before a frame. Raises: CorruptedError (the journal ends before it)."""
        if number < self._number:
            self._offset, self._number = HEADER.size, 0
        while self._number < number:
            frame = self._read(self._offset, self._number)
            if frame is None:
                raise CorruptedError(
                    f"{self.path} ends at frame {self._number}, but {number} are stored already", hint="move it away"
                )
            self._offset, self._number = frame.end, frame.number + 1

    def writer_is_gone(self) -> bool:
        """Whether nobody writes to it any more."""
        return is_abandoned(self.path)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def begins_a_run(path: Path) -> bool:
    """Whether a journal was opened by a process that began the run or joined it, and not by a child of one."""
    try:
        reader = JournalReader(path)
    except (OSError, CorruptedError):
        return False
    with contextlib.closing(reader):
        return any(frame.kind == CREATE for frame in reader.frames(1))


def is_empty(path: Path) -> bool:
    """Whether no entry was begun in a journal: its process died before that."""
    with open(path, "rb") as file:
        head, first = file.read(HEADER.size), file.read(FRAME.size)
    return MAGIC.startswith(head[: len(MAGIC)].rstrip(b"\0")) and not first.strip(b"\0")


def has_uploader(path: Path) -> bool:
    """Whether another living process uploads a journal: the one that writes it."""
    return path not in _ours and begins_a_run(path) and not is_abandoned(path)


def is_abandoned(path: Path) -> bool:
    """Whether nobody writes to a journal any more."""
    try:
        probe = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        return True  # Another uploader has stored and removed it.
    with probe:
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def journals_in(folder: Path) -> list[Path]:
    """The journals below a folder, oldest first."""
    found = [*folder.glob(f"*/*{SUFFIX}"), *folder.glob(f"*{SUFFIX}")]
    return sorted(found, key=lambda path: path.stat().st_mtime if path.exists() else 0.0)


os.register_at_fork(after_in_child=_ours.clear)


def now() -> float:
    """Seconds since 1970, as points carry them."""
    return time.time()
