"""``runward backup`` and ``runward restore``: a whole workspace in a folder, and back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from runward.cli.output import NO, Output, pass_output, with_json
from runward.cli.place import open_place, placed
from runward.errors import ConflictError, InvalidError, StoreError
from runward.privacy import ledger
from runward.privacy.job import follow_ledger
from runward.store.backup import Backup, back_up, check_backup, manifest, note_backup, restore
from runward.store.database import open_database
from runward.store.objects import open_blobs
from runward.workspace import ROOMS, open_dispatcher


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
    if not problems:
        # A copy of a database that only reads cannot be told; the backup is whole all the same.
        with contextlib.suppress(StoreError):
            note_backup(dispatcher.database, made)
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
@click.option(
    "--erasures",
    type=click.Path(path_type=Path, exists=True),
    default=None,
    help="The ledger keys/erasures.jsonl of where the workspace was, if that is not in --dir: who was erased since stays so.",
)
@click.option("--also", multiple=True, metavar="TEXT", help="What else named who was erased, as when they were.")
@with_json
@pass_output
def restore_command(
    output: Output,
    target: str,
    folder: Path | None,
    database: str,
    blobs: str,
    check: bool,
    erasures: Path | None,
    also: tuple[str, ...],
) -> int:
    """Put the backup in DIR into an empty place: --dir, or a --database and --blobs.

    Whom the ledger beside the keys says was erased since is erased again.
    """
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
        known = [*ledger.entries(folder), *(ledger.read(erasures) if erasures else [])]
        made = restore(place, store, kept, folder, lambda what, n: _told(output, what, n))
        for entry in known:
            ledger.add(folder, entry)
        again = follow_ledger(open_dispatcher(store, kept, folder), also)
    lines = [f"{_words(made)} put into {folder}", "runward audit verify; runward doctor"]
    if made.sealed:
        lines.append(f"{made.sealed:,} files are encrypted: put the root key back, then runward doctor --deep")
    if again:
        lines.insert(1, f"erased again, as the ledger says: {', '.join(again)}")
    output.result({**msgspec.to_builtins(made), "erased_again": again}, lines)
    return 0


def _words(made: Backup) -> str:
    return f"{made.rows:,} rows and {made.files:,} files ({made.bytes:,} bytes) of {made.at:%Y-%m-%d %H:%M:%S} UTC"
