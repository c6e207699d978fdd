"""The routes by which somebody comes in and goes out: password, one-time link, the provider, sign-out."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from runward.core.codec import JSON, decode
from runward.core.operation import Door
from runward.errors import ForbiddenError, NotFoundError
from runward.governance import identities
from runward.governance.oidc import Provider, SignInError
from runward.governance.signin import SESSION_LASTS, change_password, end_session, sign_in, sign_in_by_link
from runward.server.app import COOKIE, Server, address_of, cookie_name, door, in_thread, received

ATTEMPT_COOKIE = "runward_sign_in"
CALLBACK = "/session/oidc/callback"
MAX_BODY_BYTES = 16 << 10
"""A name and a password: nobody who is not known yet makes this server take in or hash more."""
_FIELDS = ("state", "code", "iss", "error")
_OWN_PAGE = re.compile(r"/(?![/\\])[\x21-\x7e]*")


class SignInBody(msgspec.Struct, forbid_unknown_fields=True):
    """Name and password."""

    name: str
    password: str


class LinkBody(msgspec.Struct, forbid_unknown_fields=True):
    """A one-time link's secret."""

    secret: str


class InvitationBody(msgspec.Struct, forbid_unknown_fields=True):
    """A one-time link's secret and the password that its owner chooses."""

    secret: str
    password: str


class PasswordBody(msgspec.Struct, forbid_unknown_fields=True):
    """The present password and the one that follows it."""

    present: str
    password: str


class OidcBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is wanted of the provider."""

    next: str = "/projects"
    """The page to go to afterwards; anything but a page of this server leads to the projects."""
    connect: bool = False
    """Whether the provider is connected to the member who is signed in."""


def entrances(server: Server) -> list[BaseRoute]:
    """The routes of sign-in and sign-out."""
    return [*_by_secret(server), *_by_provider(server)]


def _by_secret(server: Server) -> list[BaseRoute]:
    dispatcher = server.dispatcher

    async def by_password(request: Request) -> Response:
        body = decode(await small_body(server, request), SignInBody, JSON)
        address = address_of(request)
        secret = await in_thread(lambda: sign_in(dispatcher, body.name, body.password, address))
        return with_session(server, request, secret)

    async def by_link(request: Request) -> Response:
        body = decode(await small_body(server, request), LinkBody, JSON)
        address = address_of(request)
        secret = await in_thread(lambda: sign_in_by_link(dispatcher, body.secret, address))
        return with_session(server, request, secret)

    async def by_invitation(request: Request) -> Response:
        body = decode(await small_body(server, request), InvitationBody, JSON)
        address = address_of(request)
        secret = await in_thread(lambda: sign_in_by_link(dispatcher, body.secret, address, body.password))
        return with_session(server, request, secret)

    async def password(request: Request) -> Response:
        body = decode(await small_body(server, request), PasswordBody, JSON)

        def changed() -> str:
            actor = server.actor(request)
            if actor.via != "session":
                raise ForbiddenError("a password is changed from a session", hint="sign in on the web")
            return change_password(dispatcher, actor, body.present, body.password)

        return with_session(server, request, await in_thread(changed))

    async def sign_out(request: Request) -> Response:
        server.check_same_site(request)
        if secret := request.cookies.get(cookie_name(server, request, COOKIE)):
            address = address_of(request)
            await in_thread(lambda: end_session(dispatcher, secret, address))
        response = Response(status_code=204, headers={"Clear-Site-Data": '"cache"'})
        _forget(response, server, request, COOKIE)
        return response

    why = "who is not signed in yet"
    return [
        door(Door("POST", "/session", "open", "@self", why), by_password),
        door(Door("POST", "/session/link", "open", "@self", why), by_link),
        door(Door("POST", "/session/invitation", "open", "@self", why), by_invitation),
        door(Door("PUT", "/session/password", "session.use", "@self", "the caller's own password"), password),
        door(Door("DELETE", "/session", "open", "@self", "ends only the caller's own session"), sign_out),
    ]


def _by_provider(server: Server) -> list[BaseRoute]:
    dispatcher, oidc = server.dispatcher, server.access.oidc
    provider = Provider(oidc) if oidc else None

    async def ways(request: Request) -> Response:
        return JSONResponse({"password": True, "provider": oidc.label if oidc else None})

    async def begin(request: Request) -> Response:
        body = decode(await small_body(server, request), OidcBody, JSON)
        if provider is None:
            raise NotFoundError(
                "this server has no provider to sign in with", hint="docs/sign-in.md says how to set one up"
            )
        callback, wanted = redirect_uri(server), own_page(body.next)
        if _is_elsewhere(server, request):
            page = wanted if body.connect else f"/sign-in?next={quote(wanted, safe='')}"
            return JSONResponse({"location": f"{server.url}{page}"})

        def begun() -> identities.Begun:
            member = server.actor(request) if body.connect else None
            if member is not None and member.via != "session":
                # Who holds a token for a while must not make it a way in for good.
                raise ForbiddenError("the provider is connected from a session", hint="sign in on the web")
            return identities.begin(dispatcher, provider, callback, wanted, address_of(request), member)

        try:
            found = await in_thread(begun)
        except SignInError as error:
            identities.log.warning("no sign-in by the provider: %s", error.message)
            return JSONResponse({"location": f"/sign-in?problem={error.reason}"})
        response = JSONResponse({"location": found.url})
        _keep(response, server, request, ATTEMPT_COOKIE, found.browser, identities.ATTEMPT_LASTS.total_seconds(), "lax")
        return response

    async def callback(request: Request) -> Response:
        answer = {name: request.query_params[name][:4096] for name in _FIELDS if name in request.query_params}
        browser = request.cookies.get(cookie_name(server, request, ATTEMPT_COOKIE), "")
        uri, address = redirect_uri(server), address_of(request)
        try:
            if provider is None:
                raise SignInError("refused", "there is no provider")
            secret, wanted = await in_thread(
                lambda: identities.finish(dispatcher, provider, answer, browser, uri, address)
            )
        except SignInError as error:
            return _left(server, request, f"/sign-in?problem={error.reason}")
        response = _left(server, request, wanted)
        lasts = oidc.session_s if oidc else SESSION_LASTS.total_seconds()
        _keep(response, server, request, COOKIE, secret, lasts, "strict")
        return response

    return [
        door(Door("GET", "/session/ways", "open", "@self", "what the sign-in page offers"), ways),
        door(Door("POST", "/session/oidc", "open", "@self", "who is not signed in yet"), begin),
        door(Door("GET", CALLBACK, "open", "@self", "the provider sends people back here"), callback),
    ]


def _left(server: Server, request: Request, page: str) -> Response:
    """Lead the browser on; what was kept of the sign-in is forgotten, and the address with its code is not told on."""
    headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    response = RedirectResponse(page, status_code=303, headers=headers)
    _forget(response, server, request, ATTEMPT_COOKIE)
    return response


def _is_elsewhere(server: Server, request: Request) -> bool:
    """Whether a browser has this server open by another name than the one to which the provider sends it back.

    The cookie that binds the answer to the browser would not be seen there. The Host header does not tell: proxies change it.
    """
    declared = urlsplit(server.url)
    return request.headers.get("origin", server.url) not in (server.url, f"{declared.scheme}://{declared.netloc}")


def redirect_uri(server: Server) -> str:
    """Where the provider sends people back: from what is declared, never from what a request says."""
    return f"{server.url}/api/v1{CALLBACK}"


def own_page(wanted: str) -> str:
    """A page of this server: the wanted one, else the projects. Nothing that a browser could read as another site."""
    fits = len(wanted) <= 2000 and _OWN_PAGE.fullmatch(wanted) and not wanted.startswith(("/api/", "/sign-in"))
    return wanted if fits else "/projects"


async def small_body(server: Server, request: Request) -> bytes:
    """The body of a request that comes from this server's own page, or from a program. Raises: ForbiddenError, InvalidError."""
    server.check_same_site(request)
    return await received(request, MAX_BODY_BYTES)


def with_session(server: Server, request: Request, secret: str) -> Response:
    """The answer to a sign-in: a cookie that scripts cannot read and other sites cannot send."""
    response = JSONResponse({"signed_in": True})
    _keep(response, server, request, COOKIE, secret, SESSION_LASTS.total_seconds(), "strict")
    return response


def _keep(
    response: Response, server: Server, request: Request, name: str, value: str, lasts_s: float, same_site: str
) -> None:
    response.set_cookie(
        cookie_name(server, request, name),
        value,
        max_age=int(lasts_s),
        path="/",
        httponly=True,
        samesite=same_site,  # type: ignore[arg-type]
        secure=server.is_secure(request),
    )
    response.headers["Cache-Control"] = "no-store"


def _forget(response: Response, server: Server, request: Request, name: str) -> None:
    # A cookie with the prefix __Host- is only ended by one that fulfils what the prefix asks for.
    response.delete_cookie(
        cookie_name(server, request, name), path="/", httponly=True, secure=server.is_secure(request)
    )
