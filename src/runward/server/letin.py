"""The routes by which a command line is let in: it asks, somebody who is signed in decides, it fetches its token."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from runward.core.codec import JSON, decode
from runward.core.operation import Door
from runward.governance import logins
from runward.server.app import Server, address_of, answer, door, in_thread
from runward.server.enter import small_body


class AskBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a command line calls itself."""

    label: str


class DeviceBody(msgspec.Struct, forbid_unknown_fields=True):
    """The secret of a command line that waits."""

    device: str


class DecisionBody(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the command line that shows a code comes in."""

    code: str
    allow: bool = True


class CodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """The code that a command line shows."""

    code: str


def letin(server: Server) -> list[BaseRoute]:
    """The routes of `runward login`."""
    dispatcher = server.dispatcher

    async def ask(request: Request) -> Response:
        body = decode(await small_body(server, request), AskBody, JSON)
        address = address_of(request)
        return answer(request, await in_thread(lambda: logins.ask(dispatcher, body.label, address)))

    async def fetch(request: Request) -> Response:
        body = decode(await small_body(server, request), DeviceBody, JSON)
        address = address_of(request)
        response = answer(request, await in_thread(lambda: logins.fetch(dispatcher, body.device, address)))
        response.headers["Cache-Control"] = "no-store"
        return response

    async def look(request: Request) -> Response:
        body = decode(await small_body(server, request), CodeBody, JSON)
        return answer(request, await in_thread(lambda: logins.look(dispatcher, server.actor(request), body.code)))

    async def decide(request: Request) -> Response:
        body = decode(await small_body(server, request), DecisionBody, JSON)
        await in_thread(lambda: logins.decide(dispatcher, server.actor(request), body.code, allow=body.allow))
        return Response(status_code=204)

    why = "a command line that waits to be let in"
    own = "the caller lets a command line in as themselves"
    return [
        door(Door("POST", "/session/logins", "open", "@self", why), ask),
        door(Door("POST", "/session/logins/token", "open", "@self", why), fetch),
        door(Door("POST", "/session/logins/look", "session.use", "@self", own), look),
        door(Door("POST", "/session/logins/decision", "session.use", "@self", own), decide),
    ]
