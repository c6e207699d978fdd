"""What a provider could say, or somebody in its name, that must not let anybody in."""

from __future__ import annotations

import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from runward.governance import oidc
from tests.oidc.conftest import SECRET, Site, query_of, serving
from tests.oidc.standin import StandIn
from tests.server.http import Answer

Liar = tuple[Site, StandIn]


def entered(site: Site, stand_in: StandIn, **query: str) -> Answer:
    """Begin a sign-in and come back with a code."""
    url, cookie = site.begin()
    asked = query_of(url)
    stand_in.nonce = stand_in.nonce or asked["nonce"]
    return site.back(cookie, **{"state": asked["state"], "code": "c", **query})


def refused(site: Site, answer: Answer, reason: str = "forged") -> None:
    """Nobody came in, the page says why, and the trail has it."""
    assert answer.headers["location"] == f"/sign-in?problem={reason}"
    assert not any(one.startswith("runward_session=") for one in answer.cookies)
    assert [member.name for member in site.owner.governance.list_members()] == ["owner"]
    assert site.trail()[0].outcome == reason


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, {"kid": "k"})),
        ("PS256", RSAKey.generate_key(2048, {"kid": "k"})),
        ("ES256", ECKey.generate_key("P-256", {"kid": "k"})),
    ],
)
def test_an_honest_token_lets_in(liar: Liar, algorithm: str, key: Any) -> None:
    """The other tests refuse for what they change, not for anything else."""
    site, stand_in = liar
    stand_in.algorithm, stand_in.key, stand_in.published = algorithm, key, [key]
    assert site.me(entered(site, stand_in))["name"] == "alice"


def test_a_key_that_is_not_the_providers(liar: Liar) -> None:
    """Also under the name of one of its keys."""
    site, stand_in = liar
    stand_in.key = RSAKey.generate_key(2048, {"kid": "first"})
    refused(site, entered(site, stand_in))
    stand_in.key = RSAKey.generate_key(2048, {"kid": "unheard of"})
    refused(site, entered(site, stand_in))


def _token(claims: dict[str, Any], algorithm: str, secret: bytes | None = None) -> str:
    """A token that nobody signed, or one with an HMAC under a secret."""
    parts = ({"alg": algorithm, "typ": "JWT", "kid": "first"}, claims)
    said = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    mac = hmac.digest(secret, said.encode(), "sha256") if secret is not None else b""
    return f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _claims(stand_in: StandIn, url: str) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": stand_in.issuer, "sub": "alice", "aud": "runward", "iat": now, "exp": now + 300,
        "nonce": query_of(url)["nonce"],
    }  # fmt: skip


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_that_nobody_signed(liar: Liar, algorithm: str) -> None:
    site, stand_in = liar
    url, cookie = site.begin()
    stand_in.token = _token(_claims(stand_in, url), algorithm)
    refused(site, site.back(cookie, state=query_of(url)["state"], code="c"))


def test_a_public_key_taken_for_a_shared_secret(liar: Liar) -> None:
    """HS256 with the provider's public key, which everybody has; with the client's secret; with a published secret."""
    site, stand_in = liar
    shared = OctKey.generate_key(256, {"kid": "first"})
    stand_in.published.append(shared)
    public = (stand_in.key.as_pem(private=False), stand_in.key.as_der(private=False))  # type: ignore[union-attr]
    for secret in (*public, SECRET.encode(), shared.raw_value):
        url, cookie = site.begin()
        stand_in.token = _token(_claims(stand_in, url), "HS256", secret)
        refused(site, site.back(cookie, state=query_of(url)["state"], code="c"))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000}, {"exp": None}, {"exp": "soon"}, {"iat": None}, {"iat": 4_000_000_000},
        {"iat": 1_000_000_000}, {"nbf": 4_000_000_000}, {"nonce": "of another sign-in"}, {"nonce": None},
        {"aud": "elsewhere"}, {"aud": None}, {"aud": []}, {"aud": ["runward", "elsewhere"]}, {"azp": "elsewhere"},
        {"iss": "https://evil.example"}, {"iss": None}, {"sub": None}, {"sub": ""}, {"sub": "x" * 256}, {"sub": 7},
        {"aud": {"runward": 1}},
    ],
)  # fmt: skip
def test_a_token_whose_claims_do_not_hold(liar: Liar, claims: dict[str, Any]) -> None:
    """Expired, of another time, for another client, from somebody else, an answer to another sign-in."""
    site, stand_in = liar
    stand_in.claims = claims
    refused(site, entered(site, stand_in))


@pytest.mark.parametrize("shift", [-oidc.SKEW_S + 15, oidc.SKEW_S - 15])
def test_clocks_may_differ_a_little(liar: Liar, shift: int) -> None:
    """Up to a minute either way, and no more."""
    site, stand_in = liar
    now = int(time.time())
    beyond = shift + (-60 if shift < 0 else 60)
    stand_in.claims = {"iat": now + max(beyond, 0), "exp": now + beyond if shift < 0 else now + 300}
    refused(site, entered(site, stand_in))
    stand_in.nonce = ""
    stand_in.claims = {"iat": now + max(shift, 0), "exp": now + shift if shift < 0 else now + 300}
    assert site.me(entered(site, stand_in))["name"] == "alice"


