"""Sign-in with npm's oidc-provider: the whole way, and what it and we refuse."""

from __future__ import annotations

import http.client
import urllib.parse
from typing import Any

import pytest

from runward.governance.model import NewMember, NewToken
from runward.governance.signin import new_link
from tests.oidc.conftest import Browser, Provider, Site, query_of, session_of
from tests.server.http import Answer, Client


def account(name: str, *groups: str) -> dict[str, object]:
    """Claims of an account."""
    return {
        "name": name.title(),
        "preferred_username": name,
        "email": f"{name}@example.org",
        "email_verified": True,
        "groups": list(groups),
    }


def entered(site: Site, provider: Provider, subject: str, **body: Any) -> Answer:
    """Sign somebody in."""
    url, cookie = site.begin(**body)
    back = Browser(provider.issuer).sign_in(url, subject)
    assert back.startswith(f"{site.redirect_uri}?"), back
    return site.back(cookie, **query_of(back))


def test_who_has_a_group_signs_in_and_becomes_a_member_with_its_roles(site: Site, provider: Provider) -> None:
    """Name, address and roles come from the provider; the trail says who came in, and how."""
    provider.write(a1=account("ann", "ml", "unknown"))
    answer = entered(site, provider, "a1", next="/projects?q=1")
    assert (answer.status, answer.headers["location"]) == (303, "/projects?q=1")
    me = site.me(answer)
    assert (me["name"], me["role"], me["teams"], me["via"]) == ("ann", None, {"team": "contributor"}, "session")
    member = site.member("ann")
    assert (member.display_name, member.email, member.kind) == ("Ann", "ann@example.org", "person")
    assert [(g.scope_kind, g.scope, g.role) for g in member.grants] == [("team", "team", "contributor")]
    assert [(e.actor, e.operation, e.outcome, e.address) for e in site.trail()][:1] == [
        ("ann", "session.begin", "ok", "127.0.0.1")
    ]
    made = site.owner.governance.audit(operation="governance.create_member", actor="ann").events
    assert [(event.via, event.outcome) for event in made] == [("oidc", "ok")]


