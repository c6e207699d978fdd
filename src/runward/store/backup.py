"""A workspace in a folder of its own: made while it is served, checked byte by byte, put back anywhere.

The folder holds `runward.db` (SQLite, whatever database the workspace has), `blobs`, `keys`, `audit`, and `backup.json`, which is
written last: without it a backup is not whole. Another backup into the same folder copies only new bytes.

The root key and the people keys are never in it: they are kept apart from all that they open.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from runward.core.clock import utc_now
from runward.core.hashing import digest_chunks, digest_file
from runward.core.ids import Digest
from runward.errors import ConflictError, CorruptedError, NotFoundError
from runward.store.blobs import Blobs, Shelf
from runward.store.database import Database, SqliteDatabase
from runward.store.folder import FolderBlobs
from runward.store.keys import Keyring
from runward.store.sealed import SealedBlobs
from runward.store.transfer import Progress, copy_blobs, copy_rows

_KIND = "runward backup"
_MANIFEST = "backup.json"
NOTED = "last_backup"
"""The key in the table ``workspace`` under which a workspace knows of its last backup."""
_SUMS = "sealed.json"
_BESIDE = ("keys", "audit")
_KEPT_APART = shutil.ignore_patterns("root.*", "people")
"""Of `keys`: who has a backup must not have what opens it, nor what forgets somebody when it expires."""
_PART = 5_000
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class Backup(msgspec.Struct, frozen=True):
    """What a backup is."""

    at: datetime
    """The moment whose rows it holds, or a little before."""
    rows: int
    files: int
    bytes: int
    """Of the files."""
    database: Digest
    """Digest of `runward.db`."""
    keys: bool
    """Whether the workspace's keys are in it: who reads it can then sign as the workspace."""
    sealed: int = 0
    """Files that are encrypted; what opens them is not in the backup."""
    sums: str = ""
    """Digest of `sealed.json`, in which the digests of the encrypted files stand as they lie."""
    kind: str = _KIND


