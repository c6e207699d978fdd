"""The pytest plugin that comes with Runward: fixtures for workspaces, servers, PostgreSQL and object storage.

pytest loads it in every project of an environment where Runward is installed, so importing it must cost nothing:
Runward's own modules are imported by the fixtures that need them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from runward.governance.dispatch import Dispatcher
    from runward.server.run import RunningServer
    from runward.testing.objects import ObjectStorage
    from runward.testing.postgres import PostgresServer
    from runward.workspace import FolderWorkspace

SUITES = (
    "coordination",
    "data",
    "feedback",
    "forges",
    "governance",
    "hooks",
    "intake",
    "jobs",
    "knowledge",
    "permissions",
    "privacy",
    "registry",
    "repro",
    "review",
    "reviewed",
    "search",
    "series",
    "tracking",
    "worlds",
)
pytest.register_assert_rewrite(*(f"runward.testing.{name}" for name in SUITES))


def all_is_wanted() -> bool:
    """Whether nothing may be left out (``RUNWARD_TEST_ALL=1``, as in CI)."""
    return os.environ.get("RUNWARD_TEST_ALL") == "1"


def missing(component: str) -> NoReturn:
    """Skip a test because something is not installed here; an error where nothing may be left out."""
    if all_is_wanted():
        pytest.fail(f"{component} (RUNWARD_TEST_ALL=1 leaves nothing out)", pytrace=False)
    pytest.skip(component)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole session, started on first use."""
    from runward.testing import postgres

    if reason := postgres.why_not():
        missing(reason)
    try:
        import psycopg  # noqa: F401
    except ImportError:
        missing("psycopg is not installed (the extra `postgres`)")
    server = postgres.PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def object_storage() -> Iterator[ObjectStorage]:
    """An S3 API for the whole session, started on first use."""
    from runward.testing import objects

    if reason := objects.why_not():
        missing(reason)
    storage = objects.ObjectStorage()
    yield storage
    storage.stop()


@pytest.fixture
def folder_workspace(tmp_path: Path) -> Iterator[FolderWorkspace]:
    """A workspace in an empty folder, in the hands of its owner ``owner``."""
    from runward.workspace import open_folder

    space = open_folder(tmp_path / "workspace", "owner")
    yield space
    space.close()


@pytest.fixture
def running_server() -> Iterator[Callable[[Dispatcher], RunningServer]]:
    """Serves a dispatcher on a free loopback port until the test ends: ``running_server(dispatcher).url``."""
    from runward.server.run import LOOPBACK, RunningServer, listen

    with contextlib.ExitStack() as running:

        def serve(dispatcher: Dispatcher) -> RunningServer:
            return running.enter_context(RunningServer(dispatcher, listen("127.0.0.1", 0), LOOPBACK))

        yield serve
