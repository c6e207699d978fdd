"""A server and the members who reach it as MLflow's clients do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from runward.governance.model import NewMember, NewToken
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.workspace import FolderWorkspace, open_folder
from tests.server.http import Answer, Client

API = "/api/2.0/mlflow/"


class Site(NamedTuple):
    owner: FolderWorkspace
    url: str
    tokens: dict[str, str]

    def post(self, path: str, body: Any = None, member: str = "owner") -> Answer:
        return Client(self.url, self.tokens[member]).post(API + path, body if body is not None else {})

    def get(self, path: str, member: str = "owner") -> Answer:
        return Client(self.url, self.tokens[member]).get(API + path)

    def experiment(self, name: str) -> str:
        return str(self.post("experiments/create", {"name": name}).json["experiment_id"])

    def own_experiment(self, request: pytest.FixtureRequest) -> str:
        """One that bears the test's name."""
        return self.experiment(re.sub(r"[^\w-]+", "-", str(request.node.name))[:90].strip("-"))

    def run(self, experiment_id: str, **more: Any) -> str:
        return str(self.post("runs/create", {"experiment_id": experiment_id, **more}).json["run"]["info"]["run_id"])


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    owner = open_folder(tmp_path_factory.mktemp("mlflow"), "owner")
    owner.governance.create_team("others")
    tokens = {"owner": owner.governance.create_token(NewToken("t")).secret}
    for name, role, team in (("ann", "contributor", "team"), ("vera", "viewer", "team"), ("olaf", "admin", "others")):
        owner.governance.create_member(NewMember(name=name, role=role, team=team))  # type: ignore[arg-type]
        tokens[name] = owner.governance.create_token(NewToken("t", member=name)).secret
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        yield Site(owner, server.url, tokens)
    owner.close()
