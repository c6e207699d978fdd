"""Workspaces of which everything on disk can be searched: SQLite with a folder, PostgreSQL with object storage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from runward.cli import main as program
from runward.governance.signin import folder_actor
from runward.privacy.files import stored
from runward.privacy.words import cores, spellings
from runward.server.run import open_store
from runward.testing import postgres
from runward.testing.objects import ObjectStorage
from runward.testing.plugin import missing
from runward.workspace import FolderWorkspace
from tests.cli.conftest import cli, folder

__all__ = ["cli", "folder"]


class Place(NamedTuple):
    """A workspace, and all bytes that it left anywhere."""

    owner: FolderWorkspace
    everything: Callable[[], dict[str, bytes]]


def traces(words: list[str], data: bytes) -> list[str]:
    """Which of some words are in bytes, in which encoding, upper and lower case alike."""
    low, found = data.lower(), []
    for word in words:
        forms = {form.encode() for form in spellings(word)} | {word.encode("utf-16-le"), word.encode("utf-16-be")}
        found += [f"{word} as {form!r}" for form in forms if form.lower() in low]
        found += [f"{word} as base64 {core}" for core in cores(word.encode()) if core.encode() in data]
    return found


def files_below(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Iterator[Place]:
    dispatcher = open_store(tmp_path / "w")
    owner = FolderWorkspace(dispatcher, "", tmp_path / "w", folder_actor(dispatcher.database, "owner"))
    yield Place(owner, lambda: files_below(tmp_path / "w"))
    owner.close()


@pytest.fixture
def sealed_place(tmp_path: Path) -> Iterator[Place]:
    """A workspace whose files are encrypted; the bytes of its files are looked at as those who have the keys read them."""
    assert CliRunner().invoke(program.cli, ["keys", "init", "--dir", str(tmp_path / "w")]).exit_code == 0
    dispatcher = open_store(tmp_path / "w")
    owner = FolderWorkspace(dispatcher, "", tmp_path / "w", folder_actor(dispatcher.database, "owner"))

    def everything() -> dict[str, bytes]:
        with dispatcher.database.transaction(write=False) as tx:
            opened = {str(digest): dispatcher.blobs.read(digest) for digest in stored(tx, dispatcher.blobs)}
        return {**files_below(tmp_path / "w"), **opened}

    yield Place(owner, everything)
    owner.close()


@pytest.fixture
def postgres_place(tmp_path: Path, object_storage: ObjectStorage) -> Iterator[Place]:
    if reason := postgres.why_not():
        missing(reason)
    place = object_storage.place()
    with contextlib.ExitStack() as stack:
        server = postgres.PostgresServer(wal_recycle="off", min_wal_size="32MB")
        stack.callback(server.stop)
        dispatcher = open_store(tmp_path / "w", server.create_database(), place)
        owner = FolderWorkspace(dispatcher, "", tmp_path / "w", folder_actor(dispatcher.database, "owner"))
        stack.callback(owner.close)

        def everything() -> dict[str, bytes]:
            bucket = {f"bucket/{digest}": b"".join(dispatcher.blobs.chunks(digest))
                      for digest, _, _ in dispatcher.blobs.stored()}  # fmt: skip
            return {**{f"pg/{name}": data for name, data in files_below(server.data).items()},
                    **files_below(tmp_path / "w"), **bucket}  # fmt: skip

        yield Place(owner, everything)
