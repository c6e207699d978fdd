"""A server over a workspace with two teams' estates, everybody of the matrix, and a database that forgets each call."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest

from runward.core.codec import JSON, encode
from runward.core.ids import new_id
from runward.core.matrix import HOLDERS, Holder
from runward.core.operation import Operation
from runward.core.remote import API
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor, NewMember, NewToken, ScopeKind
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.store.database import Database, Tx
from runward.testing.plugin import all_is_wanted
from runward.workspace import FolderWorkspace, Workspace
from tests.permissions.estate import Estate

OWN, FOREIGN, ELSEWHERE = "own", "foreign", "elsewhere"
WORD, SECRET = "opnwrd", "qzsecret"
"""In all names of the own estate, and of the foreign one."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    text: str
    etag: str = ""

    @property
    def is_allowed(self) -> bool:
        """Whether it was done, or would have been with an optional package that is not installed here."""
        return self.status < 400 or (self.status == 501 and not all_is_wanted())


class _UndoneError(Exception):
    pass


class Forgetful:
    """A database whose writing transactions are undone at their end: every call meets the same objects.

    All that a call does is done, up to the commit itself.
    """

    def __init__(self, database: Database) -> None:
        self._begin, self._forgets = database.transaction, True
        database.transaction = self.transaction  # type: ignore[method-assign]

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Iterator[Tx]:
        """As the database's own, but for the commit."""
        with contextlib.suppress(_UndoneError), self._begin(write=write) as tx:
            yield tx
            if write and self._forgets:
                tx.settle()
                raise _UndoneError

    @contextlib.contextmanager
    def remembering(self) -> Iterator[None]:
        """Meanwhile what is committed stays."""
        self._forgets = False
        try:
            yield
        finally:
            self._forgets = True


def acting(owner: FolderWorkspace, name: str) -> Workspace:
    """The workspace in a member's hands."""
    member = next(m for m in owner.governance.list_members() if m.name == name)
    return FolderWorkspace(owner.dispatcher, owner.place, owner.state_dir, Actor(member.id, name, True, "folder"))


class Site:
    """Both estates, and a connection for each holder."""

    def __init__(self, owner: FolderWorkspace) -> None:
        self.owner = owner
        for team in (OWN, FOREIGN, ELSEWHERE):
            owner.governance.create_team(team)
        self.own, self.foreign = self._estate(OWN, WORD), self._estate(FOREIGN, SECRET)
        owner.governance.create_member(NewMember("bystander", team=ELSEWHERE))
        owner.governance.create_token(NewToken("t", member="bystander"))
        self.spare: dict[str, str] = {}
        """A token of each holder that is there to be ended."""
        self.tokens = {holder.name: self._come_in(holder) for holder in HOLDERS}
        self.author_token = self._token("author-own")
        self.author_tokens = {OWN: self.author_token, FOREIGN: self._token("author-foreign")}
        self.manager_token = self._token("owner", "member.manage")

    def _token(self, name: str, *only: str) -> str:
        return self.owner.governance.create_token(NewToken("t", name, only=list(only))).secret

    def _estate(self, team: str, word: str) -> Estate:
        name = f"author-{team}"
        self.owner.governance.create_member(NewMember(name, role="contributor", team=team))
        return Estate(self.owner, acting(self.owner, name), team, word)

    def _come_in(self, holder: Holder) -> str:
        name, governance = f"m-{new_id()}", self.owner.governance
        kind = "service" if holder.service else "person"
        governance.create_member(NewMember(name, role="admin", team=ELSEWHERE, kind=kind))  # type: ignore[arg-type]
        if holder.name != "outsider" and holder.part != "elsewhere":
            governance.grant(name, "team", ELSEWHERE, None)
        places: list[tuple[ScopeKind, str, Any, str]] = [
            ("team", OWN, holder.team, holder.team_verb),
            ("workspace", "", holder.workspace, holder.workspace_verb),
        ]
        for kind_of, scope, role, verb in places:
            if role is not None:
                governance.grant(name, kind_of, scope, role.label)
            if verb:
                governance.grant_verb(name, kind_of, scope, verb)  # type: ignore[arg-type]
        self.spare[holder.name] = governance.create_token(NewToken("x", name)).id
        new = NewToken(
            "t",
            name,
            role=holder.cap.label,  # type: ignore[arg-type]
            only=list(holder.only),
            team={"team": OWN, "elsewhere": ELSEWHERE}.get(holder.part, ""),
            project=self.own.project if holder.part == "project" else "",
        )
        return governance.create_token(new).secret


class Asking:
    """Sends requests as one holder over one connection; changes overwrite whatever is there, unless it is told otherwise."""

    def __init__(self, url: str, token: str, condition: str = "*") -> None:
        self._token, self._condition = token, {"If-Match": condition} if condition else {}
        host = url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(host, timeout=60)
        self._used = 0.0

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """One request."""
        given = {"Accept": JSON, "Authorization": f"Bearer {self._token}", **self._condition, **(headers or {})}
        if self._used + 4 < time.monotonic():
            # The server closes one that was idle for five seconds, as that of one holder is while another one asks.
            self._connection.close()
        self._connection.request(method, path, body, given if self._token else (headers or {}))
        response = self._connection.getresponse()
        self._used = time.monotonic()
        etag = response.headers.get("ETag", "")
        return Answer(response.status, response.read().decode("utf-8", "replace"), etag)

    def call(self, op: Operation, arguments: dict[str, Any]) -> Answer:
        """An operation, as its route takes it."""
        path, query, values = API + op.path, [], {}
        for param in op.params:
            if param.name not in arguments:
                continue
            value = arguments[param.name]
            if param.place == "path":
                path = path.replace(f"{{{param.name}}}", quote(str(value).replace("/", ":"), safe=":"))
            elif param.place == "query":
                query += [(param.name, str(one)) for one in (value if isinstance(value, list) else [value])]
            else:
                values[param.name] = value
        body = None
        if op.body is not None:
            body = encode(next(iter(values.values())) if op.has_whole_body else values, JSON)
        return self.send(op.method, f"{path}?{urlencode(query)}" if query else path, body, {"Content-Type": JSON})

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


class Open(NamedTuple):
    """A site that is being served."""

    site: Site
    url: str
    dispatcher: Dispatcher
    forgetful: Forgetful


@contextlib.contextmanager
def served(owner: FolderWorkspace) -> Iterator[Open]:
    """Build both estates, then serve them from a database that forgets each call."""
    site = Site(owner)
    forgetful = Forgetful(owner.dispatcher.database)
    with pytest.MonkeyPatch.context() as patch:
        # It would forget what it delivered, and deliver without end.
        patch.setattr("runward.server.deliveries.Deliveries.lifespan", lambda self: contextlib.nullcontext())
        with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
            yield Open(site, server.url, owner.dispatcher, forgetful)
    owner.close()
