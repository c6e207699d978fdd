"""``runward keys``: encryption of what is stored, on the machine where the workspace is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from runward.cli.output import NO, YES, Output, pass_output, with_json
from runward.cli.place import open_place, placed
from runward.core.clock import to_us, utc_now
from runward.core.operation import Door
from runward.errors import ConflictError, InvalidError
from runward.governance.dispatch import Dispatcher
from runward.governance.model import WorkspaceKeys
from runward.governance.signin import folder_actor
from runward.server.run import open_store
from runward.store.rootkey import RootCommand, RootFile, RootPlace, RootVariable
from runward.store.sealed import SEALED_SINCE, SealedBlobs
from runward.tracking.sealing import seal_stored
from runward.workspace import FolderWorkspace, find_folder

_DOOR = Door("POST", "//keys", "member.manage", "@workspace", "who owns the folder owns its keys")


class Status(WorkspaceKeys, frozen=True):
    """The state of a workspace's keys, and what is not encrypted yet."""

    unencrypted_files: int = 0


@click.group()
def keys() -> None:
    """Encryption of what is stored: keys, their rotation, and what was there before."""


@keys.command("init")
@placed
@with_json
@pass_output
def init(output: Output, folder: Path | None, database: str, blobs: str) -> None:
    """Encrypt the files of a new or an existing workspace from now on.

    Servers of the workspace have to be started anew afterwards. What was there before is encrypted by `runward keys seal`.
    """
    dispatcher = open_store((folder or find_folder()).absolute(), database, blobs)
    with _audited(dispatcher, "keys.init"):
        root = dispatcher.keyring.begin()
        with dispatcher.database.transaction(write=True) as tx:
            tx.execute(
                "INSERT INTO workspace (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                (SEALED_SINCE, str(to_us(utc_now()))),
            )
    lines = [
        f"files are encrypted from now on; the root key {root} is {dispatcher.keyring.where}",
        "Keep a copy of it apart from the backups: without it nobody reads them again.",
        "Start the servers of this workspace anew, then: runward keys seal",
    ]
    output.result(_state(open_store(dispatcher.folder, database, blobs)), lines)


@keys.command("status")
@placed
@with_json
@pass_output
def status(output: Output, folder: Path | None, database: str, blobs: str) -> int:
    """Which keys there are, how old they are, and what is not encrypted. Exit code 1 if the root key cannot be used."""
    found = _state(open_place(folder, database, blobs))
    lines = [
        f"files: {'encrypted since ' + _day(found.encrypted_since) if found.encrypted_since else 'not encrypted; runward keys init'}",
        f"root key: {found.root_key or 'none yet'}, {found.where}{' ✗ ' + found.problem if found.problem else ''}",
        *(f"team {one.team}: key {one.version}, since {_day(one.created_at)}" for one in found.teams),
        f"people: {found.people:,} with a key, {found.destroyed:,} destroyed; their people key "
        f"{'since ' + _day(found.people_key_since) if found.people_key_since else 'not made yet'}",
    ]
    if found.encrypted_since and found.unencrypted_files:
        lines.append(f"✗ {found.unencrypted_files:,} files from before are not encrypted: runward keys seal")
    output.result(found, lines)
    return NO if found.problem else YES


