"""MLflow's files on the server: uploads, downloads, and what pages fetch by run, model version or model."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from runward.core.ids import Digest
from runward.core.operation import Door, Method
from runward.interop.mlflow import artifacts, downloads
from runward.interop.mlflow.caller import Caller
from runward.interop.mlflow.downloads import Attachment
from runward.interop.mlflow.errors import MlflowError, invalid
from runward.server.app import Server, door, in_thread
from runward.server.transport import stored_bytes

Handler = Callable[[Request], Awaitable[Response]]
"""An endpoint."""
WHY = "MLflow's protocol; each of its calls declares its own permission"
"""Why these routes are written by hand."""
_TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_ONE_PUT = "Multipart upload is not supported for the current artifact repository; send the file with one PUT."
"""Clients know the first words and send the file so."""
_NO_LINK = "Presigned download is not supported for the current artifact repository."


def routes(
    server: Server, prefix: str, caller: Callable[[Request], Caller], guarded: Callable[[Handler], Handler]
) -> list[BaseRoute]:
    """The routes of proxied artifacts below a prefix."""

    async def listing(request: Request) -> Response:
        return JSONResponse(await in_thread(lambda: artifacts.listing(caller(request))))

    async def download(request: Request) -> Response:
        found = await in_thread(lambda: artifacts.file_at(caller(request), request.path_params["path"]))
        return await _answer(server, lambda: downloads.attached(found))

    async def upload(request: Request) -> Response:
        asking = await in_thread(lambda: caller(request))
        place = await in_thread(lambda: artifacts.may_upload(asking, request.path_params["path"]))
        blobs = await in_thread(lambda: artifacts.blobs_at(asking, place))
        with blobs.writer() as writer:
            async for chunk in request.stream():
                writer.write(chunk)
            digest, size = await in_thread(writer.commit)
        await in_thread(lambda: artifacts.store(asking, place, digest, size))
        return JSONResponse({})

    async def delete(request: Request) -> Response:
        return JSONResponse(await in_thread(lambda: artifacts.delete(caller(request), request.path_params["path"])))

    async def presigned(request: Request) -> Response:
        found = await in_thread(lambda: artifacts.file_at(caller(request), request.path_params["path"]))
        link = await in_thread(lambda: server.dispatcher.blobs.link(found.digest))
        if not link:
            raise MlflowError("NOT_IMPLEMENTED", _NO_LINK)
        return JSONResponse({"url": link, "headers": {}, "file_size": found.size})

    async def multipart(request: Request) -> Response:
        await in_thread(lambda: caller(request))
        raise MlflowError("NOT_IMPLEMENTED", _ONE_PUT)

    root, path = f"//{prefix}/mlflow-artifacts", "{path:path}"
    table: list[tuple[Method, str, str, Handler]] = [
        ("GET", f"{root}/artifacts", "run.read", listing),
        ("GET", f"{root}/artifacts/{path}", "run.read", download),
        ("PUT", f"{root}/artifacts/{path}", "run.write", upload),
        ("DELETE", f"{root}/artifacts/{path}", "run.delete", delete),
        ("GET", f"{root}/presigned/{path}", "run.read", presigned),
        ("POST", f"{root}/mpu/{path}", "run.write", multipart),
    ]
    return [door(Door(method, where, may, "@list", WHY), guarded(one)) for method, where, may, one in table]


def page_routes(
    server: Server, caller: Callable[[Request], Caller], guarded: Callable[[Handler], Handler]
) -> list[BaseRoute]:
    """The routes by which MLflow's pages and scripts fetch a file, or upload a small one."""

    def attached(find: Callable[[Caller], Attachment]) -> Handler:
        async def inner(request: Request) -> Response:
            return await _answer(server, lambda: find(caller(request)))

        return guarded(inner)

    async def page_upload(request: Request) -> Response:
        asking = await in_thread(lambda: caller(request))
        place = await in_thread(lambda: downloads.upload_place(asking))
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > downloads.MAX_UPLOAD_BYTES:
                raise invalid(f"Artifact size is too large. Max size is {downloads.MAX_UPLOAD_BYTES >> 20}MB.")
        if not data:
            raise invalid("Request must specify data.")
        await in_thread(lambda: artifacts.store(asking, place, *_stored(asking, place, bytes(data))))
        return JSONResponse({})

    fetched = [("get-artifact", downloads.of_run), ("model-versions/get-artifact", downloads.of_version)]
    place = "//ajax-api/2.0/mlflow/upload-artifact"
    return [
        *(door(Door("GET", f"//{path}", "run.read", "@list", WHY), attached(find)) for path, find in fetched),
        door(Door("POST", place, "run.write", "@list", WHY), guarded(page_upload)),
    ]


def _stored(asking: Caller, place: artifacts.Place, data: bytes) -> tuple[Digest, int]:
    with artifacts.blobs_at(asking, place).writer() as writer:
        writer.write(data)
        return writer.commit()


async def _answer(server: Server, find: Callable[[], Attachment]) -> Response:
    answer: Response = await in_thread(lambda: attachment(server, find()))
    return answer


def attachment(server: Server, found: Attachment) -> Response:
    """A file to save, of a kind that no browser runs."""
    headers = {
        "Content-Disposition": f"attachment; {_file_name(found.name)}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    media_type = artifacts.media_type_of(found.name)
    if found.file is None:
        return Response(found.content, media_type="application/json", headers=headers)
    answer = stored_bytes(server, found.file.digest, found.file.size, media_type, headers)
    # Starlette adds a charset to text; MLflow's clients compare the bare kind.
    answer.headers["content-type"] = media_type
    return answer


def _file_name(name: str) -> str:
    return f"filename={name}" if _TOKEN.fullmatch(name) else f"filename*=utf-8''{quote(name)}"
