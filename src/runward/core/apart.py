"""Files that this process has open already, read by another one.

A process that closes a file gives up all its locks on it (POSIX), those of SQLite's connections too
(https://www.sqlite.org/howtocorrupt.html, section 2.2): the database of a training would be anybody's in the middle of a
transaction, because it was captured.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from runward.core.hashing import digest_chunks, digest_file
from runward.core.ids import Digest

_OWN_FILES = "/dev/fd"
_PAGE_BYTES = 512
"""Databases are whole numbers of pages, of which this is the smallest."""
_PIECE_BYTES = 1 << 20


def is_open_here(path: str | bytes | Path) -> bool:
    """Whether this process has open what may be a database. Raises: OSError."""
    status = os.stat(path)
    # Hardly another file has such a size, so that hardly ever is more than this looked at.
    if status.st_size % _PAGE_BYTES:
        return False
    try:
        names = os.listdir(_OWN_FILES)
    except OSError:
        return False
    for name in names:
        try:
            own = os.fstat(int(name))
        except OSError:
            continue  # that of the listing, or closed by another thread
        if own.st_ino == status.st_ino and own.st_dev == status.st_dev:
            return True
    return False


@contextlib.contextmanager
def reading(path: str | bytes | Path, opener: Callable[[str, int], int] | None = None) -> Iterator[BinaryIO]:
    """A file's bytes from its beginning to its end, whoever has it open. Raises: OSError."""
    if not is_open_here(path):
        with open(path, "rb", opener=opener) as file:
            yield file
        return
    # Without what watches a run's processes: this is none of them.
    environment = {"PATH": os.environ.get("PATH", os.defpath)}
    command = ["cat", os.path.abspath(path)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment) as other:
        yield cast(BinaryIO, other.stdout)
    if other.returncode not in (0, -signal.SIGPIPE):
        raise OSError(errno.EIO, "another process could not read it to the end", os.fsdecode(path))


def digest_of(path: str | bytes | Path) -> Digest:
    """The blake3 digest of a file's content, whoever has it open. Raises: OSError."""
    if not is_open_here(path):
        return digest_file(os.fsdecode(path))
    with reading(path) as file:
        return digest_chunks(iter(partial(file.read, _PIECE_BYTES), b""))
