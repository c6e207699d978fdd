"""``runward sync``, ``push-workspace`` and ``migrate``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from runward import face
from runward.cli.output import NO, Output, pass_output, with_json
from runward.errors import ConflictError, NotFoundError
from runward.store.database import open_database
from runward.store.folder import FolderBlobs
from runward.store.migrations import LATEST, migrate
from runward.store.objects import open_blobs
from runward.store.transfer import copy_blobs, copy_rows
from runward.tracking.journal import journals_in
from runward.workspace import find_folder


@click.command()
@with_json
@pass_output
def sync(output: Output) -> int:
    """Upload what earlier processes left on disk. Exit code 1 if something is still in the way."""
    stored, problems = face.sync()
    output.result({"stored": stored, "problems": problems}, [f"{stored} journal(s) stored", *problems])
    return NO if problems else 0


@click.command("push-workspace")
@click.option("--database", required=True, help="postgresql://… (or sqlite:///path): an empty database.")
@click.option("--blobs", required=True, help="Folder or s3://bucket/prefix for the files.")
@click.option("--server-dir", type=click.Path(path_type=Path), default=None, help="The server's --dir: gets the keys.")
@with_json
@pass_output
def push_workspace(output: Output, database: str, blobs: str, server_dir: Path | None) -> None:
    """Copy this folder's whole workspace, history and all, to where a server keeps one.

    Nothing in the folder changes. Files that are there already are not copied again, the tables come all or not at all.
    """
    folder = find_folder()
    if not (folder / "runward.db").exists():
        raise NotFoundError(f"there is no workspace in {folder}", hint="set RUNWARD_DIR to the workspace's folder")
    if waiting := journals_in(folder / "journals"):
        raise ConflictError(f"{len(waiting)} journal(s) are not stored yet", hint="end what runs, then `runward sync`")
    source, target = open_database(f"sqlite:///{folder / 'runward.db'}"), open_database(database)

    def progress(what: str, count: int) -> None:
        # Of a hundred tables most are empty.
        if count:
            output.say(f"{what}: {count:,}")

    kept, place = FolderBlobs(folder / "blobs"), open_blobs(blobs, folder / "spool")
    files = copy_blobs(kept, place, progress)
    rows = copy_rows(source, target, progress)
    # The rows may name what somebody stored while the files were copied.
    files += copy_blobs(kept, place, progress)
    if server_dir is not None and (folder / "keys").is_dir():
        shutil.copytree(folder / "keys", server_dir / "keys", dirs_exist_ok=True)
    start = f"runward server --database {database.rpartition('@')[2]} --blobs {blobs}"
    output.result({"rows": rows, "files": files}, [f"copied {rows:,} rows and {files:,} files", f"now: {start} …"])


@click.command("migrate")
@click.option("--database", default="", help="Database URL, if the workspace is not in the folder.")
@click.option(
    "--to",
    "target",
    type=click.IntRange(1, LATEST),
    default=LATEST,
    show_default="the newest",
    help="Another format: the way back to an older version.",
)
@with_json
@pass_output
def migrate_command(output: Output, database: str, target: int) -> None:
    """Bring a workspace to this version's format. Make a copy of it first.

    With --to it goes to the format of an older version, which is refused where that has no place for what is stored.
    """
    before = migrate(open_database(database or f"sqlite:///{find_folder() / 'runward.db'}"), target)
    output.result({"before": before, "after": target}, f"format {before} → {target}")
