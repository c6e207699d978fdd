"""Commands on a workspace where it is kept: its folder, or a database and a store of bytes."""

from __future__ import annotations

from pathlib import Path

import click

from runward.errors import NotFoundError
from runward.governance.dispatch import Dispatcher
from runward.store.database import open_database
from runward.store.objects import open_blobs
from runward.workspace import find_folder, open_dispatcher

_PLACE = (
    click.option("--dir", "folder", type=click.Path(path_type=Path), default=None, help="The workspace's folder."),
    click.option("--database", default="", help="postgresql://… instead of SQLite in the folder."),
    click.option("--blobs", default="", help="Folder or s3://bucket/prefix for the files; default: inside --dir."),
)


def placed(command: click.decorators.FC) -> click.decorators.FC:
    """Give a command ``--dir``, ``--database`` and ``--blobs``."""
    for option in reversed(_PLACE):
        command = option(command)
    return command


def open_place(folder: Path | None, database: str, blobs: str) -> Dispatcher:
    """The workspace at a place. Raises: NotFoundError."""
    folder = (folder or find_folder()).absolute()
    if not database and not (folder / "runward.db").exists():
        raise NotFoundError(f"there is no workspace in {folder}", hint="--dir or RUNWARD_DIR names its folder")
    store = open_database(database or f"sqlite:///{folder / 'runward.db'}")
    return open_dispatcher(store, open_blobs(blobs or folder / "blobs", folder / "spool"), folder)
