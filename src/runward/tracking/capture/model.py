"""What a capture holds: plain Structs that travel as JSON, and the two doors to the blob store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from runward.core.hashing import digest_value
from runward.core.ids import Digest

FileMode = Literal["file", "executable", "symlink"]
LeftOutKind = Literal["large", "secret", "limit", "unreadable", "special", "nested-repository"]
PackageSource = Literal["index", "editable", "local", "archive", "vcs"]
ReadMethod = Literal["audit-hook", "preload", "both"]

_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2})")


class BlobSink(Protocol):
    """Where captured bytes go. Thread-safe; putting the same bytes twice stores them once."""

    def put_bytes(self, data: bytes) -> Digest:
        """Store bytes and return their digest."""

    def put_file(self, path: Path) -> Digest:
        """Store a file's present content and return its digest. Raises: OSError."""

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are stored; a remembered digest is only used where they still are."""


class BlobSource(Protocol):
    """Where captured bytes come from."""

    def read(self, digest: Digest) -> bytes:
        """The bytes of that digest. Raises: NotFoundError."""

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Write the bytes of that digest to a new file. Raises: NotFoundError, OSError."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a capture may read and store; what goes beyond is named in ``left_out``."""

    file_bytes: int = 50 << 20
    """A larger file is recorded by digest, not stored."""
    digest_bytes: int = 2 << 30
    """A larger file is recorded by size only."""
    folder_files: int = 2_000
    folder_bytes: int = 64 << 20
    """The bounds of a plain folder, where no ignore rules say what is code."""
    read_files: int = 200
    read_file_bytes: int = 8 << 20
    read_bytes: int = 64 << 20
    """The bounds of what is stored of the data that a run read in its folder and that is no part of its code."""
    git_timeout_s: float = 60.0


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the captured tree; ``path`` is escaped by ``encode_path``."""

    path: str
    mode: FileMode
    size: int
    digest: str
    target: str = ""
    """Where a symlink points, escaped like ``path``."""
    masked: int = 0
    """So many secrets stand in the file, and ``[redacted:kind]`` in their place in what was stored; size and digest are of that."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder whose content was not stored, and why."""

    path: str
    kind: LeftOutKind
    reason: str
    size: int = 0
    digest: str = ""
    executable: bool = False


class GitHead(msgspec.Struct, frozen=True, kw_only=True):
    """What ``.git`` says without running git: empty strings where it does not say."""

    root: str
    commit: str = ""
    branch: str = ""


class CodeSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole tree a run started from: a manifest here, the contents in the blob store."""

    format: int = 1
    kind: Literal["git", "folder"]
    root: str
    subfolder: str = ""
    """The run's working folder, relative to ``root``; empty at the root."""
    commit: str = ""
    branch: str = ""
    remote: str = ""
    dirty: bool = False
    changed: list[str] = []
    untracked: list[str] = []
    deleted: list[str] = []
    files: list[FileEntry] = []
    submodules: list[str] = []
    left_out: list[LeftOut] = []
    problems: list[str] = []
    diff: str = ""
    """Digest of the unified diff against HEAD, redacted and its start only: for display, not to restore."""
    digest: str = ""
    """One digest for the tree: paths, modes and contents."""


