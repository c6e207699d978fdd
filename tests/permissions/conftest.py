"""One site for each database, built when it is first asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from runward.governance.signin import folder_actor
from runward.store.database import open_database
from runward.store.folder import FolderBlobs
from runward.testing.postgres import PostgresServer
from runward.workspace import FolderWorkspace, open_dispatcher, open_folder
from tests.permissions.site import Open, served


@pytest.fixture(scope="package", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """A server over both estates."""
    folder = tmp_path_factory.mktemp("site")
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            owner = open_folder(folder, "owner")
        else:
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = server.create_database()
            stack.callback(server.drop_database, url)
            database = open_database(url)
            dispatcher = open_dispatcher(database, FolderBlobs(folder / "blobs"), folder)
            owner = FolderWorkspace(dispatcher, str(folder), folder, folder_actor(database, "owner"))
        yield stack.enter_context(served(owner))