def back_up(
    database: Database, blobs: Shelf, folder: Path, target: Path, progress: Progress, *, keys: bool = True
) -> Backup:
    """Write a backup, or bring an earlier one in the same folder to the present.

    Args:
        database: Of the workspace; others may write to it meanwhile.
        blobs: What its bytes lie in: what is encrypted is copied so.
        folder: Its own files, among them the keys.
        target: A folder that is empty, or holds a backup.
        progress: Told what was copied.
        keys: Whether its keys go along.

    Raises: ConflictError (the target holds something else), StoreError, InvalidError (bytes that do not have their digest).
    """
    if target.exists() and any(target.iterdir()) and not (target / _MANIFEST).exists() and not _begun(target):
        raise ConflictError(f"{target} holds something else than a backup", hint="give an empty folder")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    # From here on it is not whole, until the manifest is there again.
    (target / "backup.part").touch()
    (target / _MANIFEST).unlink(missing_ok=True)
    at, part = utc_now(), target / "runward.db.part"
    for left in (part, *(Path(f"{part}{end}") for end in ("-wal", "-shm"))):
        left.unlink(missing_ok=True)
    # Before the rows: a checkpoint of the audit trail that is written meanwhile knows of events that they do not have.
    _copy_beside(folder, target, "audit")
    rows = _write_rows(database, part, progress)
    kept = FolderBlobs(target / "blobs")
    # The bytes after the rows: what the rows name is there.
    copy_blobs(blobs, kept, progress)
    _mirror(blobs, kept)
    inside, beside = kept.beside(), blobs.beside()
    _mirror(beside, inside)
    beside.close()
    sums = _sums(target, inside)
    _copy_beside(folder, target, "keys", wanted=keys)
    os.replace(part, target / "runward.db")
    sizes = [size for _, size, _ in kept.stored()] + [size for _, size, _ in inside.stored()]
    inside.close()
    database_digest = digest_file(target / "runward.db")
    made = Backup(
        at, rows, len(sizes), sum(sizes), database_digest, keys, len(sums), digest_file(target / _SUMS) if sums else ""
    )
    kept.close()
    _write(target / _MANIFEST, msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    (target / "backup.part").unlink()
    return made


def note_backup(database: Database, made: Backup) -> None:
    """Have the workspace know when it was last backed up, for those who look after it. Raises: StoreError."""
    told = msgspec.json.encode({"at": made.at, "files": made.files, "bytes": made.bytes}).decode()
    with database.transaction(write=True) as tx:
        tx.execute(
            "INSERT INTO workspace (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (NOTED, told),
        )


def check_backup(target: Path, references: Sequence[str], keyring: Keyring | None = None) -> Iterator[str]:
    """What is wrong with a backup, in sentences; nothing where all of it is as it was written.

    Args:
        target: Its folder.
        references: Queries with one column of text, in which the digests of bytes stand that rows name.
        keyring: Of the workspace, where it is there: encrypted files are then opened. Without it they are compared with what
            was written, and which of them rows name cannot be told.

    Raises: NotFoundError (it is no backup, or not whole).
    """
    made = manifest(target)
    if digest_file(target / "runward.db") != made.database:
        yield "runward.db is not as it was written"
        return
    kept = FolderBlobs(target / "blobs")
    yield from kept.problems()
    sealed = kept.beside()
    sums = _read_sums(target, made)
    for name, _, _ in sealed.stored():
        if digest_chunks(sealed.pieces(name)) != sums.get(name):
            yield f"encrypted file {name} is not as it was written"
    store: Blobs = kept
    if made.sealed and keyring is not None:
        store = SealedBlobs(kept, keyring)
        yield from store.problems()
    files = sum(1 for one in (kept, sealed) for _ in one.stored())
    if files != made.files:
        yield f"{made.files:,} files were written, {files:,} are there"
    with contextlib.closing(
        sqlite3.connect(f"{(target / 'runward.db').absolute().as_uri()}?mode=ro", uri=True)
    ) as rows:
        if (said := rows.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            yield f"runward.db: {said}"
        for query in references if keyring is not None or not made.sealed else ():
            for (text,) in rows.execute(query):
                for digest in _DIGEST.findall(text or ""):
                    if not store.has(digest):
                        yield f"file {digest} is named and not there"
    sealed.close()
    store.close()


def _sums(target: Path, sealed: FolderBlobs) -> dict[str, str]:
    """Note the digests of the encrypted files as they lie; those that were there already keep theirs."""
    known = msgspec.json.decode((target / _SUMS).read_bytes(), type=dict[str, str]) if (target / _SUMS).exists() else {}
    found = {str(name): known.get(name) or digest_chunks(sealed.pieces(name)) for name, _, _ in sealed.stored()}
    if found:
        _write(target / _SUMS, msgspec.json.encode(found))
    return found


def _read_sums(target: Path, made: Backup) -> dict[str, str]:
    """Raises: CorruptedError."""
    if not made.sums:
        return {}
    if not (target / _SUMS).exists() or digest_file(target / _SUMS) != made.sums:
        raise CorruptedError(f"{target / _SUMS} is not as it was written", hint="take another backup")
    return msgspec.json.decode((target / _SUMS).read_bytes(), type=dict[str, str])


def restore(target: Path, database: Database, blobs: Shelf, folder: Path, progress: Progress) -> Backup:
    """Put a backup into an empty database, and its bytes beside it; each one's digest is checked on the way.

    Raises: NotFoundError (no backup, or not whole), CorruptedError, ConflictError (the database is not empty), StoreError,
        MigrationNeededError (it was made by another version: migrate the copy first).
    """
    made = manifest(target)
    if digest_file(target / "runward.db") != made.database:
        raise CorruptedError(f"{target / 'runward.db'} is not as it was written", hint="take another backup")
    kept = FolderBlobs(target / "blobs")
    copy_blobs(kept, blobs, progress, _read_sums(target, made))
    for name in _BESIDE:
        if (target / name).is_dir():
            shutil.copytree(target / name, folder / name, dirs_exist_ok=True)
    kept.close()
    # The rows last: a workspace that is there is whole. Of a copy, so that the backup stays as it was written.
    with tempfile.TemporaryDirectory(dir=folder, prefix="restore") as apart:
        shutil.copy(target / "runward.db", Path(apart) / "runward.db")
        source = SqliteDatabase(Path(apart) / "runward.db")
        copy_rows(source, database, progress)
        source.close()
    return made


def manifest(target: Path) -> Backup:
    """What a backup says of itself. Raises: NotFoundError."""
    try:
        made = msgspec.json.decode((target / _MANIFEST).read_bytes(), type=Backup)
    except FileNotFoundError:
        said = "the backup in {} was not finished" if _begun(target) else "there is no backup in {}"
        raise NotFoundError(said.format(target), hint="runward backup DIR makes one") from None
    except msgspec.DecodeError as error:
        raise CorruptedError(f"{target / _MANIFEST} cannot be read: {error}") from error
    if made.kind != _KIND:
        raise CorruptedError(f"{target / _MANIFEST} is of something else: {made.kind!r}")
    return made


def _begun(target: Path) -> bool:
    return (target / "backup.part").exists()


def _copy_beside(folder: Path, target: Path, name: str, *, wanted: bool = True) -> None:
    shutil.rmtree(target / name, ignore_errors=True)
    if wanted and (folder / name).is_dir():
        shutil.copytree(folder / name, target / name, ignore=_KEPT_APART)


def _write_rows(database: Database, path: Path, progress: Progress) -> int:
    copy = SqliteDatabase(path)
    rows = copy_rows(database, copy, progress)
    copy.close()
    # One file that can be read without being written to.
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    return rows


def _mirror(source: Shelf, target: Shelf) -> None:
    """What was collected since the last backup goes from this one too."""
    gone: list[Digest] = [digest for digest, _, _ in target.stored() if not source.has(digest)]
    for first in range(0, len(gone), _PART):
        target.remove(gone[first : first + _PART], float("inf"))


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
