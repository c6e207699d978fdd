"""Puts the application together."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Sequence
from typing import cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runward.core.codec import JSON, encode
from runward.core.openapi import openapi
from runward.core.operation import Door, Operation
from runward.core.outbound import networks
from runward.errors import RunwardError
from runward.governance.dispatch import Dispatcher
from runward.privacy.upkeep import tasks
from runward.server import foreign
from runward.server.access import ANYWHERE, Access
from runward.server.app import Server, door, error_response, in_thread
from runward.server.asked import observe
from runward.server.deliveries import Deliveries
from runward.server.doors import doors
from runward.server.middleware import Border, direct, host_allowed, wrong_method
from runward.server.routing import QuickRouter
from runward.server.upkeep import Upkeep


class _Application(Starlette):
    """Answers programs that call operations by the short way, everybody else by all layers."""

    hosts: frozenset[str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the server's life."""
        if scope["type"] == "http":
            await observe(self._answer, self.state.server.metrics, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _is_plain(scope) and host_allowed(scope, self.hosts):
            found = cast(QuickRouter, self.router).first(scope)
            if found is not None and isinstance(getattr(found.endpoint, "operation", None), Operation):
                await direct(Request(scope, receive, send), found.endpoint)
                return
        await super().__call__(scope, receive, send)


def _is_plain(scope: Scope) -> bool:
    """Whether an answer that is not packed is asked for: by programs, not by browsers."""
    return all(name != b"accept-encoding" or b"gzip" not in value for name, value in scope["headers"])


def create_app(
    dispatcher: Dispatcher,
    *,
    access: Access = ANYWHERE,
    tables_after_s: float | None = None,
    hook_networks: Sequence[str] = (),
) -> Starlette:
    """The application over a workspace.

    Args:
        dispatcher: The workspace's rooms.
        access: How the server is reached.
        tables_after_s: See :class:`runward.server.upkeep.Upkeep`.
        hook_networks: Networks that web hooks and forges may be in although they are not public, as ``10.0.0.0/8``.
    """
    server = Server(dispatcher, access)
    allowed = networks(hook_networks)

    @functools.cache
    def document() -> bytes:
        # When it is first asked for: it takes a sixth of a server's start, and few ask.
        return encode(openapi(dispatcher.operations.values()), JSON)

    async def serve_openapi(request: Request) -> Response:
        return Response(await in_thread(document), media_type=JSON)

    @contextlib.asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        upkeep = Upkeep(
            dispatcher.database,
            dispatcher.blobs,
            dispatcher.checkpoints,
            dispatcher.keyring,
            tables_after_s,
            [*tasks(dispatcher), ("metrics", 1, server.metrics.sample)],
            dispatcher.beats,
        )
        deliveries = Deliveries(dispatcher.database, allowed, dispatcher.beats)
        async with server.pulse.lifespan(app), server.writer.lifespan(), upkeep.lifespan(), deliveries.lifespan():
            yield

    contract = door(Door("GET", "/openapi.json", "open", "@self", "the contract"), serve_openapi)
    app = _Application(
        routes=[contract, *server.routes(), *foreign.routes(server), *doors(server)],
        # Event streams are passed through as they are: Starlette leaves them out.
        middleware=[Middleware(Border, allowed_hosts=access.hosts), Middleware(GZipMiddleware, compresslevel=5)],
        exception_handlers={RunwardError: lambda request, error: error_response(error), 405: wrong_method},
    )
    app.router = QuickRouter(app.routes, lifespan=lifespan)
    app.hosts = access.hosts
    app.state.server = server
    return app