@keys.command("rotate")
@click.option("--root", is_flag=True, help="A new root key; it wraps all other keys anew.")
@click.option("--team", "teams", multiple=True, metavar="NAME", help="A new key for what this team stores from now on.")
@click.option("--to-file", type=click.Path(path_type=Path), default=None, help="With --root: put it into this file.")
@click.option("--to-variable", default="", metavar="NAME", help="With --root: take it from this variable.")
@click.option("--to-command", default="", metavar="COMMAND", help="With --root: let this command wrap it.")
@placed
@with_json
@pass_output
def rotate(
    output: Output,
    root: bool,
    teams: tuple[str, ...],
    to_file: Path | None,
    to_variable: str,
    to_command: str,
    folder: Path | None,
    database: str,
    blobs: str,
) -> None:
    """Replace the root key, or teams' keys. No stored file is written anew, and what is there stays readable."""
    if not root and not teams:
        raise InvalidError("neither --root nor --team was given", hint="say which key is to be replaced")
    dispatcher = open_place(folder, database, blobs)
    to = _target(dispatcher.folder, to_file, to_variable, to_command)
    if to is not None and not root:
        raise InvalidError("a place was given for a new root key, and --root was not", hint="add --root")
    lines = []
    names = {team.name: team.id for team in _space(dispatcher).governance.list_teams()}
    if unknown := sorted(set(teams) - set(names)):
        raise InvalidError(f"there is no team {unknown[0]!r}", hint=f"teams are {', '.join(sorted(names))}")
    if root:
        with _audited(dispatcher, "keys.rotate_root"):
            old, new = dispatcher.keyring.rotate_root(to)
        lines.append(f"the root key is {new}, {dispatcher.keyring.where}; {old} opens nothing any more")
        if old == new:
            lines = [f"the root key {new} was in use already: a rotation that had been interrupted is finished"]
    for name in teams:
        with _audited(dispatcher, "keys.rotate_team", "team", names[name]):
            dispatcher.keyring.rotate_team(names[name])
        lines.append(f"what {name} stores from now on is under a new key")
    output.result(_state(dispatcher), [*lines, "servers follow within a minute"])


@keys.command("seal")
@placed
@with_json
@pass_output
def seal(output: Output, folder: Path | None, database: str, blobs: str) -> int:
    """Encrypt the files that were stored before `runward keys init`. It can be interrupted and repeated."""
    dispatcher = open_place(folder, database, blobs)
    store = dispatcher.blobs
    if not isinstance(store, SealedBlobs):
        raise ConflictError("this workspace is not encrypted", hint="runward keys init")
    with _audited(dispatcher, "keys.seal"):
        done = seal_stored(dispatcher.database, store, lambda what, n: output.say(f"{what}: {n:,}"))
    lines = [f"{done.files:,} files ({done.bytes:,} bytes) are encrypted now"]
    if done.tables:
        lines.append(f"{done.tables:,} tables of points were removed: they are for programs that have no key")
    if done.loose:
        lines.append(f"{done.loose:,} files belong to no project and stay as they are: runward gc removes them")
    lines += [f"✗ {digest} is not as it was written: restore it from a backup" for digest in done.failed]
    output.result(done._asdict(), lines)
    return NO if done.failed else YES


@keys.command("renew-people")
@placed
@with_json
@pass_output
def renew_people(output: Output, folder: Path | None, database: str, blobs: str) -> None:
    """Go on without people keys that are lost for good. What was sealed with them stays unreadable."""
    dispatcher = open_place(folder, database, blobs)
    with _audited(dispatcher, "keys.renew_people"):
        lost = dispatcher.keyring.renew_people()
    output.result({"lost": lost}, f"a new people key; {lost:,} people's keys could not be opened, and have new ones")


@contextlib.contextmanager
def _audited(dispatcher: Dispatcher, what: str, kind: str = "workspace", object_id: str = "") -> Iterator[None]:
    """What is done is on the audit trail; what is not done is not."""
    yield
    with dispatcher.enter(_DOOR, folder_actor(dispatcher.database), "", write=True) as call:
        call.note(what, kind, object_id)


def _space(dispatcher: Dispatcher) -> FolderWorkspace:
    folder = dispatcher.folder
    return FolderWorkspace(dispatcher, str(folder), folder, folder_actor(dispatcher.database))


def _target(folder: Path, to_file: Path | None, to_variable: str, to_command: str) -> RootPlace | None:
    if sum(map(bool, (to_file, to_variable, to_command))) > 1:
        raise InvalidError("several places were given for the new root key", hint="give one of --to-…")
    if to_command:
        return RootCommand(to_command, folder / "keys" / "root.wrapped")
    if to_variable:
        return RootVariable(to_variable)
    return RootFile(to_file.absolute()) if to_file else None


def _state(dispatcher: Dispatcher) -> Status:
    store = dispatcher.blobs
    told = msgspec.structs.asdict(_space(dispatcher).governance.list_keys())
    return Status(
        **told, unencrypted_files=sum(1 for _ in store.plain.stored()) if isinstance(store, SealedBlobs) else 0
    )


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else ""
