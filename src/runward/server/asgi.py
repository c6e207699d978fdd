"""Puts the application together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from runward.core.codec import JSON, encode
from runward.core.openapi import openapi
from runward.core.operation import Door
from runward.core.outbound import networks
from runward.errors import RunwardError
from runward.governance.checkpoints import Checkpointer
from runward.governance.dispatch import Dispatcher
from runward.server import foreign
from runward.server.app import Server, door, error_response
from runward.server.deliveries import Deliveries
from runward.server.doors import doors
from runward.server.middleware import Border
from runward.server.routing import QuickRouter
from runward.server.upkeep import Upkeep


def create_app(
    dispatcher: Dispatcher,
    *,
    allowed_hosts: frozenset[str] | None = None,
    tables_after_s: float | None = None,
    hook_networks: Sequence[str] = (),
) -> Starlette:
    """The application over a workspace.

    Args:
        dispatcher: The workspace's rooms.
        allowed_hosts: Values of the Host header that are answered (against DNS rebinding); None for any.
        tables_after_s: See :class:`runward.server.upkeep.Upkeep`.
        hook_networks: Networks that web hooks and forges may be in although they are not public, as ``10.0.0.0/8``.
    """
    server = Server(dispatcher, allowed_hosts=allowed_hosts)
    document, allowed = openapi(dispatcher.operations.values()), networks(hook_networks)

    async def serve_openapi(request: Request) -> Response:
        return Response(encode(document, JSON), media_type=JSON)

    @contextlib.asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        checkpoints = Checkpointer(dispatcher.database, dispatcher.folder, dispatcher.audit_key)
        upkeep = Upkeep(dispatcher.database, dispatcher.blobs, checkpoints, tables_after_s)
        deliveries = Deliveries(dispatcher.database, allowed)
        async with server.pulse.lifespan(app), upkeep.lifespan(), deliveries.lifespan():
            yield

    contract = door(Door("GET", "/openapi.json", "open", "@self", "the contract"), serve_openapi)
    app = Starlette(
        routes=[contract, *server.routes(), *foreign.routes(server), *doors(server)],
        # Event streams are passed through as they are: Starlette leaves them out.
        middleware=[Middleware(Border, allowed_hosts=allowed_hosts), Middleware(GZipMiddleware, compresslevel=5)],
        exception_handlers={RunwardError: lambda request, error: error_response(error)},
    )
    app.router = QuickRouter(app.routes, lifespan=lifespan)
    app.state.server = server
    return app
