"""The routes on which bytes travel: uploads to a project, artifacts and captured documents of a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from runward.core.call import Intent
from runward.core.codec import JSON, MSGPACK, decode
from runward.core.ids import Digest
from runward.core.operation import Door
from runward.core.remote import DIRECT
from runward.data.files import DATA_BLOB, DATA_BLOBS, find_content, find_contents, stream_contents
from runward.errors import NotFoundError
from runward.server.app import Server, door, in_thread, read_body
from runward.store.blobs import Blobs, check_digest
from runward.tracking import files

_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"}
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))")
_LOCKED = "default-src 'none'; sandbox"
# A page that a run made: it may draw itself, but has no origin, no network, and nothing of ours.
_PAGE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; frame-ancestors 'self'"
)


def uploads(server: Server) -> list[BaseRoute]:
    """The routes on which bytes come in."""
    dispatcher = server.dispatcher

    async def upload(request: Request) -> Response:
        project = request.path_params["project"]

        def allowed() -> tuple[Digest, Blobs]:
            with dispatcher.enter(files.UPLOAD, server.actor(request), project, write=False) as call:
                return check_digest(request.path_params["digest"]), files.blobs_for(call, project)

        digest, blobs = await in_thread(allowed)
        with blobs.writer() as writer:
            async for chunk in request.stream():
                writer.write(chunk)
            _, size = await in_thread(lambda: writer.commit(digest))

        def note() -> None:
            with dispatcher.enter(files.UPLOAD, server.actor(request), project, write=True) as call:
                files.record_upload(call, project, digest, size)

        await in_thread(note)
        return JSONResponse({"digest": digest, "size": size})

    async def pack(request: Request) -> Response:
        project = request.path_params["project"]

        def allowed() -> Blobs:
            # Who may not write makes this server read and unpack nothing.
            with dispatcher.enter(files.PACK, server.actor(request), project, write=False) as call:
                return files.blobs_for(call, project)

        blobs = await in_thread(allowed)
        contents = decode(await read_body(request), dict[str, bytes], MSGPACK)

        def kept() -> int:
            digests = [check_digest(text) for text in contents]
            sizes = blobs.put_many((digest, [contents[digest]]) for digest in digests)
            with dispatcher.enter(files.PACK, server.actor(request), project, write=True) as call:
                files.record_uploads(call, project, list(zip(digests, sizes, strict=True)))
            return sum(sizes)

        return JSONResponse({"blobs": len(contents), "size": await in_thread(kept)})

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

    return [
        door(files.UPLOAD, upload),
        door(files.PRESENT, present),
        door(files.PACK, pack),
        door(files.BEGIN, begin),
        door(files.FINISH, finish),
    ]


def downloads(server: Server) -> list[BaseRoute]:
    """The routes on which bytes go out."""
    dispatcher = server.dispatcher

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

    def intent_of(request: Request) -> Intent:
        return Intent(request.query_params.get("purpose", ""), request.query_params.get("run", ""))

    async def of_dataset(request: Request) -> Response:
        def find() -> files.Stored:
            dataset = request.path_params["dataset"]
            with dispatcher.enter(DATA_BLOB, server.actor(request), dataset, write=False) as call:
                return find_content(call, dataset, request.path_params["digest"], intent_of(request))

        found = await in_thread(find)
        answer: Response = await in_thread(lambda: _download(server, request, found, found.digest))
        return answer

    async def many_of_dataset(request: Request) -> Response:
        dataset = request.path_params["dataset"]

        def allowed() -> None:
            with dispatcher.enter(DATA_BLOBS, server.actor(request), dataset, write=False):
                # Who may not read makes this server unpack nothing.
                pass

        await in_thread(allowed)
        digests = decode(await read_body(request), list[str], MSGPACK)

        def find() -> Iterator[bytes]:
            with dispatcher.enter(DATA_BLOBS, server.actor(request), dataset, write=False) as call:
                return stream_contents(dispatcher.blobs, find_contents(call, dataset, digests, intent_of(request)))

        return StreamingResponse(await in_thread(find), media_type="application/octet-stream")

    return [
        door(DATA_BLOB, of_dataset),
        door(DATA_BLOBS, many_of_dataset),
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
    disposition, policy = f"attachment; filename*=utf-8''{quote(name.rpartition('/')[2])}", _LOCKED
    if inline and (found.media_type in _INLINE or found.media_type.startswith(("audio/", "video/"))):
        media_type, disposition = found.media_type, "inline"
    elif "page" in request.query_params and found.media_type == "text/html":
        media_type, disposition, policy = "text/html; charset=utf-8", "inline", _PAGE
    elif inline and (found.media_type.startswith("text/") or found.media_type == JSON):
        media_type, disposition = "text/plain; charset=utf-8", "inline"
    headers = {
        "Content-Disposition": disposition,
        "Content-Security-Policy": policy,
        "Cache-Control": "private, max-age=3600",
    }
    wanted = "" if "if-range" in request.headers else request.headers.get("range", "")
    return stored_bytes(server, found.digest, found.size, media_type, headers, wanted)


def stored_bytes(
    server: Server, digest: Digest, size: int, media_type: str, headers: dict[str, str], wanted: str = ""
) -> Response:
    """Stored bytes as a response; of what is no file of its own, the one part that the header ``Range`` names."""
    if path := server.dispatcher.blobs.local_path(digest):
        return FileResponse(path, media_type=media_type, headers=headers)
    headers = {**headers, "Accept-Ranges": "bytes", "Content-Length": str(size)}
    start, stop, status = 0, size, 200
    if match := _RANGE.fullmatch(wanted):
        first, last, tail = match.groups()
        start = int(first) if first else max(size - int(tail), 0)
        stop = min(int(last) + 1, size) if last else size
        if start >= stop:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers |= {"Content-Length": str(stop - start), "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    chunks = server.dispatcher.blobs.chunks(digest, start, stop)
    return StreamingResponse(chunks, status_code=status, media_type=media_type, headers=headers)
