"""The border of the HTTP application: host check, safe headers, and the last place where an error is caught."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runward.core.codec import PROBLEM, problem
from runward.errors import InvalidError, RunwardError

log = logging.getLogger("runward.server")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Border:
    """Wraps the application (pure ASGI: responses stream through untouched)."""

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str] | None) -> None:
        self.app, self.allowed_hosts = app, allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if not self._host_allowed(scope):
            refusal = InvalidError("this server does not answer to that Host name", hint="use the address it printed")
            await _respond(refusal, 421, scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:
            # The border to HTTP: a defect becomes one 500 with its trace in our log and nothing of it in the answer.
            log.exception("defect while answering %s %s", scope["method"], scope["path"])
            if started:
                raise
            await _respond(RunwardError("the server made a mistake"), 500, scope, receive, send_with_headers)

    def _host_allowed(self, scope: Scope) -> bool:
        if self.allowed_hosts is None:
            return True
        header = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        try:
            return (urlsplit(f"//{header}").hostname or "") in self.allowed_hosts
        except ValueError:
            return False


async def _respond(error: RunwardError, status: int, scope: Scope, receive: Receive, send: Send) -> None:
    body = {**problem(error), "status": status}
    await JSONResponse(body, status_code=status, media_type=PROBLEM)(scope, receive, send)
