"""Which files a run opened for reading, seen by the interpreter's audit hook.

Readers in native code (Arrow, HDF5, LightGBM) open files without the interpreter and are not seen.
"""

from __future__ import annotations

import contextlib
import os
import site
import sys
import sysconfig
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from runward.core.apart import digest_of
from runward.tracking.capture.model import FileRead, ReadMethod, encode_path

_MAX_DIGEST_BYTES = 2 << 30
# What Runward itself reads, wherever the workspace lies, is no data of the run; least of all its keys.
_OWN_FILES = ("/keys/audit.key", "/keys/signing.pem", "/audit/checkpoints.jsonl")
_CODE_SUFFIXES = (".py", ".pyc", ".pyi", ".pyd", ".so", ".pth")
_SYSTEM_FOLDERS = ("/proc", "/sys", "/dev", "/etc", "/usr", "/lib", "/lib64", "/run")
_WRITE_FLAGS = os.O_WRONLY | os.O_TRUNC

# An audit hook stays for the life of the process, so there is one, and it looks at these.
_recorders: tuple[ReadRecorder, ...] = ()
_unrecorded_threads: set[int] = set()
_lock = threading.Lock()
_installed = False


class ReadRecorder:
    """Collects the paths that this process opens between ``start`` and ``stop``: a set insertion each."""

    def __init__(self) -> None:
        self._read: set[tuple[str, str]] = set()
        self._written: set[tuple[str, str]] = set()
        self._started_ns = 0
        self._methods: Mapping[str, ReadMethod] = {}
        self._installed: tuple[str, ...] = ()

    def start(self) -> None:
        """Begin to record."""
        global _recorders, _installed  # noqa: PLW0603 - the hook cannot be removed, so its state is the module's
        self._started_ns = time.time_ns()
        with _lock:
            _recorders = (*_recorders, self)
            if not _installed:
                sys.addaudithook(_hook)
                _installed = True

    def stop(self) -> None:
        """Record no more; what was seen stays."""
        global _recorders  # noqa: PLW0603
        with _lock:
            _recorders = tuple(recorder for recorder in _recorders if recorder is not self)

    @classmethod
    def replay(
        cls,
        opened: Iterable[tuple[str, bool]],
        cwd: str,
        started_ns: int,
        *,
        methods: Mapping[str, ReadMethod] | None = None,
        installed: Iterable[str] = (),
    ) -> ReadRecorder:
        """A recorder of what another process opened: (path, whether its first opening wrote).

        Args:
            opened: The openings.
            cwd: Where relative paths begin.
            started_ns: When the run began; later changes make a file's digest doubtful.
            methods: Who saw a path, where it was not the audit hook alone.
            installed: Folders of that process's Python; what lies below them is no data.
        """
        recorder = cls()
        recorder._started_ns = started_ns
        recorder._methods, recorder._installed = methods or {}, tuple(f"{item.rstrip('/')}/" for item in installed)
        for path, writes in opened:
            (recorder._written if writes else recorder._read).add((path, cwd))
        return recorder

    def collect(self, root: Path) -> list[FileRead]:
        """The files read so far that are neither installed code, system files, nor written by the run first.

        Args:
            root: The repository or folder of the run; paths below it are given relative to it too.
        """
        with unrecorded():
            written = {_absolute(item) for item in tuple(self._written)}
            paths = {_absolute(item) for item in tuple(self._read)} - written
            ignored = _ignored_folders() + self._installed
            candidates = sorted(path for path in paths if _is_input(path, ignored))
            return [read for path in candidates if (read := self._describe(path, root))]

    def written(self) -> list[str]:
        """The absolute paths whose first opening wrote."""
        return sorted(_absolute(item) for item in tuple(self._written))

    def saw(self, path: str, writes: bool) -> None:
        """Note one opening; the first decides whether the file is an input."""
        item = (path, "" if path.startswith("/") else _cwd())
        if not writes:
            self._read.add(item)
        elif item not in self._read:
            self._written.add(item)

    def _describe(self, path: str, root: Path) -> FileRead | None:
        try:
            status = os.stat(path)
            if not os.path.isfile(path):
                return None
            digest = digest_of(path) if status.st_size <= _MAX_DIGEST_BYTES else ""
        except OSError:
            return None
        inside = PurePath(path).is_relative_to(root)
        return FileRead(
            path=encode_path(path),
            relative=encode_path(str(PurePath(path).relative_to(root))) if inside else "",
            size=status.st_size,
            digest=digest,
            method=self._methods.get(path, "audit-hook"),
            changed=status.st_mtime_ns >= self._started_ns,
        )


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """While inside, files that this thread opens do not count as read by the run."""
    thread = threading.get_ident()
    outer = thread in _unrecorded_threads
    _unrecorded_threads.add(thread)
    try:
        yield
    finally:
        if not outer:
            _unrecorded_threads.discard(thread)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    # Called for each audited event of the process: no I/O, and an exception would break the caller's open.
    if not _recorders or event not in ("open", "sqlite3.connect"):
        return
    path = _as_text(arguments[0])
    if not path or threading.get_ident() in _unrecorded_threads:
        return
    writes = event == "open" and _writes(arguments[1], arguments[2])
    for recorder in _recorders:
        recorder.saw(path, writes)


def _as_text(path: object) -> str:
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    elif isinstance(path, PurePath):
        path = str(path)
    if not isinstance(path, str) or path == ":memory:":
        return ""
    return path.removeprefix("file:").partition("?")[0] if path.startswith("file:") else path


def _writes(mode: object, flags: object) -> bool:
    if isinstance(mode, str):
        return mode[:1] in ("w", "x", "a")
    return isinstance(flags, int) and bool(flags & _WRITE_FLAGS)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"


def _absolute(item: tuple[str, str]) -> str:
    path, cwd = item
    return os.path.normpath(os.path.join(cwd, path))


def _ignored_folders() -> tuple[str, ...]:
    prefixes = {
        sys.prefix,
        sys.base_prefix,
        sys.exec_prefix,
        *sysconfig.get_paths().values(),
        site.getusersitepackages(),
    }
    return tuple(f"{folder.rstrip('/')}/" for folder in (*_SYSTEM_FOLDERS, *prefixes) if folder not in ("", "/"))


def _is_input(path: str, ignored: tuple[str, ...]) -> bool:
    inner = (
        "/site-packages/",
        "/dist-packages/",
        "/.pyenv/",
        "/.asdf/",
        "/.runward/",
        "/__pycache__/",
        "/.git/",
        "/.venv/",
    )
    return not (
        path.startswith(ignored) or path.endswith((*_CODE_SUFFIXES, *_OWN_FILES)) or any(part in path for part in inner)
    )