def test_garbage_for_a_token(liar: Liar) -> None:
    site, stand_in = liar
    for token in ("", "a.b.c", "x" * 100_000, "..", "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"):
        stand_in.token = token
        refused(site, entered(site, stand_in))


def test_userinfo_about_somebody_else(liar: Liar) -> None:
    site, stand_in = liar
    stand_in.userinfo = {"sub": "root", "groups": ["platform"]}
    refused(site, entered(site, stand_in))
    stand_in.userinfo = {"groups": ["platform"]}
    refused(site, entered(site, stand_in))


def test_the_answer_of_another_provider(liar: Liar) -> None:
    """Mix-up: an answer that names another issuer (RFC 9207), or none where ours says that it always does."""
    site, stand_in = liar
    refused(site, entered(site, stand_in, iss="https://evil.example"))
    stand_in.nonce = ""
    assert site.me(entered(site, stand_in, iss=stand_in.issuer))["name"] == "alice"


def test_an_answer_without_an_issuer_where_one_is_promised(tmp_path: Path) -> None:
    stand_in = StandIn()
    stand_in.document = {"authorization_response_iss_parameter_supported": True}
    try:
        with serving(tmp_path / "w", lambda uri: stand_in.issuer) as site:
            refused(site, entered(site, stand_in))
    finally:
        stand_in.stop()


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"}, {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/auth"}, {"authorization_endpoint": None},
    ],
)  # fmt: skip
def test_a_document_that_leads_elsewhere(liar: Liar, document: dict[str, Any]) -> None:
    """Another issuer's, or one whose pages are not encrypted: nobody is sent there."""
    site, stand_in = liar
    stand_in.document = document
    assert site.begin() == ("/sign-in?problem=provider", "")


def test_keys_and_tokens_are_fetched_encrypted_or_not_at_all(liar: Liar) -> None:
    site, stand_in = liar
    stand_in.document = {"token_endpoint": "http://evil.example/token"}
    refused(site, entered(site, stand_in), "provider")


def test_a_provider_that_is_away_says_so(liar: Liar) -> None:
    """Before and after; a secret is not carried on to where it points."""
    site, stand_in = liar
    url, cookie = site.begin()
    stand_in.status = 503
    refused(site, site.back(cookie, state=query_of(url)["state"], code="c"), "provider")
    url, cookie = site.begin()
    stand_in.status, stand_in.location = 307, f"{stand_in.issuer}/elsewhere"
    refused(site, site.back(cookie, state=query_of(url)["state"], code="c"), "refused")
    assert "/elsewhere" not in [path for path, _ in stand_in.asked]
    url, cookie = site.begin()
    stand_in.stop()
    refused(site, site.back(cookie, state=query_of(url)["state"], code="c"), "away")


def test_a_new_key_of_the_provider_is_fetched(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are kept, but a token under one that is not known makes us look again; not with every forged one."""
    site, stand_in = liar
    assert site.me(entered(site, stand_in))["name"] == "alice"
    stand_in.key = RSAKey.generate_key(2048, {"kid": "second"})
    stand_in.published, stand_in.nonce = [stand_in.key], ""
    before = sum(path == "/keys" for path, _ in stand_in.asked)
    assert entered(site, stand_in).headers["location"] == "/sign-in?problem=forged"
    assert sum(path == "/keys" for path, _ in stand_in.asked) == before
    monkeypatch.setattr(oidc, "_AGAIN_S", 0.0)
    stand_in.nonce = ""
    assert site.me(entered(site, stand_in))["name"] == "alice"


def test_a_group_claim_of_any_shape_gives_no_role_by_accident(liar: Liar) -> None:
    """A text is one group, not its letters; anything else is none."""
    site, stand_in = liar
    for groups in ({"platform": True}, 7, None, "platform-x", [["platform"]]):
        stand_in.claims, stand_in.nonce = {"groups": groups}, ""
        answer = entered(site, stand_in)
        assert answer.headers["location"] == "/sign-in?problem=no_access", groups
    stand_in.claims, stand_in.nonce = {"groups": "ml"}, ""
    assert site.me(entered(site, stand_in))["teams"] == {"team": "contributor"}


def test_an_address_that_was_not_verified_is_no_address(tmp_path: Path) -> None:
    """Where only a domain's members are created, its name in an unverified address is worth nothing."""
    stand_in = StandIn()
    try:
        with serving(tmp_path / "w", lambda uri: stand_in.issuer, domain="example.org") as site:
            for said in (
                {"email": "a@example.org"},
                {"email": "a@example.org", "email_verified": "true"},
                {"email": "a@evil.example", "email_verified": True},
                {"email": "a@sub.example.org.evil.example", "email_verified": True},
                {"email": "a@notexample.org", "email_verified": True},
            ):
                stand_in.claims, stand_in.nonce = said, ""
                refused(site, entered(site, stand_in), "no_member")
            stand_in.claims, stand_in.nonce = {"email": "A@Example.org", "email_verified": True}, ""
            assert site.me(entered(site, stand_in))["name"] == "alice"
    finally:
        stand_in.stop()


def test_without_leave_nobody_is_created(tmp_path: Path) -> None:
    stand_in = StandIn()
    try:
        with serving(tmp_path / "w", lambda uri: stand_in.issuer, create=False) as site:
            refused(site, entered(site, stand_in), "no_member")
    finally:
        stand_in.stop()
