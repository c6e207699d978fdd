"""MLflow's protocol mounted on the server: who asks, with what, and the answer in MLflow's form."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from runward.core.ids import Digest
from runward.core.operation import Door, Method
from runward.errors import RunwardError, UnauthenticatedError
from runward.governance.model import Actor
from runward.governance.signin import actor_by_token
from runward.interop.mlflow import artifacts, downloads, otlp, router, traces
from runward.interop.mlflow.args import Args, parse_body
from runward.interop.mlflow.caller import Caller, Journals
from runward.interop.mlflow.downloads import Attachment
from runward.interop.mlflow.errors import MlflowError, invalid, missing_value, translated
from runward.server.app import Server, door, in_thread, read_body
from runward.server.transport import stored_bytes

Handler = Callable[[Request], Awaitable[Response]]
_METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PREFIXES = ("api/2.0", "ajax-api/2.0", "api/3.0", "ajax-api/3.0")
_TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_ONE_PUT = "Multipart upload is not supported for the current artifact repository; send the file with one PUT."
"""Clients know the first words and send the file so."""
_WHY = "MLflow's protocol; each of its calls declares its own permission"


def actor_of(server: Server, request: Request) -> Actor:
    """The member behind a bearer token, basic authentication with a token as password, or a session.

    Raises: UnauthenticatedError, ForbiddenError.
    """
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return server.actor(request)
    try:
        _, _, password = base64.b64decode(credential.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise UnauthenticatedError("the credentials are not understood", hint="give a token as password") from None
    return actor_by_token(server.dispatcher.database, password)


def refused(error: MlflowError) -> Response:
    """An error in MLflow's form."""
    headers = {"WWW-Authenticate": 'Basic realm="runward"'} if error.status == 401 else {}
    return JSONResponse(error.body, status_code=error.status, headers=headers)


def guarded(endpoint: Handler) -> Handler:
    """The endpoint with its errors in MLflow's form."""

    async def inner(request: Request) -> Response:
        try:
            return await endpoint(request)
        except MlflowError as error:
            return refused(error)
        except RunwardError as error:
            return refused(translated(error))

    return inner


