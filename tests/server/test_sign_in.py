"""Signing in: the first link, invitations, passwords, sessions, and every way in which it must fail."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.core.ids import new_id
from runward.errors import ConflictError, InvalidError
from runward.governance import signin
from runward.governance.model import NewMember, NewToken, RoleName
from runward.governance.passwords import hash_password
from runward.governance.signin import new_link
from runward.server.access import declare
from runward.server.run import LOOPBACK, RunningServer, first_link, listen
from runward.workspace import FolderWorkspace, open_folder
from tests.server.conftest import Site
from tests.server.http import Answer, Client

PASSWORD = "correct horse battery"


def _cookie(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def _invited(site: Site) -> tuple[str, str]:
    name = f"m-{new_id()}"
    return name, site.owner.governance.create_member(NewMember(name=name)).secret


def _accept(site: Site, secret: str, password: str = PASSWORD) -> Answer:
    return site.client().post("/api/v1/session/invitation", {"secret": secret, "password": password})


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[tuple[FolderWorkspace, RunningServer]]:
    space = open_folder(tmp_path / "w", "owner")
    with contextlib.closing(space), RunningServer(space.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        yield space, server


def test_the_first_admin_chooses_a_password_by_the_printed_link(empty: tuple[FolderWorkspace, RunningServer]) -> None:
    """There is no default password: before that nobody signs in, afterwards no link is made any more."""
    space, server = empty
    client = Client(server.url)
    assert client.post("/api/v1/session", {"name": "admin", "password": ""}).status == 401
    link = first_link(space.dispatcher)
    assert re.fullmatch(r"/welcome#[\w-]{43}", link)
    secret = link.partition("#")[2]
    answer = client.post("/api/v1/session/invitation", {"secret": secret, "password": PASSWORD})
    assert answer.status == 200
    me = Client(server.url, cookie=_cookie(answer)).get("/api/v1/me").json
    assert (me["name"], me["role"], me["via"]) == ("admin", "admin", "session")
    assert first_link(space.dispatcher) == ""


def test_an_invitation_works_once_and_the_password_from_then_on(site: Site) -> None:
    name, secret = _invited(site)
    assert _accept(site, secret, "short").status == 422
    assert _accept(site, secret).status == 200
    assert _accept(site, secret).status == 401
    answer = site.client().post("/api/v1/session", {"name": name, "password": PASSWORD})
    assert answer.status == 200
    assert Client(site.server.url, cookie=_cookie(answer)).get("/api/v1/me").json["name"] == name


def test_a_one_time_link_signs_in_once(site: Site) -> None:
    name, _ = _invited(site)
    member = next(m.id for m in site.owner.governance.list_members() if m.name == name)
    secret = new_link(site.dispatcher.database, member)
    assert site.client().post("/api/v1/session/link", {"secret": secret}).status == 200
    answer = site.client().post("/api/v1/session/link", {"secret": secret})
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")


def test_a_new_invitation_ends_sessions_and_older_links(site: Site) -> None:
    name, secret = _invited(site)
    session = Client(site.server.url, cookie=_cookie(_accept(site, secret)))
    assert session.get("/api/v1/me").status == 200
    site.owner.governance.invite(name)
    assert session.get("/api/v1/me").status == 401


def test_the_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(site: Site) -> None:
    _, secret = _invited(site)
    flags = {part.strip().lower() for part in _accept(site, secret).headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= flags
    assert "max-age=1209600" in flags


def test_a_write_with_a_session_needs_the_header_that_other_sites_cannot_send(site: Site) -> None:
    _, secret = _invited(site)
    session = Client(site.server.url, cookie=_cookie(_accept(site, secret)))
    body: dict[str, list[int]] = {"ids": []}
    answer = session.send("POST", "/api/v1/inbox/read", body, bare=True)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert "X-Runward" in answer.json["detail"]
    assert session.send("POST", "/api/v1/inbox/read", body).status == 200
    assert session.send("GET", "/api/v1/me", bare=True).status == 200
    for path in ("/api/v1/session", "/api/v1/session/link", "/api/v1/session/invitation"):
        assert session.send("POST", path, {}, bare=True).status == 403


def test_signing_out_ends_the_session_on_the_server(site: Site) -> None:
    _, secret = _invited(site)
    session = Client(site.server.url, cookie=_cookie(_accept(site, secret)))
    assert session.send("DELETE", "/api/v1/session").status == 204
    assert session.get("/api/v1/me").status == 401


def test_wrong_passwords_are_limited_and_tell_nothing(empty: tuple[FolderWorkspace, RunningServer]) -> None:
    """One message for an unknown name and a wrong password; after ten tries even the right one has to wait."""
    space, server = empty
    client = Client(server.url)
    secret = space.governance.create_member(NewMember(name="ann")).secret
    assert client.post("/api/v1/session/invitation", {"secret": secret, "password": PASSWORD}).status == 200
    wrong = [client.post("/api/v1/session", {"name": n, "password": "x" * 12}) for n in ("ann", "nobody") * 5]
    assert {answer.status for answer in wrong} == {401}
    assert len({str({**answer.json, "request_id": ""}) for answer in wrong}) == 1
    answer = client.post("/api/v1/session", {"name": "ann", "password": PASSWORD})
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (429, "quota_exceeded", "300")
    assert "minutes" in answer.json["hint"]


def test_a_token_that_was_revoked_or_mistyped_is_refused(site: Site) -> None:
    made = site.owner.governance.create_token(NewToken("gone"))
    client = Client(site.server.url, made.secret)
    assert client.get("/api/v1/me").status == 200
    site.owner.governance.revoke_token(made.id)
    mistyped = made.secret[:-1] + ("0" if made.secret[-1] != "0" else "1")
    for token in (made.secret, mistyped, "x", "rwd_" + "a" * 5000, "\x80"):
        answer = Client(site.server.url, token).get("/api/v1/me")
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
        assert "runward token create" in answer.json["hint"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4747", "127.0.0.1.evil.example", "", "[", "a@b"])
def test_only_the_printed_address_is_answered(site: Site, host: str) -> None:
    """A page elsewhere that makes its own name mean this machine gets nothing."""
    answer = site.client("owner").get("/api/v1/me", Host=host)
    assert answer.status in (400, 421)
    assert b"owner" not in answer.body
    for good in ("127.0.0.1", "localhost:1", "[::1]:4747"):
        assert site.client("owner").get("/api/v1/me", Host=good).status == 200


def test_a_port_in_use_is_named_with_a_way_out() -> None:
    bound = listen("127.0.0.1", 0)
    bound.listen()
    port = bound.getsockname()[1]
    with contextlib.closing(bound), pytest.raises(ConflictError, match=str(port)) as caught:
        listen("127.0.0.1", port)
    assert f"--port {port + 1}" in caught.value.hint


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "my.host"])
def test_a_public_address_needs_a_word_about_encryption(host: str) -> None:
    with pytest.raises(InvalidError, match=re.escape(host)) as caught:
        declare(host)
    for way in ("--tls-cert", "--behind-proxy", "--proxy"):
        assert way in caught.value.hint
    assert declare(host, behind_proxy=True).hosts is None
    assert declare("127.0.0.1").hosts == LOOPBACK
    assert declare(host, proxies=["10.0.0.2"], url="https://runs.example/").hosts == LOOPBACK | {"runs.example"} | (
        {host} - {"0.0.0.0", "::"}
    )


def test_a_host_that_is_not_here_is_named() -> None:
    with pytest.raises(InvalidError, match=r"203\.0\.113\.7"):
        listen("203.0.113.7", 0)


def test_the_trail_tells_who_came_in_from_where_and_who_did_not(site: Site) -> None:
    """Sessions that begin and end, passwords that are chosen, wrong ones; nothing of a name that nobody has."""
    name, secret = _invited(site)
    session = Client(site.server.url, cookie=_cookie(_accept(site, secret)))
    session.send("DELETE", "/api/v1/session")
    site.client().post("/api/v1/session", {"name": name, "password": "wrong" * 3})
    typed = f"perhaps-a-password-{name}"
    site.client().post("/api/v1/session", {"name": typed, "password": PASSWORD})
    seen = [
        e for e in site.owner.governance.audit(operation="session.", limit=20).events if e.actor in (name, "", typed)
    ]
    assert [(e.actor, e.operation, e.outcome, e.via, e.address) for e in reversed(seen[:5])] == [
        (name, "session.set_password", "ok", "invitation", "127.0.0.1"),
        (name, "session.begin", "ok", "invitation", "127.0.0.1"),
        (name, "session.end", "ok", "session", "127.0.0.1"),
        (name, "session.begin", "unauthenticated", "password", "127.0.0.1"),
        ("", "session.begin", "unauthenticated", "password", "127.0.0.1"),
    ]
    assert site.owner.governance.prove_audit().holds


def test_a_member_changes_their_password_and_other_sessions_end(site: Site) -> None:
    """The present one is asked for, within the limit; the new one is as good as any; the own session goes on."""
    name, secret = _invited(site)
    first = _accept(site, secret)
    second = site.client().post("/api/v1/session", {"name": name, "password": PASSWORD})
    mine, other = (Client(site.server.url, cookie=_cookie(answer)) for answer in (first, second))
    link = new_link(
        site.dispatcher.database, next(m.id for m in site.owner.governance.list_members() if m.name == name)
    )
    change = "/api/v1/session/password"
    fresh = "seven other quiet words"
    assert mine.send("PUT", change, {"present": "not this one", "password": fresh}).status == 403
    assert mine.send("PUT", change, {"present": PASSWORD, "password": "password1234"}).status == 422
    assert mine.send("PUT", change, {"present": PASSWORD, "password": fresh}, bare=True).status == 403
    answer = mine.send("PUT", change, {"present": PASSWORD, "password": fresh})
    assert answer.status == 200
    assert Client(site.server.url, cookie=_cookie(answer)).get("/api/v1/me").json["name"] == name
    assert other.get("/api/v1/me").status == mine.get("/api/v1/me").status == 401
    assert site.client().post("/api/v1/session/link", {"secret": link}).status == 401
    assert site.client().post("/api/v1/session", {"name": name, "password": PASSWORD}).status == 401
    assert site.client().post("/api/v1/session", {"name": name, "password": fresh}).status == 200
    assert site.client("ann").send("PUT", change, {"present": fresh, "password": PASSWORD}).status == 403


@pytest.mark.parametrize("less", ["viewer", None])
def test_who_gets_less_has_to_sign_in_again(site: Site, less: RoleName | None) -> None:
    """A role that is lowered or taken away ends sessions and links; more of it ends nothing."""
    name, secret = _invited(site)
    session = Client(site.server.url, cookie=_cookie(_accept(site, secret)))
    site.owner.governance.grant(name, "team", "team", "reviewer")
    assert session.get("/api/v1/me").status == 200
    site.owner.governance.grant(name, "team", "team", less)
    assert session.get("/api/v1/me").status == 401


def test_the_last_admin_stays_one(empty: tuple[FolderWorkspace, RunningServer]) -> None:
    """Otherwise nobody could let anybody in."""
    space, _ = empty
    with pytest.raises(ConflictError, match="only admin"):
        space.governance.grant("owner", "workspace", "", "viewer")
    space.governance.create_member(NewMember(name="ann", role="admin", team="*"))
    space.governance.grant("ann", "workspace", "", None)
    space.governance.create_member(NewMember(name="ben", role="admin", team="*"))
    space.governance.deactivate_member("ben")
    with pytest.raises(ConflictError, match="only admin"):
        space.governance.grant("owner", "workspace", "", None)


def test_a_service_account_cannot_sign_in(site: Site) -> None:
    """Not even with a link or a password that got into the database somehow."""
    name = f"robot-{new_id()}"
    site.owner.governance.create_member(NewMember(name=name, kind="service"))
    member = next(m.id for m in site.owner.governance.list_members() if m.name == name)
    for kind, path in (("link", "link"), ("invitation", "invitation")):
        secret = new_link(site.dispatcher.database, member, kind)
        body = {"secret": secret, **({"password": PASSWORD} if kind == "invitation" else {})}
        assert site.client().post(f"/api/v1/session/{path}", body).status == 401
    with site.dispatcher.database.transaction(write=True) as tx:
        stored = hash_password(PASSWORD)
        tx.execute("UPDATE members SET password_hash = ? WHERE id = ?", (stored, member))
    assert site.client().post("/api/v1/session", {"name": name, "password": PASSWORD}).status == 401


def test_who_is_not_known_makes_the_server_take_in_and_hash_nothing_large(site: Site) -> None:
    """A body is refused before it is read whole; a link that is none costs no hash."""
    for path in ("/api/v1/session", "/api/v1/session/link", "/api/v1/session/invitation"):
        answer = site.client().send("POST", path, b'{"name": "' + b"x" * 20_000 + b'"}')
        assert (answer.status, "KiB" in answer.json["detail"]) == (422, True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signin, "hash_password", lambda *given: pytest.fail("it was hashed"))
        assert _accept(site, "x" * 43).status == 401
