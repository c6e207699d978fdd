"""``runward person``: what is known of somebody, and forgetting them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import get_args

import click
import msgspec

from runward.cli.output import NO, UNDECIDED, YES, Output, pass_output, with_json
from runward.errors import ConflictError, InvalidError, StoreError
from runward.face import current_workspace
from runward.privacy.archive import export_person
from runward.privacy.job import carry_out
from runward.privacy.model import Erasure, FileAction, FileDecision, FoundFile, NewErasure
from runward.workspace import FolderWorkspace, Workspace

_WAIT_S = 2.0


@click.group()
def person() -> None:
    """What is known of a person: take it out, erase it."""


@person.command("export")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--also", multiple=True, metavar="TEXT", help="What else names them; needs the permission export.")
@with_json
@pass_output
def export(output: Output, name: str, file: Path, also: tuple[str, ...]) -> None:
    """Write all that concerns a person to a zip FILE; your own, or with the permission export anybody's."""
    made = export_person(current_workspace().privacy, name, file, also)
    rows = sum(made.rows.values())
    output.result(
        {"file": str(file), "rows": made.rows, "files": made.files},
        f"{rows:,} rows of {len(made.rows)} tables and a list of {made.files:,} files in {file}",
    )


class Found(msgspec.Struct, frozen=True):
    """What an erasure would do."""

    replaced: dict[str, int]
    removed: dict[str, int]
    files: list[FoundFile]
    refused: str


@person.command("erase")
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Only say what would be found, and where.")
@click.option("--reason", default="", help="Why; needed for the request.")
@click.option(
    "--also", multiple=True, metavar="TEXT", help="What else names them: a user name on machines, another address."
)
@with_json
@pass_output
def erase(output: Output, name: str, dry_run: bool, reason: str, also: tuple[str, ...]) -> int:
    """Ask for a person to be erased. Somebody else confirms it: `runward person confirm ID`."""
    privacy = current_workspace().privacy
    if not dry_run:
        asked = privacy.request_erasure(NewErasure(name, reason, list(also)))
        output.result(asked, [f"erasure {asked.id} asked for; they will be called {asked.pseudonym}"])
        output.hint(f"somebody else: runward person confirm {asked.id}")
        return YES
    rows, removed, files, refused, place = dict[str, int](), dict[str, int](), list[FoundFile](), "", ""
    while True:
        part = privacy.survey_person(name, list(also), place)
        for key, count in part.rows.items():
            rows[key] = rows.get(key, 0) + count
        removed, refused = removed or part.removed, refused or part.refused
        files += part.files
        place = part.place
        if not place:
            break
    lines = [f"{count:>8,} rows of {key}: the name becomes a pseudonym" for key, count in sorted(rows.items())]
    lines += [f"{count:>8,} rows of {table}: removed" for table, count in sorted(removed.items())]
    lines += [_file(one) for one in files]
    lines.append(f"cannot be erased now: {refused}" if refused else "nothing stands in the way")
    output.result(Found(rows, removed, files, refused), lines)
    return NO if refused else YES


def _file(one: FoundFile) -> str:
    how = "text: can be written anew" if one.replaceable else "to be deleted, or kept with a reason"
    return f"{one.hits:>8,} times in file {one.digest[:12]} ({one.size:,} bytes; {how}): {'; '.join(one.places)}"


_decisions = [
    click.option("--file", "files", multiple=True, metavar="DIGEST=ACTION[:REASON]",
                 help="What becomes of a file that names them: replace, delete, or keep with a reason. May be repeated."),
    click.option("--others", type=click.Choice(["replace", "delete"]), default=None,
                 help="What becomes of all other files; without it the erasure waits where it finds one."),
]  # fmt: skip


def _deciding(command: click.decorators.FC) -> click.decorators.FC:
    for option in reversed(_decisions):
        command = option(command)
    return command


def _decided(texts: tuple[str, ...]) -> dict[str, FileDecision]:
    found = {}
    for text in texts:
        digest, _, rest = text.partition("=")
        action, _, reason = rest.partition(":")
        if action not in get_args(FileAction):
            raise InvalidError(f"--file {text!r} is not understood", hint="DIGEST=replace, =delete or =keep:REASON")
        found[digest] = FileDecision(action, reason)  # type: ignore[arg-type]
    return found


