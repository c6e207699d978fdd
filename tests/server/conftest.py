"""One server for the module; members come with tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from runward.governance.dispatch import Dispatcher
from runward.governance.model import NewMember, NewToken
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.tracking.model import NewProject, NewRun
from runward.workspace import FolderWorkspace, open_folder
from tests.server.http import Client


class Site(NamedTuple):
    owner: FolderWorkspace
    server: RunningServer
    run_id: str
    tokens: dict[str, str]

    @property
    def dispatcher(self) -> Dispatcher:
        return self.owner.dispatcher

    def client(self, member: str = "") -> Client:
        return Client(self.server.url, self.tokens.get(member, ""))


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    owner = open_folder(tmp_path_factory.mktemp("site"), "owner")
    owner.governance.create_team("others")
    tokens = {"owner": owner.governance.create_token(NewToken("t")).secret}
    for name, role, team in (("ann", "contributor", "team"), ("vera", "viewer", "team"), ("olaf", "admin", "others")):
        owner.governance.create_member(NewMember(name=name, role=role, team=team))  # type: ignore[arg-type]
        tokens[name] = owner.governance.create_token(NewToken("t", member=name)).secret
    owner.tracking.create_project(NewProject(path="p"))
    run = owner.tracking.create_run(NewRun(project="p", name="first"))
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        yield Site(owner, server, run.id, tokens)
    owner.close()
