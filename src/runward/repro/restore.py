"""Restoring captured code: the same bytes, modes and symlinks in an empty folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec

from runward.core.hashing import digest_bytes, digest_file
from runward.core.ids import Digest
from runward.errors import CorruptedError, InvalidError, NotFoundError, SourceMissingError
from runward.tracking.capture.model import BlobSource, CodeSnapshot, FileEntry, LeftOut, decode_path

_HOSTILE = "No capture writes such a manifest: do not trust this snapshot."
_NEEDED = ("large", "unreadable", "nested-repository")


class RestoredCode(msgspec.Struct, frozen=True, kw_only=True):
    """A restored tree."""

    root: Path
    cwd: Path
    """The run's working folder inside of ``root``."""
    files: int
    missing: list[LeftOut] = []
    """What the capture left out and the tree therefore lacks; a run may still work without."""


def restore_code(
    snapshot: CodeSnapshot, blobs: BlobSource, target: Path, fill_from: Path | None = None
) -> RestoredCode:
    """Write a captured tree into a folder that is empty or not there yet.

    Nothing is written outside of ``target`` whatever the manifest says, and no symlink is followed: they are
    created last, as they were captured. On an error ``target`` is left as it was found.

    Args:
        snapshot: The captured code.
        blobs: Holds the contents.
        target: Where the tree goes.
        fill_from: A tree that may still hold files too large to be stored; used where the digest matches.

    Raises:
        InvalidError: The target is not an empty folder, or the manifest names a path outside of the tree.
        SourceMissingError: A submodule, a blob or a file that was too large is missing.
        CorruptedError: Stored bytes do not match their digest.
    """
    entries = _checked_entries(snapshot.files)
    _refuse_submodules(snapshot)
    large = {decode_path(item.path): item for item in snapshot.left_out if item.kind in _NEEDED}
    _check_paths((*entries, *large))
    existed = _prepare(target)
    try:
        _write_all(entries, blobs, target)
        for path, item in large.items():
            _fill(path, item, target, fill_from)
    except BaseException:
        _clear(target, keep=existed)
        raise
    cwd = Path(os.fsdecode(os.path.join(os.fsencode(target), decode_path(snapshot.subfolder))))
    cwd.mkdir(parents=True, exist_ok=True)
    missing = [item for item in snapshot.left_out if item.kind not in _NEEDED]
    return RestoredCode(root=target, cwd=cwd, files=len(entries) + len(large), missing=missing)


def _checked_entries(files: Iterable[FileEntry]) -> dict[bytes, FileEntry]:
    entries: dict[bytes, FileEntry] = {}
    for entry in files:
        path = decode_path(entry.path)
        if path in entries:
            raise InvalidError(f"files: the manifest names {entry.path!r} twice", hint=_HOSTILE)
        entries[path] = entry
    return entries


def _refuse_submodules(snapshot: CodeSnapshot) -> None:
    if snapshot.submodules:
        names = ", ".join(map(repr, snapshot.submodules))
        raise SourceMissingError(
            f"code: submodule {names} was not captured, so the tree cannot be restored",
            hint="Vendor the submodule into the repository, or install it from its URL and commit.",
        )


def _check_paths(paths: Iterable[bytes]) -> None:
    known = set(paths)
    for path in known:
        parts = path.split(b"/")
        if b"\0" in path or any(part in (b"", b".", b"..") or part.lower() == b".git" for part in parts):
            raise InvalidError(f"files: {path!r} is not a path inside of the tree", hint=_HOSTILE)
        if any(b"/".join(parts[:depth]) in known for depth in range(1, len(parts))):
            raise InvalidError(f"files: {path!r} lies below a file or symlink", hint=_HOSTILE)


def _prepare(target: Path) -> bool:
    existed = target.is_symlink() or target.exists()
    if existed and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
        raise InvalidError(
            f"target: {target} is not an empty folder", hint="Name a folder that is empty or does not exist."
        )
    target.mkdir(parents=True, exist_ok=True)
    return existed


def _clear(target: Path, *, keep: bool) -> None:
    shutil.rmtree(target)
    if keep:
        target.mkdir()


def _write_all(entries: dict[bytes, FileEntry], blobs: BlobSource, target: Path) -> None:
    root = os.fsencode(target)
    for path, entry in sorted(entries.items(), key=lambda item: item[1].mode == "symlink"):
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if entry.mode == "symlink":
            os.symlink(decode_path(entry.target), full)
        else:
            _write_file(entry, blobs, Path(os.fsdecode(full)))


def _write_file(entry: FileEntry, blobs: BlobSource, path: Path) -> None:
    try:
        if entry.size:
            blobs.copy_to(Digest(entry.digest), path)
        else:
            path.write_bytes(blobs.read(Digest(entry.digest)))
    except NotFoundError as error:
        raise SourceMissingError(
            f"code: the content of {entry.path!r} ({entry.digest[:12]}) is not in the store",
            hint="It was deleted or never uploaded; run `runward sync` where the run was started.",
        ) from error
    if (digest_file(path) if entry.size else digest_bytes(path.read_bytes())) != entry.digest:
        raise CorruptedError(f"code: the stored content of {entry.path!r} does not match its digest")
    _set_mode(path, executable=entry.mode == "executable")


def _fill(path: bytes, item: LeftOut, target: Path, source: Path | None) -> None:
    found = Path(os.fsdecode(os.path.join(os.fsencode(source), path))) if source else None
    if found is None or not item.digest or not found.is_file() or digest_file(found) != item.digest:
        raise SourceMissingError(
            f"code: {item.path!r} was not stored ({item.reason})",
            hint="Log it as an artifact or keep it outside of the repository, then run again.",
        )
    destination = Path(os.fsdecode(os.path.join(os.fsencode(target), path)))
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(found, destination)
    _set_mode(destination, executable=item.executable)


def _set_mode(path: Path, *, executable: bool) -> None:
    path.chmod(0o755 if executable else 0o644)
