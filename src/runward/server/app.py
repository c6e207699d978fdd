"""The HTTP application: every operation as a route, the hand-written doors, the web app."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from runward.core.codec import JSON, MSGPACK, PROBLEM, decode, encode
from runward.core.etag import ANYTHING, CONDITION, HEADER, parse, tag, values_of
from runward.core.operation import ANY, Door, Operation, Precondition
from runward.core.remote import API
from runward.core.zstd import decompress
from runward.errors import ForbiddenError, InvalidError, NoPreconditionError, RunwardError, UnauthenticatedError
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.governance.signin import actor_by_session, actor_by_token
from runward.server.access import Access
from runward.server.asked import described, note_member
from runward.server.metrics import Metrics
from runward.server.pulse import Pulse
from runward.server.writer import Writer

COOKIE = "runward_session"
_MAX_BODY_BYTES = 64 << 20
_SHORT_BYTES = 64 << 10

Handler = Callable[[Request], Awaitable[Response]]


class Server:
    """What the routes share: the workspace, sign-in, live changes."""

    def __init__(self, dispatcher: Dispatcher, access: Access) -> None:
        self.dispatcher = dispatcher
        self.access = access
        self.url = access.url
        """Where people reach this server."""
        self.pulse = Pulse(dispatcher.database)
        self.metrics = Metrics(dispatcher)
        self.writer = Writer(dispatcher, self.metrics.committed)
        self.metrics.watch(self.writer, self.pulse)
        dispatcher.listeners.append(lambda events: self.pulse.wake())

    def actor(self, request: Request) -> Actor:
        """Who sent the request. Raises: UnauthenticatedError, ForbiddenError (a forged cross-site write)."""
        actor = msgspec.structs.replace(self._signed_in(request), address=address_of(request))
        note_member(request.scope, actor)
        return actor

    def _signed_in(self, request: Request) -> Actor:
        if token := _token_of(request):
            return actor_by_token(self.dispatcher.database, token)
        session = request.cookies.get(cookie_name(self, request, COOKIE))
        if session:
            if request.method not in ("GET", "HEAD"):
                self.check_same_site(request)
            return actor_by_session(self.dispatcher.database, session)
        raise UnauthenticatedError(
            "nobody is signed in",
            hint=f"`runward login {self.url or 'URL'}`, or set RUNWARD_TOKEN, or sign in on the web",
        )

    def check_same_site(self, request: Request) -> None:
        """See that a page of this server sends the request. Raises: ForbiddenError."""
        # A page of another site cannot set this header without our consent, so it cannot write for the reader.
        if "x-runward" not in request.headers:
            raise ForbiddenError("a write with a session needs the header X-Runward")
        origin = request.headers.get("origin")
        told = request.headers.get("sec-fetch-site", "same-origin")
        ours = {request.headers.get("host", ""), urlsplit(self.url).netloc}
        if told not in ("same-origin", "none") or (origin is not None and urlsplit(origin).netloc not in ours - {""}):
            raise ForbiddenError("a page of another site may not write here", hint="open the server's own page")

    def is_secure(self, request: Request) -> bool:
        """Whether cookies may only travel encrypted: the request came over TLS, or everybody's does."""
        return self.access.is_secure or request.url.scheme == "https"

    def routes(self) -> list[BaseRoute]:
        """One route for each operation; the path's shape decides, so literal paths come first."""
        ops = sorted(self.dispatcher.operations.values(), key=lambda op: (op.path.count("{"), op.path))
        return [self._route(op) for op in ops]

    def _route(self, op: Operation) -> Route:
        async def endpoint(request: Request) -> Response:
            is_short = _is_short(request)
            if op.grouped and is_short and (token := _token_of(request)):
                return await self._write(op, request, token)
            # Who is not known may not make this server take in much, nor unpack and parse anything.
            actor = None if is_short else await in_thread(lambda: self.actor(request))
            data = b"" if op.body is None else await received(request)
            response: Response = await in_thread(lambda: self._answer(op, request, actor, data))
            return response

        endpoint.operation = op  # type: ignore[attr-defined]
        return Route(API + op.path, endpoint, methods=[op.method], name=op.id)

    async def _write(self, op: Operation, request: Request, token: str) -> Response:
        data = await received(request)

        def asked(known: dict[str, Actor]) -> tuple[Actor, dict[str, Any]]:
            if token not in known:
                known[token] = actor_by_token(self.dispatcher.database, token)
            actor = msgspec.structs.replace(known[token], address=address_of(request))
            note_member(request.scope, actor)
            return actor, _arguments(op, request, data)

        return answer(request, await self.writer.call(op, asked))

    def _answer(self, op: Operation, request: Request, actor: Actor | None, data: bytes) -> Response:
        actor = actor or self.actor(request)
        match = precondition(op, request)
        found = self.dispatcher.call(op, actor, _arguments(op, request, data), match)
        response = answer(request, found)
        if op.state:
            response.headers[HEADER] = f'"{tag(values_of(op.state, found))}"'
        return response


