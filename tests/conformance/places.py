"""The four backends: one suite a room runs unchanged on each."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from runward.core.permissions import Role
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor, NewToken, RoleName
from runward.governance.scopes import member_by_name
from runward.governance.signin import actor_by_token, folder_actor
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.store.blobs import Shelf
from runward.store.database import open_database
from runward.store.folder import FolderBlobs
from runward.store.objects import open_blobs
from runward.testing import objects
from runward.testing.objects import ObjectStorage
from runward.testing.plugin import all_is_wanted
from runward.testing.postgres import PostgresServer
from runward.testing.worlds import World
from runward.workspace import FolderWorkspace, Workspace, open_dispatcher, open_folder, open_url

NAMES = ("folder", "postgres", "http+folder", "http+postgres")


class Store:
    """A database with its blobs, and a server over it once somebody asks for one."""

    def __init__(self, dispatcher: Dispatcher, folder: Path, owner: FolderWorkspace) -> None:
        self.dispatcher, self.folder, self.owner = dispatcher, folder, owner
        self._stack = contextlib.ExitStack()
        self._server: RunningServer | None = None

    @property
    def url(self) -> str:
        if self._server is None:
            server = RunningServer(self.dispatcher, listen("127.0.0.1", 0), LOOPBACK)
            self._server = self._stack.enter_context(server)
        return self._server.url

    def enter(self, name: str, scope: RoleName) -> Workspace:
        with self.dispatcher.database.transaction(write=False) as tx:
            member = member_by_name(tx, name)
        assert member is not None
        actor = Actor(member_id=member, name=name, verified=True, via="folder", role_cap=Role[scope.upper()])  # type: ignore[arg-type]
        return FolderWorkspace(self.dispatcher, str(self.folder), self.folder, actor)

    def hold(self, secret: str) -> Workspace:
        actor = actor_by_token(self.dispatcher.database, secret)
        return FolderWorkspace(self.dispatcher, str(self.folder), self.folder, actor)

    def enter_by_http(self, name: str, scope: RoleName) -> Workspace:
        token = self.owner.governance.create_token(NewToken(name="suite", member=name, role=scope))
        return open_url(self.url, token.secret)

    def world(self, *, http: bool) -> World:
        if not http:
            return World(self.owner, self.enter, self.hold)
        owner = self.enter_by_http(self.owner.actor.name, "admin")
        return World(owner, self.enter_by_http, lambda secret: open_url(self.url, secret))

    def close(self) -> None:
        self._stack.close()
        self.dispatcher.database.close()


class Places:
    """Opens each store once for the session, on first use."""

    def __init__(self, request: pytest.FixtureRequest, factory: pytest.TempPathFactory) -> None:
        self._request, self._factory = request, factory
        self._stores: dict[str, Store] = {}

    def store(self, kind: str) -> Store:
        if kind not in self._stores:
            self._stores[kind] = self._open(kind)
        return self._stores[kind]

    def _open(self, kind: str) -> Store:
        folder = self._factory.mktemp(kind)
        if kind == "folder":
            owner = open_folder(folder, "owner")
            return Store(owner.dispatcher, folder, owner)
        server: PostgresServer = self._request.getfixturevalue("postgres_server")
        database = open_database(server.create_database())
        dispatcher = open_dispatcher(database, self._blobs(folder), folder)
        owner = FolderWorkspace(dispatcher, str(folder), folder, folder_actor(database, "owner"))
        return Store(dispatcher, folder, owner)

    def _blobs(self, folder: Path) -> Shelf:
        """Object storage beside PostgreSQL, as in an organisation, where this environment has one."""
        if objects.why_not() and not all_is_wanted():
            return FolderBlobs(folder / "blobs")
        storage: ObjectStorage = self._request.getfixturevalue("object_storage")
        return open_blobs(storage.place(), folder / "spool")

    def world(self, name: str) -> World:
        return self.store(name.removeprefix("http+")).world(http=name.startswith("http+"))

    def close(self) -> None:
        for store in self._stores.values():
            store.close()