def test_the_session_is_new_and_ends_sooner_than_one_by_password(site: Site, provider: Provider) -> None:
    """A cookie that was there before is not the session afterwards, whoever set it: no fixation."""
    provider.write(a2=account("abe", "ml"))
    url, cookie = site.begin()
    back = Browser(provider.issuer).sign_in(url, "a2")
    answer = site.back(f"{cookie}; runward_session=planted", **query_of(back))
    assert session_of(answer) != "runward_session=planted"
    set_cookie = next(one for one in answer.cookies if one.startswith("runward_session="))
    flags = {part.strip().lower() for part in set_cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= flags
    assert Client(site.server.url, cookie="runward_session=planted").get("/api/v1/me").status == 401
    # What was kept of the sign-in is gone from the browser, and its address is told to nobody.
    assert any(one.startswith('runward_sign_in=""') and "Max-Age=0" in one for one in answer.cookies)
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_groups_count_at_every_sign_in_and_what_was_given_by_hand_stays(site: Site, provider: Provider) -> None:
    """A lost group loses its role and ends the sessions that were open; never more than what is mapped."""
    provider.write(b1=account("bea", "ml", "ml-leads", "vision"))
    first = entered(site, provider, "b1")
    assert site.me(first)["teams"] == {"team": "maintainer", "vision": "viewer"}
    site.owner.governance.grant("bea", "team", "team", "reviewer")
    provider.write(b1=account("bea", "ml"))
    second = entered(site, provider, "b1")
    assert Client(site.server.url, cookie=session_of(first)).get("/api/v1/me").status == 401
    assert {(g.scope, g.role, g.source) for g in site.member("bea").grants} == {
        ("team", "contributor", "group"),
        ("team", "reviewer", "hand"),
    }
    assert Client(site.server.url, cookie=session_of(second)).get("/api/v1/me").json["teams"] == {"team": "reviewer"}
    site.owner.governance.grant("bea", "team", "team", None)
    provider.write(b1=account("bea"))
    refused = entered(site, provider, "b1")
    assert refused.headers["location"] == "/sign-in?problem=no_access"
    assert site.member("bea").grants == []
    assert Client(site.server.url, cookie=session_of(second)).get("/api/v1/me").status == 401
    assert (site.trail("refused")[0].actor, site.trail("refused")[0].outcome) == ("bea", "no_access")


def test_who_has_no_group_is_not_made_a_member(site: Site, provider: Provider) -> None:
    """The page says why; the trail has the refusal."""
    provider.write(n1=account("nobody", "other"))
    answer = entered(site, provider, "n1")
    assert (answer.status, answer.headers["location"]) == (303, "/sign-in?problem=no_access")
    assert not any(one.startswith("runward_session=") for one in answer.cookies)
    assert "nobody" not in {member.name for member in site.owner.governance.list_members()}


def test_a_name_or_address_is_nobody(site: Site, provider: Provider) -> None:
    """Who has the name of a member at the provider does not become that member, nor by their address."""
    site.owner.governance.create_member(NewMember(name="cleo", email="cleo@example.org", role="admin", team="*"))
    provider.write(c1=account("cleo", "ml"))
    assert entered(site, provider, "c1").headers["location"] == "/sign-in?problem=name_taken"
    provider.write(c1={**account("cleopatra", "ml"), "email": "cleo@example.org"})
    assert site.me(entered(site, provider, "c1"))["name"] == "cleopatra"
    assert {g.role for g in site.member("cleo").grants} == {"admin"}
    # Once known, the subject stays who they are, whatever they are called later.
    provider.write(c1=account("cleo", "ml"))
    assert site.me(entered(site, provider, "c1"))["name"] == "cleopatra"


def test_a_member_connects_the_provider_from_their_own_session(site: Site, provider: Provider) -> None:
    """Then either way leads to the same member; somebody else's account stays somebody else's."""
    for name in ("dora", "dirk"):
        site.owner.governance.create_member(NewMember(name=name))
    provider.write(d1=account("other name", "ml"))

    def own_session(name: str) -> str:
        secret = new_link(site.owner.dispatcher.database, site.member(name).id)
        return session_of(Client(site.server.url).post("/api/v1/session/link", {"secret": secret}))

    assert site.me(entered(site, provider, "d1", cookie=own_session("dora"), connect=True))["name"] == "dora"
    assert site.me(entered(site, provider, "d1"))["name"] == "dora"
    again = entered(site, provider, "d1", cookie=own_session("dirk"), connect=True)
    assert again.headers["location"] == "/sign-in?problem=connected_elsewhere"
    # A session that ended meanwhile connects nothing.
    provider.write(d2=account("third", "ml"))
    url, cookie = site.begin(cookie=own_session("dirk"), connect=True)
    back = Browser(provider.issuer).sign_in(url, "d2")
    site.owner.governance.invite("dirk")
    assert site.back(cookie, **query_of(back)).headers["location"] == "/sign-in?problem=expired"


def test_a_token_connects_no_provider(site: Site) -> None:
    """Otherwise who got hold of one could sign in as its member for good."""
    holder = Client(site.server.url, site.owner.governance.create_token(NewToken("t")).secret)
    assert holder.post("/api/v1/session/oidc", {"connect": True}).status == 403


def test_a_code_is_worth_nothing_twice(site: Site, provider: Provider) -> None:
    """Neither here, nor at the provider when an attacker brings it to a sign-in of their own."""
    provider.write(e1=account("eva", "ml"))
    url, cookie = site.begin()
    answer = query_of(Browser(provider.issuer).sign_in(url, "e1"))
    assert site.me(site.back(cookie, **answer))["name"] == "eva"
    assert site.back(cookie, **answer).headers["location"] == "/sign-in?problem=expired"
    other, other_cookie = site.begin()
    replayed = site.back(other_cookie, **{**answer, "state": query_of(other)["state"]})
    assert replayed.headers["location"] == "/sign-in?problem=refused"


def test_a_stolen_code_does_not_fit_another_sign_in(site: Site, provider: Provider) -> None:
    """A code that was not used yet, brought to somebody else's browser: PKCE binds it to the sign-in it was made for."""
    provider.write(f1=account("fay", "ml"))
    url, _ = site.begin()
    stolen = query_of(Browser(provider.issuer).sign_in(url, "f1"))
    attack, attack_cookie = site.begin()
    answer = site.back(attack_cookie, **{**stolen, "state": query_of(attack)["state"]})
    assert answer.headers["location"] == "/sign-in?problem=refused"
    assert "fay" not in {member.name for member in site.owner.governance.list_members()}


def test_an_answer_counts_only_in_the_browser_that_asked(site: Site, provider: Provider) -> None:
    """Wrong state, no cookie, somebody else's cookie; the right one still works afterwards."""
    provider.write(g1=account("gus", "ml"))
    url, cookie = site.begin()
    _, other = site.begin()
    answer = query_of(Browser(provider.issuer).sign_in(url, "g1"))
    for mine, changed in (
        (cookie, {**answer, "state": "x" * 43}),
        ("", answer),
        (other, answer),
        (cookie, {"code": answer["code"]}),
    ):
        assert site.back(mine, **changed).headers["location"] == "/sign-in?problem=expired"
    assert site.me(site.back(cookie, **answer))["name"] == "gus"


def test_the_provider_is_asked_with_pkce_state_and_nonce_and_refuses_less(site: Site, provider: Provider) -> None:
    """Every value is fresh; without PKCE, or for another address to send the code to, the provider makes no code."""
    one, two = (query_of(site.begin()[0]) for _ in range(2))
    assert one["code_challenge_method"] == "S256"
    assert one["response_type"] == "code"
    assert one["redirect_uri"] == site.redirect_uri
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name]) >= 43
        assert one[name] != two[name]

    def asked(**changes: str) -> tuple[int, str]:
        given = {name: value for name, value in {**one, **changes}.items() if value}
        parts = urllib.parse.urlsplit(provider.issuer)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        try:
            connection.request("GET", f"/auth?{urllib.parse.urlencode(given)}")
            response = connection.getresponse()
            return response.status, response.getheader("Location") or response.read().decode()
        finally:
            connection.close()

    status, said = asked(redirect_uri="http://evil.example/callback")
    assert (status, "invalid_redirect_uri" in said) == (400, True)
    status, said = asked(code_challenge="", code_challenge_method="")
    assert status == 303
    assert query_of(said)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/api/v1/me", "",
        "\t//evil.example", "/a\r\nSet-Cookie: x=y", "/sign-in?problem=x", "/" + "x" * 5000, "/\u2028",
    ],
)  # fmt: skip
def test_after_the_sign_in_only_a_page_of_this_server_is_opened(site: Site, provider: Provider, wanted: str) -> None:
    """A link that leads through the sign-in cannot lead elsewhere."""
    provider.write(h1=account("hal", "ml"))
    answer = entered(site, provider, "h1", next=wanted)
    assert answer.headers["location"] == "/projects"
    assert {cookie.partition("=")[0] for cookie in answer.cookies} == {"runward_session", "runward_sign_in"}


