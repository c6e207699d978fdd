"""What is noted of every request: its id, what became of it, and how long it took."""

from __future__ import annotations

import logging
import re
import time
from contextvars import ContextVar
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runward.core.codec import problem
from runward.core.ids import new_id
from runward.core.remote import REQUEST_ID
from runward.errors import RunwardError
from runward.governance.model import Actor
from runward.server.metrics import Metrics

log = logging.getLogger("runward.access")
_HEADER = REQUEST_ID.lower().encode()
_WELL_FORMED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_KEY = "runward.asked"
NO_ANSWER = 499
"""The status of a request whose sender went away before it was answered."""


class Asked:
    """One request while it is answered."""

    __slots__ = ("begun", "id", "is_stream", "member", "method", "route", "status")

    def __init__(self, scope: Scope) -> None:
        told = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        # Whatever else a caller sends would be theirs to write into our log.
        self.id = told.decode() if _WELL_FORMED.fullmatch(told) else new_id()
        self.method = scope["method"] if scope["method"] in _METHODS else "other"
        self.begun = time.perf_counter()
        self.member = ""
        """The id of who asked, once it is known."""
        self.route = ""
        """The template of the path; empty where no route takes it."""
        self.status = NO_ANSWER
        self.is_stream = False
        """Whether the answer is a stream of events, which lasts as long as somebody looks."""


_current: ContextVar[Asked | None] = ContextVar("runward_asked", default=None)


def current() -> Asked | None:
    """The request that is being answered here, also in a thread that works for it."""
    return _current.get()


def note_member(scope: Scope, actor: Actor) -> None:
    """Say who sent a request."""
    if (asked := scope.get(_KEY)) is not None:
        asked.member = actor.member_id


def described(error: RunwardError) -> dict[str, Any]:
    """An error as problem+json, with the id under which the log has the request."""
    asked = _current.get()
    return problem(error) if asked is None else {**problem(error), "request_id": asked.id}


async def observe(app: ASGIApp, metrics: Metrics, scope: Scope, receive: Receive, send: Send) -> None:
    """Have a request answered, give the answer the request's id, and note both."""
    asked = scope[_KEY] = Asked(scope)
    header = (_HEADER, asked.id.encode())

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            asked.status = message["status"]
            headers = message["headers"] = [*message["headers"], header]
            asked.is_stream = any(
                name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers
            )
        await send(message)

    before = _current.set(asked)
    try:
        await app(scope, receive, noted)
    finally:
        _current.reset(before)
        _end(asked, metrics, scope.get("route"))


def _end(asked: Asked, metrics: Metrics, route: object) -> None:
    took_s = time.perf_counter() - asked.begun
    asked.route = route.path if isinstance(route, Route) else ""
    metrics.answered(asked.method, asked.route, asked.status, None if asked.is_stream else took_s)
    if log.isEnabledFor(logging.INFO):
        # The template and not the path: a path may hold a secret, and a query what somebody looks for.
        told = {"asked": asked, "duration_ms": round(took_s * 1000, 3)}
        log.info("%s %s %s", asked.method, asked.route or "-", asked.status, extra=told)
