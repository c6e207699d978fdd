"""The routes for who watches over the server: whether it lives, whether it can serve, what it measures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from runward._version import __version__
from runward.core.operation import ON_WORKSPACE, Door
from runward.errors import MigrationNeededError, StoreError
from runward.insights.health import look_at_blobs
from runward.server.app import Server, door, in_thread
from runward.server.metrics import MEDIA_TYPE
from runward.store.migrations import LATEST, schema_version

log = logging.getLogger("runward.server")
_FRESH_S = 1.0
METRICS = Door("GET", "//metrics", "server.read", ON_WORKSPACE, "what Prometheus asks for")


class _Shared:
    """A look that all who ask within a second share: it is open to everybody, and asks database and storage."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look, self._begun = look, 0.0
        self._looking: asyncio.Task[None] | None = None

    async def result(self) -> None:
        """Raises: what the look raises."""
        if self._looking is None or (self._looking.done() and time.monotonic() - self._begun > _FRESH_S):
            self._begun = time.monotonic()
            self._looking = asyncio.create_task(in_thread(self._look))
        await asyncio.shield(self._looking)


def watched(server: Server) -> list[BaseRoute]:
    """The routes. What is open tells nothing but the version and which part is away."""
    dispatcher = server.dispatcher

    async def alive(request: Request) -> Response:
        # Asks nobody: a server whose database is away for a moment is not to be started again.
        return JSONResponse({"status": "ok", "version": __version__})

    def look() -> None:
        if server.pulse.stopping.is_set():
            raise StoreError("the server is stopping", hint="another one answers")
        try:
            with dispatcher.database.transaction(write=False) as tx:
                found = schema_version(tx)
        except StoreError as error:
            log.warning("not ready: %s", error.message)
            # Who asks may be anybody: where the database lies is nothing for them.
            raise StoreError("the database does not answer", hint="the server's log says why") from error
        if found != LATEST:
            raise MigrationNeededError(f"the database has format {found}, this Runward needs {LATEST}")
        if not look_at_blobs(dispatcher.blobs).is_reachable:
            raise StoreError("the store of files cannot be used", hint="the page Admin, Health says why")

    ready_now = _Shared(look)

    async def ready(request: Request) -> Response:
        await ready_now.result()
        return JSONResponse({"status": "ready", "version": __version__})

    async def metrics(request: Request) -> Response:
        def scraped() -> bytes:
            with dispatcher.enter(METRICS, server.actor(request), "", write=False):
                pass
            return server.metrics.scrape()

        return Response(await in_thread(scraped), media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})

    return [
        door(Door("GET", "//healthz", "open", "@self", "whether the process lives"), alive),
        door(Door("GET", "//readyz", "open", "@self", "a load balancer's question: database, files, format"), ready),
        door(METRICS, metrics),
    ]
