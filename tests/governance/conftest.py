"""Workspaces whose trail is looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.governance.signin import folder_actor
from runward.store.database import open_database
from runward.store.folder import FolderBlobs
from runward.workspace import FolderWorkspace, open_dispatcher, open_folder


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FolderWorkspace]:
    """An empty workspace on each database, with a folder of its own."""
    if request.param == "sqlite":
        found = open_folder(tmp_path / "ws", "ann")
    else:
        database = open_database(request.getfixturevalue("postgres_url"))
        dispatcher = open_dispatcher(database, FolderBlobs(tmp_path / "blobs"), tmp_path)
        found = FolderWorkspace(dispatcher, str(tmp_path), tmp_path, folder_actor(database, "ann"))
    with contextlib.closing(found):
        yield found
