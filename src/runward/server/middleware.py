"""The border of the HTTP application: host check, safe headers, and the last place where an error is caught."""

from __future__ import annotations

import functools
import logging
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runward.core.codec import PROBLEM
from runward.errors import InvalidError, RunwardError
from runward.server.app import Handler, error_response
from runward.server.asked import described

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
_PRIVATE = ("Cache-Control", "no-store")
"""What is answered to one person is kept by nobody; what may be kept says so itself."""
_ANSWERS = ("/api/", "/ajax-api/", "/get-artifact", "/model-versions/")
_SEE = "see /api/v1/openapi.json"
HSTS = ("Strict-Transport-Security", "max-age=31536000")
_RAW = [(name.lower().encode(), value.encode()) for name, value in {**HEADERS, "Vary": "Accept-Encoding"}.items()]


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
                if scope["path"].startswith(_ANSWERS):
                    headers.setdefault(*_PRIVATE)
                if scope["scheme"] == "https":
                    headers.setdefault(*HSTS)
            await send(message)

        if not host_allowed(scope, self.allowed_hosts):
            refusal = InvalidError("this server does not answer to that Host name", hint="use the address it printed")
            await _problem(refusal, 421)(scope, receive, send_with_headers)
            return
        try:
            await self.app(scope, receive, send_with_headers)
        except ClientDisconnect:
            # Nobody is there to be answered, and nothing is wrong here.
            return
        except Exception:
            # The border to HTTP: a defect becomes one 500 with its trace in our log and nothing of it in the answer.
            defect = _noted_defect(scope)
            if started:
                raise
            await defect(scope, receive, send_with_headers)


def host_allowed(scope: Scope, allowed: frozenset[str] | None) -> bool:
    """Whether a request names a host that is answered."""
    if allowed is None:
        return True
    header = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return _hostname(header) in allowed


@functools.lru_cache(maxsize=64)
def _hostname(header: bytes) -> str:
    try:
        return urlsplit(f"//{header.decode('latin-1')}").hostname or ""
    except ValueError:
        return ""


def _noted_defect(scope: Scope) -> Response:
    # The template and not the path, which may hold a secret.
    log.exception("defect while answering %s", getattr(scope.get("route"), "path", "-"))
    return _problem(RunwardError("the server made a mistake"), 500)


def wrong_method(request: Request, error: Exception) -> Response:
    """What a route answers that knows the path but not the method."""
    response = _problem(InvalidError(f"{request.url.path} takes no {request.method}", hint=_SEE), 405)
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _problem(error: RunwardError, status: int) -> Response:
    return JSONResponse({**described(error), "status": status}, status_code=status, media_type=PROBLEM)


async def direct(request: Request, endpoint: Handler) -> None:
    """Answer a request of a program as the border would, past the layers that browsers and streams need.

    They take as long as a small write itself.
    """
    try:
        response = await endpoint(request)
    except RunwardError as error:
        response = error_response(error)
    except ClientDisconnect:
        return
    except Exception:  # noqa: BLE001
        # The same border as above.
        response = _noted_defect(request.scope)
    response.raw_headers.extend(_RAW)
    response.headers.setdefault(*_PRIVATE)
    if request.scope["scheme"] == "https":
        response.headers.setdefault(*HSTS)
    await response(request.scope, request.receive, request._send)
