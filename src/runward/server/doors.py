"""The routes that are written by hand: streams, bytes, sign-in, health, the web app."""

from __future__ import annotations

import asyncio
import functools
import gzip
import queue
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from runward._version import __version__
from runward.core.codec import JSON, decode
from runward.core.operation import Door
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.governance.signin import SESSION_LASTS, end_session, sign_in_by_link
from runward.insights.page import POLICY
from runward.insights.service import SHARED, shared_page
from runward.review.forges.service import INCOMING, receive
from runward.server.app import COOKIE, Server, address_of, door, in_thread, read_body, received
from runward.server.pulse import heartbeat
from runward.server.transport import downloads, uploads

STATIC = Path(__file__).parent / "static"
MAX_HOOK_BYTES = 5 << 20
"""Who sends it is not known before it was read."""
_HEARTBEAT_S = 15.0
_TEXTS = {".js": "text/javascript", ".css": "text/css"}


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


def doors(server: Server) -> list[BaseRoute]:
    """All hand-written routes; the web app's catch-all is last."""
    return [*_sign_in(server), *uploads(server), *downloads(server), *_live(server), *_forges(server), *_site(server)]


def _sign_in(server: Server) -> list[BaseRoute]:
    dispatcher = server.dispatcher

    def same_site(request: Request) -> None:
        if "x-runward" not in request.headers:
            raise ForbiddenError("sign-in needs the header X-Runward")

    async def sign_in(request: Request) -> Response:
        same_site(request)
        body = decode(await read_body(request), SignInBody, JSON)
        address = address_of(request)
        secret = await in_thread(lambda: server.sign_in(body.name, body.password, address, time.monotonic()))
        return _with_session(request, secret)

    async def by_link(request: Request) -> Response:
        same_site(request)
        body = decode(await read_body(request), LinkBody, JSON)
        address = address_of(request)
        return _with_session(request, await in_thread(lambda: sign_in_by_link(dispatcher, body.secret, address)))

    async def by_invitation(request: Request) -> Response:
        same_site(request)
        body = decode(await read_body(request), InvitationBody, JSON)
        address = address_of(request)
        secret = await in_thread(lambda: sign_in_by_link(dispatcher, body.secret, address, body.password))
        return _with_session(request, secret)

    async def sign_out(request: Request) -> Response:
        if secret := request.cookies.get(COOKIE):
            address = address_of(request)
            await in_thread(lambda: end_session(dispatcher, secret, address))
        response = Response(status_code=204)
        response.delete_cookie(COOKIE)
        return response

    why = "who is not signed in yet"
    return [
        door(Door("POST", "/session", "open", "@self", why), sign_in),
        door(Door("POST", "/session/link", "open", "@self", why), by_link),
        door(Door("POST", "/session/invitation", "open", "@self", why), by_invitation),
        door(Door("DELETE", "/session", "open", "@self", "ends only the caller's own session"), sign_out),
    ]


def _with_session(request: Request, secret: str) -> Response:
    response = JSONResponse({"signed_in": True})
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


def _forges(server: Server) -> list[BaseRoute]:
    async def incoming(request: Request) -> Response:
        data = await received(request, MAX_HOOK_BYTES)
        headers, project_id = {k.lower(): v for k, v in request.headers.items()}, request.path_params["project_id"]
        noted = await in_thread(lambda: receive(server.dispatcher, project_id, headers, data))
        return JSONResponse({"noted": noted})

    return [door(INCOMING, incoming)]


def _live(server: Server) -> list[BaseRoute]:
    async def stream(request: Request) -> Response:
        actor = await in_thread(lambda: server.actor(request))

        async def messages() -> AsyncIterator[bytes]:
            changes = await in_thread(lambda: server.pulse.subscribe(actor))
            try:
                yield heartbeat()
                quiet_since = time.monotonic()
                while not server.pulse.stopping.is_set() and not await request.is_disconnected():
                    try:
                        for change in changes.get_nowait():
                            yield change.encode()
                        quiet_since = time.monotonic()
                    except queue.Empty:
                        await asyncio.sleep(0.1)
                    if time.monotonic() - quiet_since > _HEARTBEAT_S:
                        quiet_since = time.monotonic()
                        yield heartbeat()
            finally:
                server.pulse.leave(changes)

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(messages(), media_type="text/event-stream", headers=headers)

    return [door(Door("GET", "/stream", "session.use", "@list", "server-sent events, filtered by member"), stream)]


def _site(server: Server) -> list[BaseRoute]:
    async def health(request: Request) -> Response:
        def look() -> None:
            with server.dispatcher.database.transaction(write=False) as tx:
                tx.scalar("SELECT 1")

        await in_thread(look)
        return JSONResponse({"status": "ok", "version": __version__})

    async def unknown(request: Request) -> Response:
        raise NotFoundError(f"there is no route {request.url.path}", hint="see /api/v1/openapi.json")

    async def page(request: Request) -> Response:
        if request.url.path.startswith(("/api/", "/healthz", "/metrics")):
            return await unknown(request)
        return _static(request.path_params["path"], "gzip" in request.headers.get("accept-encoding", ""))

    async def shared(request: Request) -> Response:
        secret = request.path_params["secret"]
        html = await in_thread(lambda: shared_page(server.dispatcher, secret))
        headers = {
            "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'; sandbox allow-popups",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
        }
        return HTMLResponse(html, headers=headers)

    return [
        door(SHARED, shared),
        door(Door("GET", "//healthz", "open", "@self", "a load balancer's question"), health),
        door(Door("GET", "//{path:path}", "open", "@self", "the web app's own files; they hold no data"), page),
    ]


def _inside(path: str) -> Path | None:
    """A file of the web app by its path; None where there is none, or where no file can have such a name."""
    try:
        target = (STATIC / path).resolve()
        return target if path and target.is_relative_to(STATIC.resolve()) and target.is_file() else None
    except (ValueError, OSError):
        return None


@functools.lru_cache(maxsize=256)
def _packed(target: Path, changed: int) -> bytes:
    """A file as gzip; the same few files are asked for by everybody, so each is packed once."""
    return gzip.compress(target.read_bytes(), 9)


def _static(path: str, packed: bool = False) -> Response:
    """A file of the web app; any other path is one of its pages, so it gets the app itself."""
    if not (STATIC / "index.html").exists():
        raise InvalidError("the web app was not built into this installation", hint="reinstall, or `make web`")
    target = _inside(path)
    if target is not None:
        headers = {"Cache-Control": "public, max-age=31536000, immutable"} if "assets/" in path else {}
        if packed and target.suffix in _TEXTS:
            data = _packed(target, target.stat().st_mtime_ns)
            return Response(
                data,
                media_type=_TEXTS[target.suffix],
                headers={**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"},
            )
        return FileResponse(target, headers=headers)
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})