def routes(server: Server) -> list[BaseRoute]:
    """All routes of MLflow's protocol."""
    journals = Journals()

    async def call(request: Request) -> Response:
        actor = await in_thread(lambda: actor_of(server, request))
        values = await _values(request)
        path, method = request.path_params["path"], request.method
        result = await in_thread(lambda: router.answer(server.dispatcher, journals, actor, method, path, values))
        if isinstance(result, Attachment):
            return await attachment(lambda: result)
        return Response(json.dumps(result, allow_nan=False), media_type="application/json")

    async def attachment(find: Callable[[], Attachment]) -> Response:
        answer: Response = await in_thread(lambda: _attachment(server, find()))
        return answer

    async def version(request: Request) -> Response:
        return PlainTextResponse(router.VERSION)

    async def health(request: Request) -> Response:
        return PlainTextResponse("OK")

    def caller(request: Request) -> Caller:
        return Caller(server.dispatcher, actor_of(server, request), Args(dict(request.query_params)), journals)

    async def listing(request: Request) -> Response:
        return JSONResponse(await in_thread(lambda: artifacts.listing(caller(request))))

    async def download(request: Request) -> Response:
        found = await in_thread(lambda: artifacts.file_at(caller(request), request.path_params["path"]))
        return await attachment(lambda: downloads.attached(found))

    def attached(find: Callable[[Caller], Attachment]) -> Handler:
        async def inner(request: Request) -> Response:
            return await attachment(lambda: find(caller(request)))

        return inner

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
        await in_thread(lambda: artifacts.store(asking, place, *_stored(server, bytes(data))))
        return JSONResponse({})

    async def upload(request: Request) -> Response:
        asking = await in_thread(lambda: caller(request))
        place = await in_thread(lambda: artifacts.may_upload(asking, request.path_params["path"]))
        with server.dispatcher.blobs.writer() as writer:
            async for chunk in request.stream():
                writer.write(chunk)
            digest, size = await in_thread(writer.commit)
        await in_thread(lambda: artifacts.store(asking, place, digest, size))
        return JSONResponse({})

    async def delete(request: Request) -> Response:
        return JSONResponse(await in_thread(lambda: artifacts.delete(caller(request), request.path_params["path"])))

    async def multipart(request: Request) -> Response:
        await in_thread(lambda: caller(request))
        raise MlflowError("NOT_IMPLEMENTED", _ONE_PUT)

    async def spans(request: Request) -> Response:
        asking = await in_thread(lambda: caller(request))
        headers, data = request.headers, await read_body(request)
        found = otlp.read_spans(data, headers.get("content-type", ""), headers.get("content-encoding", ""))
        experiment, run = headers.get("x-mlflow-experiment-id", ""), headers.get("x-mlflow-run-id", "")
        if not experiment:
            raise missing_value("x-mlflow-experiment-id")
        await in_thread(lambda: traces.export(asking, experiment, run, found))
        return Response(b"", media_type=headers.get("content-type", "application/x-protobuf").partition(";")[0])

    moved: list[tuple[Method, Handler]] = [("GET", download), ("PUT", upload), ("DELETE", delete)]
    fetched = [("get-artifact", downloads.of_run), ("model-versions/get-artifact", downloads.of_version)]
    opened = [("version", version), ("health", health)]
    return [
        door(Door("POST", "//v1/traces", "run.write", "@list", _WHY), guarded(spans)),
        *(door(Door("GET", f"//{path}", "open", "@self", "says what is spoken here"), one) for path, one in opened),
        *(door(Door("GET", f"//{path}", "run.read", "@list", _WHY), guarded(attached(find))) for path, find in fetched),
        door(Door("POST", "//ajax-api/2.0/mlflow/upload-artifact", "run.write", "@list", _WHY), guarded(page_upload)),
        *(
            door(Door(method, f"//{prefix}/mlflow/{{path:path}}", "session.use", "@list", _WHY), guarded(call))
            for prefix in _PREFIXES
            for method in _METHODS
        ),
        *(
            route
            for prefix in _PREFIXES[:2]
            for route in (
                door(
                    Door("GET", f"//{prefix}/mlflow-artifacts/artifacts", "run.read", "@list", _WHY), guarded(listing)
                ),
                *(
                    door(
                        Door(method, f"//{prefix}/mlflow-artifacts/artifacts/{{path:path}}", may, "@list", _WHY),
                        guarded(one),
                    )
                    for (method, one), may in zip(moved, ("run.read", "run.write", "run.delete"), strict=True)
                ),
                door(
                    Door("POST", f"//{prefix}/mlflow-artifacts/mpu/{{path:path}}", "run.write", "@list", _WHY),
                    guarded(multipart),
                ),
            )
        ),
    ]


def _stored(server: Server, data: bytes) -> tuple[Digest, int]:
    with server.dispatcher.blobs.writer() as writer:
        writer.write(data)
        return writer.commit()


def _attachment(server: Server, found: Attachment) -> Response:
    """A file to save, of a kind that no browser runs."""
    headers = {
        "Content-Disposition": f"attachment; {_file_name(found.name)}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    media_type = artifacts.media_type_of(found.name)
    if found.file is None:
        return Response(found.content, media_type="application/json", headers=headers)
    answer = stored_bytes(server, found.file.digest, found.file.size, media_type, headers)
    answer.headers["content-type"] = media_type
    return answer


def _file_name(name: str) -> str:
    return f"filename={name}" if _TOKEN.fullmatch(name) else f"filename*=utf-8''{quote(name)}"


async def _values(request: Request) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in request.query_params:
        given = request.query_params.getlist(name)
        values[name] = given[0] if len(given) == 1 else given
    body = await read_body(request)
    return {**values, **parse_body(body)}