def precondition(op: Operation, request: Request) -> Precondition:
    """The state that a change was made from. Raises: NoPreconditionError (it does not say), InvalidError."""
    if not op.revises:
        return ANY
    if CONDITION not in request.headers:
        raise NoPreconditionError(
            f"{op.method} {request.url.path} needs the header {CONDITION}: somebody else may have changed it meanwhile",
            hint=f"send the ETag of what you read (see {op.revises} in {API}/openapi.json), or {ANYTHING} to overwrite it",
        )
    return parse(request.headers[CONDITION])


def _token_of(request: Request) -> str:
    """The token that a program sends; empty where there is none."""
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    return credential.strip() if kind.lower() == "bearer" else ""


async def in_thread(work: Callable[[], Any]) -> Any:
    """Run blocking work (the database) off the event loop."""
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=False)


def cookie_name(server: Server, request: Request, name: str) -> str:
    """A cookie's name: under TLS with the prefix that keeps other hosts and paths from setting it."""
    return f"__Host-{name}" if server.is_secure(request) else name


def address_of(request: Request) -> str:
    """The network address that a request came from; empty where it came over none."""
    return request.client.host if request.client else ""


def door(declared: Door, endpoint: Handler) -> Route:
    """A hand-written route with its declaration on it."""

    @functools.wraps(endpoint)
    async def guarded(request: Request) -> Response:
        return await endpoint(request)

    guarded.operation = declared  # type: ignore[attr-defined]
    prefix = "" if declared.path.startswith("//") else API
    return Route(prefix + declared.path.replace("//", "/", 1), guarded, methods=[declared.method])


def answer(request: Request, value: Any) -> Response:
    """A value in the form that the client asked for."""
    media_type = MSGPACK if MSGPACK in request.headers.get("accept", "") else JSON
    if value is None:
        return Response(status_code=204)
    return Response(encode(value, media_type), media_type=media_type)


async def read_body(request: Request) -> bytes:
    """The body, unpacked. Raises: InvalidError (too large, not valid zstd)."""
    return _unpacked(request, await received(request))


def _is_short(request: Request) -> bool:
    """Whether the body is known to be so short that reading it costs nothing worth a permission."""
    length = request.headers.get("content-length", "0")
    return "transfer-encoding" not in request.headers and length.isdecimal() and int(length) <= _SHORT_BYTES


async def received(request: Request, limit: int = 0) -> bytes:
    """The body as it came. Raises: InvalidError (too large)."""
    data, limit = bytearray(), limit or _MAX_BODY_BYTES
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit:
            shown = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
            raise InvalidError(f"the body is larger than {shown}")
    return bytes(data)


def _unpacked(request: Request, data: bytes) -> bytes:
    return decompress(data, _MAX_BODY_BYTES) if request.headers.get("content-encoding") == "zstd" else data


def _arguments(op: Operation, request: Request, data: bytes) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for param in op.params:
        if param.place == "path":
            arguments[param.name] = _converted(param, request.path_params[param.name])
        elif param.place == "query":
            arguments[param.name] = _query_value(param, request)
    if op.body is not None:
        media_type = MSGPACK if MSGPACK in request.headers.get("content-type", "") else JSON
        body = decode(_unpacked(request, data), op.body, media_type)
        for param in (p for p in op.params if p.place == "body"):
            arguments[param.name] = body if op.has_whole_body else getattr(body, param.name)
    return arguments


def _query_value(param: Any, request: Request) -> Any:
    given = request.query_params.getlist(param.name)
    if not given:
        if param.required:
            raise InvalidError(f"the query needs {param.name!r}")
        return param.default
    # A list, or a list that may be left out.
    is_list = any(get_origin(kind) is list for kind in (param.type, *get_args(param.type)))
    return _converted(param, given if is_list else given[-1])


def _converted(param: Any, given: str | list[str]) -> Any:
    try:
        return msgspec.convert(given, param.type, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidError(f"{param.place} parameter {param.name!r}: {error}") from error


def error_response(error: RunwardError) -> Response:
    """An error as problem+json."""
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if wait_s := error.details.get("retry_after_s"):
        headers["Retry-After"] = str(wait_s)
    return JSONResponse(described(error), status_code=error.status, media_type=PROBLEM, headers=headers)
