"""Files that are written once, or replaced as a whole."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read; it is there whole or not at all, and durable when this returns.

    Raises: FileExistsError.
    """
    with _part_of(path, data) as part:
        # A link, unlike a move, does not replace what is there.
        os.link(part, path)
        sync_folder(path.parent)


def replace_secret(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, or put it in the place of one: whole or not at all. Raises: OSError."""
    with _part_of(path, data) as part:
        os.replace(part, path)
        sync_folder(path.parent)


@contextlib.contextmanager
def _part_of(path: Path, data: bytes) -> Iterator[Path]:
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)


def wipe(path: Path) -> None:
    """Overwrite a file where it lies and remove it; nothing if it is not there. Raises: OSError.

    A file system that never writes twice to one place (btrfs, ZFS, most flash drives) keeps the old bytes for a while.
    """
    with contextlib.suppress(FileNotFoundError):
        with path.open("r+b", buffering=0) as file:
            file.write(secrets.token_bytes(os.fstat(file.fileno()).st_size))
            os.fsync(file.fileno())
        path.unlink()
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises: OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def others_may_read(path: Path) -> bool:
    """Whether the mode of a file lets its group or everybody read or change it. Raises: OSError."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)