@person.command("confirm")
@click.argument("erasure")
@_deciding
@with_json
@pass_output
def confirm(output: Output, erasure: str, files: tuple[str, ...], others: FileAction | None) -> int:
    """Confirm an erasure that somebody else asked for, and carry it out. It cannot be undone."""
    space = current_workspace()
    found = space.privacy.get_erasure(erasure)
    # Whom the folder's owner alone confirms, and who was interrupted, is simply continued.
    if found.state == "requested":
        found = space.privacy.confirm_erasure(erasure, _decided(files), FileDecision(others) if others else None)
    return _finish(output, space, found)


@person.command("decide")
@click.argument("erasure")
@_deciding
@with_json
@pass_output
def decide(output: Output, erasure: str, files: tuple[str, ...], others: FileAction | None) -> int:
    """Say what becomes of the files that an erasure waits for, and go on with it."""
    space = current_workspace()
    found = space.privacy.decide_files(erasure, _decided(files), FileDecision(others) if others else None)
    return _finish(output, space, found)


def _finish(output: Output, space: Workspace, found: Erasure) -> int:
    """Go on until it is done or waits for somebody; a server does it by itself."""
    pause, phase = threading.Event(), ""
    while found.state == "running":
        if found.phase != phase:
            phase = found.phase
            output.say(f"{phase} …")
        if isinstance(space, FolderWorkspace):
            carry_out(space.dispatcher, found.id)
        else:
            pause.wait(_WAIT_S)
        found = space.privacy.get_erasure(found.id)
    if found.state == "waiting":
        lines = [f"erasure {found.id} waits: decide on each file", *map(_file, found.waits_for)]
        output.result(found, lines)
        output.hint(f"runward person decide {found.id} --file DIGEST=delete --file DIGEST=keep:REASON")
        return UNDECIDED
    if found.state != "done":
        raise ConflictError(f"erasure {found.id} is {found.state}", hint="`runward person erasures` shows all")
    replaced = sum(count for key, count in found.counts.items() if ":" not in key)
    removed = sum(count for key, count in found.counts.items() if key.startswith("removed:"))
    output.result(found, [f"erased: {found.pseudonym}; {replaced:,} places replaced, {removed:,} rows removed"])
    output.hint(f"runward person certificate {found.id} FILE")
    return YES


@person.command("withdraw")
@click.argument("erasure")
@with_json
@pass_output
def withdraw(output: Output, erasure: str) -> None:
    """Take back a request that nobody has confirmed."""
    output.result(current_workspace().privacy.withdraw_erasure(erasure), f"erasure {erasure} is withdrawn")


@person.command("erasures")
@with_json
@pass_output
def erasures(output: Output) -> None:
    """All erasures, newest first."""
    found = current_workspace().privacy.list_erasures()
    rows = [
        [
            one.id,
            one.state,
            one.pseudonym,
            one.requested_by,
            f"{one.requested_at:%F %R}",
            one.confirmed_by or None,
            one.reason,
        ]
        for one in found
    ]
    output.table(found, ["id", "state", "pseudonym", "asked for by", "when (UTC)", "confirmed by", "reason"], rows)


@person.command("certificate")
@click.argument("erasure")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@with_json
@pass_output
def certificate(output: Output, erasure: str, file: Path | None) -> None:
    """The signed certificate of an erasure; `runward verify --certificate FILE --key KEY` checks it offline."""
    found = current_workspace().privacy.get_erasure(erasure)
    if found.certificate is None:
        raise ConflictError(
            f"erasure {erasure} is {found.state} and has no certificate", hint="it has one once it is done"
        )
    text = msgspec.json.format(msgspec.json.encode(found.certificate), indent=2)
    if file is None:
        output.result(found.certificate, text.decode())
        return
    try:
        file.write_bytes(text + b"\n")
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}", hint="give another place") from error
    output.result({"file": str(file)}, f"certificate in {file}")
    output.hint(f"runward key > key.pem; runward verify --certificate {file} --key key.pem")