def test_who_gives_up_at_the_provider_lands_on_a_page(site: Site) -> None:
    """The trail has it; nothing of the provider's words gets into the address."""
    url, cookie = site.begin()
    issuer = url.partition("/auth")[0]
    answer = site.back(
        cookie, state=query_of(url)["state"], error="access_denied", error_description="<b>x</b>", iss=issuer
    )
    assert answer.headers["location"] == "/sign-in?problem=cancelled"
    assert site.trail("refused")[0].outcome == "cancelled"


def test_sign_ins_that_begin_are_limited_by_address(site: Site) -> None:
    """Each takes a row for ten minutes: nobody can fill the table."""
    with site.owner.dispatcher.database.transaction(write=True) as tx:
        tx.execute("DELETE FROM tries")
    try:
        codes = [Client(site.server.url).post("/api/v1/session/oidc", {}).status for _ in range(61)]
        assert codes == [200] * 60 + [429]
    finally:
        with site.owner.dispatcher.database.transaction(write=True) as tx:
            tx.execute("DELETE FROM tries")


def test_another_site_cannot_begin_a_sign_in(site: Site) -> None:
    """Neither without the header, nor by a page that another site serves."""
    client = Client(site.server.url)
    assert client.send("POST", "/api/v1/session/oidc", {}, bare=True).status == 403
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.send("POST", "/api/v1/session/oidc", {}, headers).status == 403
    assert client.send("POST", "/api/v1/session/oidc", {}, {"Origin": site.server.url}).status == 200
