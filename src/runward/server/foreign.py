"""MLflow's protocol mounted on the server: who asks, with what, and the answer in MLflow's form."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from runward.core.operation import Door, Method
from runward.errors import RunwardError, UnauthenticatedError
from runward.governance.model import Actor
from runward.governance.signin import actor_by_token
from runward.interop.mlflow import otlp, router, traces
from runward.interop.mlflow.args import Args, parse_body
from runward.interop.mlflow.caller import Caller, Journals
from runward.interop.mlflow.downloads import Attachment
from runward.interop.mlflow.errors import MlflowError, missing_value, translated
from runward.interop.mlflow.runs import number
from runward.server import foreign_files as files
from runward.server.app import Server, door, in_thread, read_body
from runward.server.asked import note_member
from runward.server.foreign_files import WHY, Handler

_METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PREFIXES = ("api/2.0", "ajax-api/2.0", "api/3.0", "ajax-api/3.0")


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
    actor = actor_by_token(server.dispatcher.database, password)
    note_member(request.scope, actor)
    return actor


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
            return await in_thread(lambda: files.attachment(server, result))  # type: ignore[no-any-return]
        return Response(_encoded(result), media_type="application/json")

    async def version(request: Request) -> Response:
        return PlainTextResponse(router.VERSION)

    async def health(request: Request) -> Response:
        return PlainTextResponse("OK")

    def caller(request: Request) -> Caller:
        return Caller(server.dispatcher, actor_of(server, request), Args(dict(request.query_params)), journals)

    async def spans(request: Request) -> Response:
        asking = await in_thread(lambda: caller(request))
        headers, data = request.headers, await read_body(request)
        found = otlp.read_spans(data, headers.get("content-type", ""), headers.get("content-encoding", ""))
        experiment, run = headers.get("x-mlflow-experiment-id", ""), headers.get("x-mlflow-run-id", "")
        if not experiment:
            raise missing_value("x-mlflow-experiment-id")
        await in_thread(lambda: traces.export(asking, experiment, run, found))
        return Response(b"", media_type=headers.get("content-type", "application/x-protobuf").partition(";")[0])

    opened = [("version", version), ("health", health)]
    return [
        door(Door("POST", "//v1/traces", "run.write", "@list", WHY), guarded(spans)),
        *(door(Door("GET", f"//{path}", "open", "@self", "says what is spoken here"), one) for path, one in opened),
        *(files.page_routes(server, caller, guarded)),
        *(
            door(Door(method, f"//{prefix}/mlflow/{{path:path}}", "session.use", "@list", WHY), guarded(call))
            for prefix in _PREFIXES
            for method in _METHODS
        ),
        *(route for prefix in _PREFIXES[:2] for route in files.routes(server, prefix, caller, guarded)),
    ]


def _encoded(value: Any) -> str:
    """JSON; a number that JSON has no way to write is a text, as protobuf writes it."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_writable(value))


def _writable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _writable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_writable(item) for item in value]
    return number(value) if isinstance(value, float) else value


async def _values(request: Request) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in request.query_params:
        given = request.query_params.getlist(name)
        values[name] = given[0] if len(given) == 1 else given
    body = await read_body(request)
    return {**values, **parse_body(body)}
