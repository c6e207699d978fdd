"""The routes that are written by hand: streams, bytes, sign-in, health, the web app."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from runward._version import __version__
from runward.core.codec import JSON, decode
from runward.core.ids import Digest
from runward.core.operation import Door
from runward.core.remote import DIRECT
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.governance.signin import SESSION_LASTS, end_session, sign_in_by_link
from runward.server.app import COOKIE, Server, door, in_thread, read_body
from runward.server.pulse import heartbeat
from runward.store.blobs import check_digest
from runward.tracking import files

STATIC = Path(__file__).parent / "static"
_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_HEARTBEAT_S = 15.0


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
    return [*_sign_in(server), *_bytes(server), *_live(server), *_site(server)]


def _sign_in(server: Server) -> list[BaseRoute]:
    database = server.dispatcher.database

    def same_site(request: Request) -> None:
        if "x-runward" not in request.headers:
            raise ForbiddenError("sign-in needs the header X-Runward")

    async def sign_in(request: Request) -> Response:
        same_site(request)
        body = decode(await read_body(request), SignInBody, JSON)
        address = request.client.host if request.client else ""
        secret = await in_thread(lambda: server.sign_in(body.name, body.password, address, time.monotonic()))
        return _with_session(request, secret)

    async def by_link(request: Request) -> Response:
        same_site(request)
        body = decode(await read_body(request), LinkBody, JSON)
        return _with_session(request, await in_thread(lambda: sign_in_by_link(database, body.secret)))

    async def by_invitation(request: Request) -> Response:
        same_site(request)
        body = decode(await read_body(request), InvitationBody, JSON)
        secret = await in_thread(lambda: sign_in_by_link(database, body.secret, body.password))
        return _with_session(request, secret)

    async def sign_out(request: Request) -> Response:
        if secret := request.cookies.get(COOKIE):
            await in_thread(lambda: end_session(database, secret))
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


def _bytes(server: Server) -> list[BaseRoute]:
    dispatcher = server.dispatcher

    async def upload(request: Request) -> Response:
        project = request.path_params["project"]

        def allowed() -> Digest:
            with dispatcher.enter(files.UPLOAD, server.actor(request), project, write=False):
                return check_digest(request.path_params["digest"])

        digest = await in_thread(allowed)
        with dispatcher.blobs.writer() as writer:
            async for chunk in request.stream():
                writer.write(chunk)
            _, size = await in_thread(lambda: writer.commit(digest))

        def note() -> None:
            with dispatcher.enter(files.UPLOAD, server.actor(request), project, write=True) as call:
                files.record_upload(call, project, digest, size)

        await in_thread(note)
        return JSONResponse({"digest": digest, "size": size})

    async def begin(request: Request) -> Response:
        project = request.path_params["project"]

        def told() -> dict[str, str]:
            with dispatcher.enter(files.BEGIN, server.actor(request), project, write=False) as call:
                upload, url = dispatcher.blobs.begin_upload(call.project(project).id)
            return {"upload": upload, "url": url}

        return JSONResponse(await in_thread(told))

    async def finish(request: Request) -> Response:
        project, digest = request.path_params["project"], check_digest(request.path_params["digest"])

        def kept() -> int:
            with dispatcher.enter(files.FINISH, server.actor(request), project, write=False) as call:
                project_id = call.project(project).id
            size = dispatcher.blobs.finish_upload(project_id, request.path_params["upload"], digest)
            with dispatcher.enter(files.FINISH, server.actor(request), project, write=True) as call:
                files.record_upload(call, project, digest, size)
            return size

        return JSONResponse({"digest": digest, "size": await in_thread(kept)})

    async def present(request: Request) -> Response:
        project, digest = request.path_params["project"], request.path_params["digest"]

        def look() -> bool:
            with dispatcher.enter(files.PRESENT, server.actor(request), project, write=True) as call:
                return files.is_present(call, project, digest)

        if not await in_thread(look):
            raise NotFoundError(f"no bytes with digest {digest[:12]} in this project")
        return Response(status_code=204)

    def stored_in(request: Request, declared: Door, kind: str) -> files.Stored:
        run_id = request.path_params["run_id"]
        find = {"path": files.find_artifact, "kind": files.find_capture, "digest": files.find_blob}[kind]
        with dispatcher.enter(declared, server.actor(request), run_id, write=False) as call:
            return find(call, run_id, request.path_params[kind])

    async def artifact(request: Request) -> Response:
        found = await in_thread(lambda: stored_in(request, files.ARTIFACT, "path"))
        answer: Response = await in_thread(lambda: _download(server, request, found, request.path_params["path"]))
        return answer

    async def capture(request: Request) -> Response:
        found = await in_thread(lambda: stored_in(request, files.CAPTURE, "kind"))
        return Response(await in_thread(lambda: dispatcher.blobs.read(found.digest)), media_type=JSON)

    async def blob(request: Request) -> Response:
        found = await in_thread(lambda: stored_in(request, files.BLOB, "digest"))
        answer: Response = await in_thread(lambda: _download(server, request, found, found.digest))
        return answer

    return [
        door(files.UPLOAD, upload),
        door(files.PRESENT, present),
        door(files.BEGIN, begin),
        door(files.FINISH, finish),
        door(files.ARTIFACT, artifact),
        door(files.CAPTURE, capture),
        door(files.BLOB, blob),
    ]


def _download(server: Server, request: Request, found: files.Stored, name: str) -> Response:
    """Bytes of a user: an attachment that cannot run as us; pictures and text may be shown on request."""
    media_type, inline = "application/octet-stream", "inline" in request.query_params
    if (
        DIRECT in request.headers
        and found.size >= files.DIRECT_FROM
        and (url := server.dispatcher.blobs.link(found.digest))
    ):
        return Response(status_code=307, headers={"Location": url, "Cache-Control": "no-store"})
    disposition = f"attachment; filename*=utf-8''{quote(name.rpartition('/')[2])}"
    if inline and found.media_type in _INLINE:
        media_type, disposition = found.media_type, "inline"
    elif inline and (found.media_type.startswith("text/") or found.media_type == JSON):
        media_type, disposition = "text/plain; charset=utf-8", "inline"
    headers = {
        "Content-Disposition": disposition,
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=3600",
    }
    return stored_bytes(server, found.digest, found.size, media_type, headers)


def stored_bytes(server: Server, digest: Digest, size: int, media_type: str, headers: dict[str, str]) -> Response:
    """Stored bytes as a response."""
    if path := server.dispatcher.blobs.local_path(digest):
        return FileResponse(path, media_type=media_type, headers=headers)
    headers = {**headers, "Content-Length": str(size)}
    return StreamingResponse(server.dispatcher.blobs.chunks(digest), media_type=media_type, headers=headers)


def _live(server: Server) -> list[BaseRoute]:
    async def stream(request: Request) -> Response:
        actor = await in_thread(lambda: server.actor(request))

        async def messages() -> AsyncIterator[bytes]:
            with server.pulse.subscribe(actor) as changes:
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
        return _static(request.path_params["path"])

    return [
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


def _static(path: str) -> Response:
    """A file of the web app; any other path is one of its pages, so it gets the app itself."""
    if not (STATIC / "index.html").exists():
        raise InvalidError("the web app was not built into this installation", hint="reinstall, or `make web`")
    target = _inside(path)
    if target is not None:
        return FileResponse(
            target, headers={"Cache-Control": "public, max-age=31536000, immutable"} if "assets/" in path else {}
        )
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})
