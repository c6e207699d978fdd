"""``runward backup`` and ``runward restore``: a whole workspace in a folder, and back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from runward.cli.output import NO, Output, pass_output, with_json
from runward.cli.place import open_place, placed
from runward.errors import ConflictError, InvalidError, StoreError
from runward.store.backup import Backup, back_up, check_backup, manifest, restore
from runward.store.database import open_database
from runward.store.objects import open_blobs
from runward.workspace import ROOMS


def _references() -> list[str]:
    """Queries for the digests of bytes that rows name."""
    return [one.sql for room in ROOMS for one in room.blobs]


def _told(output: Output, what: str, count: int) -> None:
    if count % 1000 == 0:
        output.say(f"{what}: {count:,}")


@contextlib.contextmanager
def _usable(place: Path) -> Iterator[None]:
    """Raises: StoreError (the system refuses the place, or something of it)."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"{error.filename or place}: {error.strerror}",
            hint="give a folder that you may write to, on a disk with room",
        ) from error


def _local(text: str) -> Path:
    if "://" in text:
        raise InvalidError(
            f"{text!r} is no folder", hint="back up into a folder, and copy that with the storage's own tool"
        )
    return Path(text).absolute()


@click.command()
@click.argument("target", metavar="DIR")
@placed
@click.option("--keys/--no-keys", default=True, show_default=True, help="Whether the workspace's keys go along.")
@with_json
@pass_output
def backup(output: Output, target: str, folder: Path | None, database: str, blobs: str, keys: bool) -> int:
    """Write the whole workspace into DIR, while it is served. The same DIR again takes only what is new.

    All rows are of one moment, and every file's digest is checked. Who has a backup with its keys can sign as the workspace.
    """
    dispatcher, place = open_place(folder, database, blobs), _local(target)
    with _usable(place):
        made = back_up(
            dispatcher.database,
            dispatcher.blobs.bare,
            dispatcher.folder,
            place,
            lambda what, n: _told(output, what, n),
            keys=keys,
        )
        problems = list(check_backup(place, _references(), dispatcher.keyring))
    lines = [f"{_words(made)} in {place}, checked", "runward restore DIR puts it back; --check checks it again"]
    if made.sealed:
        lines.append(
            f"{made.sealed:,} files are encrypted. What opens them is not in it: keep {dispatcher.keyring.where}"
        )
    if dispatcher.keyring.people.folder.is_dir():
        lines.append(
            f"and, for {dispatcher.keyring.backup_days:g} days at most, {dispatcher.keyring.people.folder}: apart from the backups"
        )
    output.result({"backup": made, "problems": problems}, problems or lines)
    return NO if problems else 0


@click.command("restore")
@click.argument("target", metavar="DIR")
@placed
@click.option("--check", is_flag=True, help="Only check the backup: every row and every byte.")
@with_json
@pass_output
def restore_command(output: Output, target: str, folder: Path | None, database: str, blobs: str, check: bool) -> int:
    """Put the backup in DIR into an empty place: --dir, or a --database and --blobs."""
    place = _local(target)
    if check:
        with _usable(place):
            made, problems = manifest(place), list(check_backup(place, _references()))
        said = f"{_words(made)}: as they were written"
        if made.sealed:
            said += f"; {made.sealed:,} are encrypted, and which of them rows name was not looked at"
        output.result({"backup": made, "problems": problems}, problems or said)
        return NO if problems else 0
    if folder is None:
        raise InvalidError("--dir is missing", hint="name the folder that the workspace is to live in")
    folder = folder.absolute()
    if not database and (folder / "runward.db").exists():
        raise ConflictError(f"there is a workspace in {folder}", hint="restore into an empty folder")
    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        store = open_database(database or f"sqlite:///{folder / 'runward.db'}")
        kept = open_blobs(blobs or folder / "blobs", folder / "spool")
        made = restore(place, store, kept, folder, lambda what, n: _told(output, what, n))
    lines = [f"{_words(made)} put into {folder}", "runward audit verify; runward doctor"]
    if made.sealed:
        lines.append(f"{made.sealed:,} files are encrypted: put the root key back, then runward doctor --deep")
    output.result(made, lines)
    return 0


def _words(made: Backup) -> str:
    return f"{made.rows:,} rows and {made.files:,} files ({made.bytes:,} bytes) of {made.at:%Y-%m-%d %H:%M:%S} UTC"
