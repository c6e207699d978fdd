"""The same on both databases: a sign-in by the provider, roles that follow its groups, a command line that is let in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.core.ids import MemberId
from runward.errors import UnauthenticatedError
from runward.governance import identities, logins
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.governance.oidc import Provider, SignInError
from runward.governance.signin import actor_by_session, actor_by_token
from runward.server.run import open_store
from runward.testing.postgres import PostgresServer
from tests.oidc.conftest import query_of, settings
from tests.oidc.standin import StandIn

URI = "http://127.0.0.1:1/callback"


@pytest.fixture(params=["sqlite", "postgres"])
def dispatcher(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Dispatcher]:
    database = ""
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        database = server.create_database()
    found = open_store(tmp_path / "w", database)
    yield found
    found.database.close()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    found = StandIn()
    yield found
    found.stop()


def _signed_in(dispatcher: Dispatcher, stand_in: StandIn, member: Actor | None = None, **claims: object) -> Actor:
    provider = Provider(settings(stand_in.issuer))
    begun = identities.begin(dispatcher, provider, URI, "/projects", "192.0.2.1", member)
    asked = query_of(begun.url)
    stand_in.nonce, stand_in.claims = asked["nonce"], claims
    secret, page = identities.finish(
        dispatcher, provider, {"state": asked["state"], "code": "c"}, begun.browser, URI, "192.0.2.1"
    )
    assert page == "/projects"
    return actor_by_session(dispatcher.database, secret)


def _roles(dispatcher: Dispatcher, member_id: MemberId) -> list[tuple[str, int, str]]:
    with dispatcher.database.transaction(write=False) as tx:
        rows = tx.all("SELECT scope_kind, role, source FROM grants WHERE member_id = ? ORDER BY 1, 2", (member_id,))
    return [(row[0], row[1], row[2]) for row in rows]


def test_roles_follow_the_groups_and_sessions_end_with_them(dispatcher: Dispatcher, stand_in: StandIn) -> None:
    first = _signed_in(dispatcher, stand_in, groups=["ml", "platform"])
    assert _roles(dispatcher, first.member_id) == [("team", 2, "group"), ("workspace", 5, "group")]
    second = _signed_in(dispatcher, stand_in, groups=["ml"])
    assert second.member_id == first.member_id
    assert _roles(dispatcher, first.member_id) == [("team", 2, "group")]
    with pytest.raises(SignInError) as caught:
        _signed_in(dispatcher, stand_in, groups=[])
    assert caught.value.reason == "no_access"
    assert _roles(dispatcher, first.member_id) == []
    with dispatcher.database.transaction(write=False) as tx:
        assert tx.scalar("SELECT count(*) FROM secrets") == tx.scalar("SELECT count(*) FROM sign_ins") == 0


def test_a_command_line_is_let_in_once(dispatcher: Dispatcher, stand_in: StandIn) -> None:
    member = _signed_in(dispatcher, stand_in, groups=["ml"])
    waiting = logins.ask(dispatcher, "ann on box", "192.0.2.7")
    assert logins.fetch(dispatcher, waiting.device, "").pending
    asking = logins.look(dispatcher, member, waiting.code)
    assert (asking.label, asking.address) == ("ann on box", "192.0.2.7")
    logins.decide(dispatcher, member, waiting.code, allow=True)
    fetched = logins.fetch(dispatcher, waiting.device, "")
    assert actor_by_token(dispatcher.database, fetched.secret).member_id == member.member_id
    with pytest.raises(UnauthenticatedError):
        logins.fetch(dispatcher, waiting.device, "")
