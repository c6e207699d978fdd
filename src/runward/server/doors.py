"""The routes that are written by hand: streams, bytes, sign-in, health, the web app."""

from __future__ import annotations

import asyncio
import functools
import gzip
import queue
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from runward.core.operation import Door
from runward.errors import InvalidError, NotFoundError, UnauthenticatedError
from runward.insights.page import POLICY
from runward.insights.service import SHARED, shared_page
from runward.review.forges.service import INCOMING, receive
from runward.server.app import Server, door, in_thread, received
from runward.server.enter import entrances
from runward.server.letin import letin
from runward.server.pulse import BEGIN, heartbeat
from runward.server.transport import downloads, uploads
from runward.server.watched import watched

STATIC = Path(__file__).parent / "static"
MAX_HOOK_BYTES = 5 << 20
"""Who sends it is not known before it was read."""
_HEARTBEAT_S = 15.0
_STILL_S = 5.0
"""So often an open stream looks whether its reader may still be here."""
_TEXTS = {".js": "text/javascript", ".css": "text/css"}


def doors(server: Server) -> list[BaseRoute]:
    """All hand-written routes; the web app's catch-all is last."""
    return [
        *entrances(server),
        *letin(server),
        *uploads(server),
        *downloads(server),
        *_live(server),
        *_forges(server),
        *watched(server),
        *_site(server),
    ]


def _forges(server: Server) -> list[BaseRoute]:
    async def incoming(request: Request) -> Response:
        data = await received(request, MAX_HOOK_BYTES)
        headers, project_id = {k.lower(): v for k, v in request.headers.items()}, request.path_params["project_id"]
        noted = await in_thread(lambda: receive(server.dispatcher, project_id, headers, data))
        return JSONResponse({"noted": noted})

    return [door(INCOMING, incoming)]


def _live(server: Server) -> list[BaseRoute]:
    declared = Door("GET", "/stream", "run.read", "@list", "server-sent events, filtered by member")

    async def stream(request: Request) -> Response:
        actor = await in_thread(lambda: server.actor(request))
        server.dispatcher.check_token(actor, declared.may, "the stream of changes")

        async def messages() -> AsyncIterator[bytes]:
            changes = await in_thread(lambda: server.pulse.subscribe(actor))
            try:
                yield heartbeat() + BEGIN
                quiet_since = seen_at = time.monotonic()
                while not server.pulse.stopping.is_set() and not await request.is_disconnected():
                    try:
                        for change in changes.get_nowait():
                            yield change.encode()
                        quiet_since = time.monotonic()
                    except queue.Empty:
                        await asyncio.sleep(0.1)
                    if time.monotonic() - seen_at > _STILL_S:
                        seen_at = time.monotonic()
                        # Who lost the way in meanwhile hears nothing more.
                        await in_thread(lambda: server.actor(request))
                    if time.monotonic() - quiet_since > _HEARTBEAT_S:
                        quiet_since = time.monotonic()
                        yield heartbeat()
            except UnauthenticatedError:
                return
            finally:
                server.pulse.leave(changes)

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(messages(), media_type="text/event-stream", headers=headers)

    return [door(declared, stream)]


def _site(server: Server) -> list[BaseRoute]:
    async def unknown(request: Request) -> Response:
        raise NotFoundError(f"there is no route {request.url.path}", hint="see /api/v1/openapi.json")

    async def page(request: Request) -> Response:
        if request.url.path.startswith(("/api/", "/healthz", "/readyz", "/metrics")):
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
