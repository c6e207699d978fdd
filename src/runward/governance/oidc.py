"""OpenID Connect as a relying party: authorization code with PKCE, and what has to hold before a token is believed.

What is asked of a provider: OpenID Connect Core 1.0 (discovery, ID token, userinfo), RFC 7636 (PKCE, always S256) and, where
it says so, RFC 9207 (``iss`` in its answer). Signatures are joserfc's business, by a list of algorithms with public keys only:
neither ``none`` nor HMAC can pass. Nothing here knows members: :mod:`runward.governance.identities` does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from runward.errors import InvalidError, MissingExtraError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
SKEW_S = 60
"""So far may the clocks of the provider and of this server be apart."""
OLDEST_S = 600
"""An ID token that was made longer ago than a sign-in may take is not the answer to it."""
_TIMEOUT_S = 10.0
_MAX_ANSWER_BYTES = 1 << 20
_FRESH_S = 3600.0
_AGAIN_S = 10.0


class SignInError(Exception):
    """A sign-in by the provider did not come about. ``reason`` is the word that the sign-in page explains."""

    def __init__(self, reason: str, message: str, member_id: str = "", name: str = "") -> None:
        super().__init__(message)
        self.reason, self.message = reason, message
        self.member_id, self.name = member_id, name
        """The member whom it was about, where that is known."""


class GroupRole(msgspec.Struct, frozen=True):
    """A role for who belongs to a group of the provider."""

    group: str
    """Its name as the provider says it; ``*`` for everybody whom the provider lets in."""
    team: str
    """The team on which the role counts; empty for the whole workspace."""
    role: str


class OidcSettings(msgspec.Struct, frozen=True):
    """A provider, and what is made of what it says."""

    issuer: str
    client_id: str
    client_secret: str = ""
    """Empty for a public client: PKCE is used with and without one."""
    label: str = "single sign-on"
    """What stands on the button: Sign in with …"""
    scopes: str = "openid profile email groups"
    groups_claim: str = "groups"
    groups: tuple[GroupRole, ...] = ()
    create: bool = False
    """Whether who has no member yet becomes one, if their groups give them a role."""
    domain: str = ""
    """Only who has a verified address of this domain becomes a member by themselves; empty for any."""
    session_s: float = 12 * 3600.0
    """A session ends after so long; then the provider is asked again."""


class Claims(NamedTuple):
    """What a provider says of somebody, after everything was checked."""

    issuer: str
    subject: str
    name: str
    """The name that they go by there; may be empty."""
    display_name: str
    email: str
    """Empty where the provider does not say that it is verified."""
    groups: frozenset[str]


class Attempt(NamedTuple):
    """A sign-in that begins: what has to be kept until the provider answers."""

    state: str
    nonce: str
    verifier: str


def new_attempt() -> Attempt:
    """Fresh random values: 256 bits each."""
    return Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


def check_settings(settings: OidcSettings) -> OidcSettings:
    """The settings themselves. Raises: InvalidError (issuer, client, mapping), MissingExtraError (joserfc)."""
    _web_address(settings.issuer, "the OIDC issuer")
    if not settings.client_id:
        raise InvalidError("the OIDC client id is empty", hint="--oidc-client: as it is registered at the provider")
    if "openid" not in settings.scopes.split():
        raise InvalidError(f"the OIDC scopes {settings.scopes!r} lack 'openid'", hint="without it there is no ID token")
    if settings.create and not settings.groups:
        raise InvalidError(
            "members would be created without any role",
            hint="say who gets which: --oidc-group 'GROUP=team:contributor', or '*=viewer' for everybody",
        )
    try:
        import joserfc  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("sign-in by OIDC needs joserfc", hint="pip install 'runward[server]'") from error
    return settings


def parse_group(text: str, roles: Mapping[str, object]) -> GroupRole:
    """A line of the mapping: ``group=role`` on the workspace, ``group=team:role``. Raises: InvalidError."""
    # A group may have any character in its name, as in cn=ml,ou=groups; a team and a role have no "=".
    group, _, given = text.rpartition("=")
    team, _, role = given.rpartition(":")
    if not group.strip() or role not in roles:
        raise InvalidError(
            f"the group mapping {text!r} is not understood",
            hint=f"write group=role or group=team:role; roles: {', '.join(roles)}",
        )
    return GroupRole(group.strip(), team, role)


def _web_address(url: str, what: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.username and not parts.fragment:
        return
    if parts.scheme == "http" and _is_here(parts.hostname or ""):
        return
    raise InvalidError(
        f"{what} {url!r:.200} is no https address", hint="what it says is believed: it must be encrypted"
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """What carries a secret is not carried on."""

    def redirect_request(self, *found: Any) -> None:
        """Follow nothing."""


class Provider:
    """What is known of a provider. Thread-safe; what it publishes is read when it is needed, and kept for an hour."""

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._opener = urllib.request.build_opener(_NoRedirect())
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}

    def authorization_url(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser is sent. Raises: SignInError (the provider is away, or is not who it should be)."""
        endpoint = self._endpoint("authorization_endpoint")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.settings.scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urllib.parse.urlencode(query)}"

    def claims(self, attempt: Attempt, answer: Mapping[str, str], redirect_uri: str) -> Claims:
        """Turn the provider's answer into who it says is there. Raises: SignInError."""
        self._check_answer(answer)
        tokens = self._exchange(answer["code"], attempt.verifier, redirect_uri)
        proved = self._verified(str(tokens.get("id_token", "")), attempt.nonce)
        told = self._userinfo(str(tokens.get("access_token", "")), str(proved["sub"]))
        return self._read({**told, **proved})

    def _check_answer(self, answer: Mapping[str, str]) -> None:
        # RFC 9207: an answer that another provider sent here must not be taken for this one's.
        named = answer.get("iss", "")
        if named != self.settings.issuer and (
            named or self._discovered().get("authorization_response_iss_parameter_supported") is True
        ):
            raise SignInError("forged", f"the answer names another issuer: {named!r:.200}")
        if error := answer.get("error", ""):
            denied = error in ("access_denied", "interaction_required", "login_required")
            raise SignInError("cancelled" if denied else "refused", f"the provider answered {error!r:.80}")
        if not answer.get("code"):
            raise SignInError("refused", "the provider's answer has no code")

    def _exchange(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        given = self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        methods = self._discovered().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if given.client_secret and "client_secret_basic" in methods:
            pair = f"{urllib.parse.quote_plus(given.client_id)}:{urllib.parse.quote_plus(given.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = given.client_id
            if given.client_secret:
                form["client_secret"] = given.client_secret
        return self._ask(self._endpoint("token_endpoint"), headers, urllib.parse.urlencode(form).encode())

    def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that this provider made for us, now, in answer to this attempt."""
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        try:
            try:
                claims = jwt.decode(token, self._keys(), algorithms=ALGORITHMS).claims
            except InvalidKeyIdError:
                # A key that is not known may be new: providers change theirs.
                claims = jwt.decode(token, self._keys(anew=True), algorithms=ALGORITHMS).claims
            jwt.JWTClaimsRegistry(
                leeway=SKEW_S,
                iss={"essential": True, "value": self.settings.issuer},
                sub={"essential": True},
                aud={"essential": True, "value": self.settings.client_id},
                exp={"essential": True},
                iat={"essential": True},
            ).validate(claims)
        except (JoseError, ValueError) as error:
            raise SignInError("forged", f"the ID token is not valid: {error}") from error
        self._check_own_claims(claims, nonce)
        return dict(claims)

    def _check_own_claims(self, claims: Mapping[str, Any], nonce: str) -> None:
        ours, audience = self.settings.client_id, claims["aud"]
        others = [one for one in (audience if isinstance(audience, list) else [audience]) if one != ours]
        party = claims.get("azp")
        if others or (party is not None and party != ours):
            raise SignInError("forged", "the ID token was made for another client too")
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignInError("forged", "the ID token answers another sign-in: its nonce differs")
        if float(claims["iat"]) < time.time() - OLDEST_S - SKEW_S:
            raise SignInError("forged", "the ID token is old")
        if not 0 < len(str(claims["sub"])) <= 255:
            raise SignInError("forged", "the ID token's subject is empty or longer than 255 characters")

    def _userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        """What the provider says besides the ID token; many keep names and groups out of it."""
        if not access_token or "userinfo_endpoint" not in self._discovered():
            return {}
        told = self._ask(self._endpoint("userinfo_endpoint"), {"Authorization": f"Bearer {access_token}"})
        if told.get("sub") != subject:
            raise SignInError("forged", "userinfo is about somebody else than the ID token")
        return told

    def _read(self, told: Mapping[str, Any]) -> Claims:
        groups = told.get(self.settings.groups_claim, [])
        if isinstance(groups, str):
            groups = [groups]
        email = told.get("email") if told.get("email_verified") is True else ""
        name = told.get("preferred_username") or told.get("email") or ""
        return Claims(
            issuer=self.settings.issuer,
            subject=str(told["sub"]),
            name=str(name)[:100],
            display_name=str(told.get("name") or "")[:100],
            email=str(email or "")[:250],
            groups=frozenset(str(one) for one in groups) if isinstance(groups, list) else frozenset(),
        )

    def _discovered(self) -> dict[str, Any]:
        url = f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = self._published(url)
        if found.get("issuer") != self.settings.issuer:
            raise SignInError(
                "provider",
                f"{url} names the issuer {found.get('issuer')!r:.200}, --oidc-issuer is {self.settings.issuer!r}",
            )
        return found

    def _endpoint(self, name: str) -> str:
        url = str(self._discovered().get(name, ""))
        try:
            _web_address(url, f"the provider's {name}")
        except InvalidError as error:
            raise SignInError("provider", error.message) from error
        return url

    def _keys(self, *, anew: bool = False) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        found = self._published(self._endpoint("jwks_uri"), anew=anew)
        # Keys of a kind that is not known here must not spoil the others; a symmetric one is nobody's public key.
        keys = [
            one for one in found.get("keys", []) if isinstance(one, dict) and one.get("kty") in ("RSA", "EC", "OKP")
        ]
        try:
            return KeySet.import_key_set({"keys": [one for one in keys if one.get("use", "sig") == "sig"]})
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignInError("provider", f"the provider's keys are not understood: {error}") from error

    def _published(self, url: str, *, anew: bool = False) -> dict[str, Any]:
        at, found = self._known.get(url, (float("-inf"), {}))
        # Forged tokens must not make us ask all the time. Two that ask at once read the same.
        if time.monotonic() - at > (_AGAIN_S if anew else _FRESH_S):
            found = self._ask(url, {})
            self._known[url] = (time.monotonic(), found)
        return found

    def _ask(self, url: str, headers: dict[str, str], body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            url,
            body,
            {"Accept": "application/json", "User-Agent": "runward", **headers},
            method="POST" if body else "GET",
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                data = response.read(_MAX_ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                told = re.sub(r"[^\x20-\x7e]", " ", error.read(500).decode("utf-8", "replace"))
            raise SignInError("provider" if error.code >= 500 else "refused", f"{url}: {error.code} {told}") from error
        except (OSError, ValueError) as error:
            raise SignInError("away", f"{url} cannot be reached: {error}") from error
        try:
            if len(data) > _MAX_ANSWER_BYTES:
                raise ValueError("it is larger than 1 MiB")
            found = json.loads(data)
            if not isinstance(found, dict):
                raise ValueError("it is no object")
        except (ValueError, RecursionError) as error:
            raise SignInError("provider", f"the answer of {url} is not understood: {error}") from error
        return found