class License(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a package's metadata says of its licence; empty where it says nothing."""

    expression: str = ""
    """``License-Expression``, in the words of SPDX."""
    text: str = ""
    """The first line of ``License``."""
    classifiers: list[str] = []
    """``OSI Approved :: MIT License`` and the like."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """One installed distribution."""

    name: str
    version: str
    installer: str = ""
    source: PackageSource = "index"
    url: str = ""
    commit: str = ""
    subdirectory: str = ""
    sha256: str = ""
    record: str = ""
    """Digest of the RECORD file: changes when the list of installed files changes."""
    paths: list[str] = []
    """Folders that an editable install puts on the import path."""
    edited: dict[str, str] = {}
    """Files that are not as they were installed: digest of their content by path in ``site-packages``."""
    license: License | None = None
    """None where it was not looked at."""


class EnvironmentSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Python, its packages and the environment variables that change results."""

    format: int = 1
    python: str
    implementation: str
    executable: str
    base_executable: str = ""
    prefix: str
    platform: str
    libc: str = ""
    packages: list[Package] = []
    variables: dict[str, str] = {}
    libraries: list[str] = []
    """Shared libraries of the system that the process had mapped."""
    library_builds: dict[str, str] = {}
    """Their build ids (or sizes) by file name, and what numeric libraries say of their build."""
    sources: dict[str, CodeSnapshot] = {}
    """The trees of editable installs outside of the run's own, by package."""
    digest: str = ""
    """Digest of the Python version and the exact set of packages."""

    def exact(self) -> list[str]:
        """The packages as ``name==version``, sorted."""
        return sorted(f"{package.name}=={package.version}" for package in self.packages)


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """One graphics card."""

    name: str
    memory_bytes: int = 0
    driver: str = ""


class MachineSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The computer: what changes the last bits of a result."""

    format: int = 1
    hostname: str
    os: str
    kernel: str
    architecture: str
    cpu: str = ""
    cpu_level: str = ""
    """The widest vector instructions: ``avx512``, ``avx2``, ``avx``, ``sse`` or empty."""
    cpus: int = 0
    usable_cpus: int = 0
    memory_bytes: int = 0
    gpus: list[Gpu] = []
    threads: dict[str, int] = {}
    """Threads that numeric libraries use, by who says so (variable or library)."""
    kernels: dict[str, str] = {}
    """The kernels that numeric libraries chose for this processor, by library."""


class ProcessSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """How the run was started; secrets are masked."""

    format: int = 1
    argv: list[str]
    cwd: str
    entry: str = ""
    """The script relative to the working folder, or ``-m module``."""
    flags: list[str] = []
    """The interpreter's own options, such as ``-X utf8``."""
    started_at: datetime


class FileRead(msgspec.Struct, frozen=True, kw_only=True):
    """A file the run opened for reading."""

    path: str
    relative: str = ""
    """Relative to the repository root; empty outside of it."""
    size: int
    digest: str = ""
    """Empty where the file was too large to read again."""
    method: ReadMethod = "audit-hook"
    """Who saw it: the interpreter's audit hook, the shim that native readers cannot pass by, or both."""
    changed: bool = False
    """The file was modified after the run started, so the digest may not be what the run read."""
    kept: bool = False
    """The bytes are stored, so that they can be put back when the file has changed."""


class FileWritten(msgspec.Struct, frozen=True, kw_only=True):
    """A file that a command left behind in its tree."""

    path: str
    """Relative to the tree."""
    size: int
    digest: str = ""
    """Empty where the file was too large to read."""


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything recorded about how a run came to be."""

    format: int = 1
    code: CodeSnapshot
    environment: EnvironmentSnapshot
    machine: MachineSnapshot
    process: ProcessSnapshot
    reads: list[FileRead] = []
    writes: list[FileWritten] | None = None
    """What a command left in its tree; None where nobody watched."""
    folders: list[str] = []
    """Folders of the tree that were there before the run and that it wrote to: an ignored one comes back in no other way."""
    variables_read: list[str] = []
    """Variables that the code asked for and whose values were not recorded."""
    read_problems: list[str] = []
    """Why some reads could not be seen."""
    pids: list[str] = []
    """The ids of a command's processes, which it may have printed."""
    seeds: dict[str, int] = {}
    durations_ms: dict[str, float] = {}


def encode_path(path: str | bytes) -> str:
    r"""A path as text that JSON can hold: a byte that is not UTF-8 becomes ``\xNN``, a backslash doubles."""
    return os.fsencode(path).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def decode_path(text: str) -> bytes:
    """The path that ``encode_path`` wrote, byte for byte."""
    return b"".join(_unescaped(part) for part in _parts(text))


def tree_digest(files: Iterable[FileEntry]) -> Digest:
    """One digest for paths, modes and contents, whatever the order."""
    return digest_value(sorted((entry.path, entry.mode, entry.digest) for entry in files))


def _parts(text: str) -> Iterable[str]:
    start = 0
    for match in _ESCAPED.finditer(text):
        yield text[start : match.start()]
        yield match.group()
        start = match.end()
    yield text[start:]


def _unescaped(part: str) -> bytes:
    if not part.startswith("\\"):
        return part.encode()
    return b"\\" if part == "\\\\" else bytes([int(part[2:], 16)])
