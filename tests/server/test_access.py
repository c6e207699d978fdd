"""How a server is reached: TLS, proxies, hosts, origins, cookies."""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.core.ids import new_id
from runward.errors import InvalidError, StoreError
from runward.governance.model import NewMember, NewToken
from runward.governance.oidc import OidcSettings
from runward.governance.signin import new_link
from runward.server.access import Access, declare
from runward.server.run import RunningServer, listen
from runward.workspace import FolderWorkspace, open_folder, open_url
from tests.server.certificates import make_certificate
from tests.server.conftest import Site
from tests.server.http import Answer, Client


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[FolderWorkspace]:
    space = open_folder(tmp_path / "w", "owner")
    with contextlib.closing(space):
        yield space


def _signed_in(owner: FolderWorkspace, url: str, **headers: str) -> Answer:
    secret = new_link(owner.dispatcher.database, owner.actor.member_id)
    return Client(url).send("POST", "/api/v1/session/link", {"secret": secret}, headers)


def test_tls_is_served_with_a_certificate(
    owner: FolderWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients that trust it get in, others do not; cookies are bound to this host, and browsers told to stay encrypted."""
    certificate, key = make_certificate(tmp_path)
    access = declare("127.0.0.1", certificate=certificate, key=key)
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), access) as server:
        assert server.url.startswith("https://127.0.0.1:")
        port = int(server.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, context=ssl.create_default_context(cafile=str(certificate)), timeout=20
        )
        with contextlib.closing(connection):
            secret = new_link(owner.dispatcher.database, owner.actor.member_id)
            connection.request("POST", "/api/v1/session/link", f'{{"secret": "{secret}"}}', {"X-Runward": "1"})
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b'{"signed_in":true}')
            assert response.getheader("Strict-Transport-Security") == "max-age=31536000"
            name, _, rest = str(response.getheader("Set-Cookie")).partition("=")
            assert name == "__Host-runward_session"
            assert {"secure", "httponly", "path=/", "samesite=strict"} <= {
                one.strip().lower() for one in rest.split(";")
            }
            connection.request("GET", "/api/v1/me", headers={"Cookie": f"{name}={rest.partition(';')[0]}"})
            response = connection.getresponse()
            assert (response.status, response.getheader("Strict-Transport-Security")) == (200, "max-age=31536000")
            response.read()
            # Without the prefix a cookie could have been set by another host or over plain HTTP.
            connection.request("GET", "/api/v1/me", headers={"Cookie": f"runward_session={rest.partition(';')[0]}"})
            assert connection.getresponse().status == 401
        with pytest.raises(StoreError, match="CERTIFICATE_VERIFY_FAILED"):
            open_url(server.url, "rwd_x").governance.whoami()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        secret = owner.governance.create_token(NewToken("t")).secret
        assert open_url(server.url, secret).governance.whoami().name == "owner"
        with pytest.raises((http.client.HTTPException, OSError)):
            Client(server.url.replace("https", "http")).get("/healthz")


def test_a_certificate_that_does_not_fit_is_named_before_anything_starts(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, other_key = make_certificate(other)
    for given in ({"certificate": certificate}, {"key": key}):
        with pytest.raises(InvalidError, match="certificate and its key"):
            declare("0.0.0.0", **given)  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="do not belong together"):
        declare("0.0.0.0", certificate=certificate, key=other_key)
    with pytest.raises(InvalidError, match="no such file"):
        declare("0.0.0.0", certificate=tmp_path / "nowhere.pem", key=key)
    assert declare("0.0.0.0", certificate=certificate, key=key).has_tls


def _addresses(owner: FolderWorkspace) -> set[str]:
    return {event.address for event in owner.governance.audit(operation="session.begin", limit=5).events}


def test_what_is_forwarded_is_believed_from_the_declared_proxy_only(
    owner: FolderWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise everybody could choose the address that is limited and noted; the environment does not widen it."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    told = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    for access in (Access(), declare("127.0.0.1", proxies=["192.0.2.1"])):
        with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), access) as server:
            answer = _signed_in(owner, server.url, **told)
            assert answer.headers["set-cookie"].startswith("runward_session=")
            assert "strict-transport-security" not in answer.headers
    assert _addresses(owner) == {"127.0.0.1"}
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), declare("127.0.0.1", behind_proxy=True)) as server:
        answer = _signed_in(owner, server.url, **told)
        assert answer.headers["set-cookie"].startswith("__Host-runward_session=")
        assert "strict-transport-security" in answer.headers
        # Who adds an address in front of the proxy's is not believed.
        _signed_in(owner, server.url, **{**told, "X-Forwarded-For": "10.9.9.9, 203.0.113.10"})
    assert _addresses(owner) == {"127.0.0.1", "203.0.113.9", "203.0.113.10"}


@pytest.mark.parametrize("proxy", ["everybody", "10.0.0.1/8", "proxy.example", ""])
def test_a_proxy_is_an_address(proxy: str) -> None:
    with pytest.raises(InvalidError, match="network"):
        declare("127.0.0.1", proxies=[proxy])


def test_only_declared_names_are_answered(owner: FolderWorkspace) -> None:
    """The public name, the address that it listens at, and loopback; whatever the proxy passes on."""
    access = declare("127.0.0.1", url="https://runs.example:8443/", behind_proxy=True)
    assert access.is_secure
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), access) as server:
        client = Client(server.url)
        assert client.get("/healthz", Host="runs.example").status == 200
        for host in ("evil.example", "runs.example.evil.example", "runs.example@evil.example"):
            assert client.get("/healthz", Host=host).status in (400, 421)


def test_oidc_needs_to_know_the_servers_own_address() -> None:
    """It is never taken from what a request says."""
    oidc = OidcSettings("https://id.example", "c")
    with pytest.raises(InvalidError, match="the address at which people reach"):
        declare("0.0.0.0", behind_proxy=True, oidc=oidc)
    with pytest.raises(InvalidError, match="the address at which people reach"):
        declare("127.0.0.1", behind_proxy=True, oidc=oidc)
    assert declare("127.0.0.1", oidc=oidc).oidc == oidc


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_write_with_a_session_comes_from_a_page_of_this_server(site: Site, headers: dict[str, str]) -> None:
    """Also where another site got hold of the header X-Runward."""
    answer = _signed_in(site.owner, site.server.url)
    session = Client(site.server.url, cookie=answer.headers["set-cookie"].partition(";")[0])
    body: dict[str, list[int]] = {"ids": []}
    assert session.send("POST", "/api/v1/inbox/read", body, headers).status == 403
    assert session.send("DELETE", "/api/v1/session", None, headers).status == 403
    assert session.send("POST", "/api/v1/inbox/read", body, {"Origin": site.server.url}).status == 200
    assert session.send("POST", "/api/v1/inbox/read", body, {"Sec-Fetch-Site": "same-origin"}).status == 200


def test_pages_allow_no_script_of_their_own_text(site: Site) -> None:
    """Scripts come from our files only; nobody frames us."""
    policy = site.client().get("/sign-in").headers["content-security-policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["script-src"] == ["'self'"]
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["object-src"] == ["'none'"]


@pytest.mark.parametrize("kind", ["session", "token"])
def test_an_open_stream_ends_with_what_opened_it(site: Site, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deactivated member hears nothing more, although the page is open."""
    monkeypatch.setattr("runward.server.doors._STILL_S", 0.0)
    name = f"m-{new_id()}"
    site.owner.governance.create_member(NewMember(name=name))
    member = next(m.id for m in site.owner.governance.list_members() if m.name == name)
    if kind == "session":
        secret = new_link(site.dispatcher.database, member)
        answer = site.client().post("/api/v1/session/link", {"secret": secret})
        headers = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    else:
        made = site.owner.governance.create_token(NewToken("t", member=name))
        headers = {"Authorization": f"Bearer {made.secret}"}
    port = int(site.server.url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/api/v1/stream", headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        assert response.readline().startswith(b":")
        site.owner.governance.deactivate_member(name)
        while response.readline():
            pass
