"""Plain requests, so that nothing of our own client stands between a test and the server."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()
    """Each Set-Cookie header."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends one request a connection; a change overwrites whatever is there, unless ``headers`` say otherwise."""

    def __init__(self, url: str, token: str = "", cookie: str = "") -> None:
        self.url, self.token, self.cookie = url, token, cookie

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, *, bare: bool = False
    ) -> Answer:
        """``bare`` leaves out the X-Runward header that goes with a session."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        given = {"Accept": "application/json", **({} if bare else {"X-Runward": "1"})}
        if method not in ("GET", "HEAD"):
            given["If-Match"] = "*"
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        if self.cookie:
            given["Cookie"] = self.cookie
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, data, {**given, **(headers or {})})
            response = connection.getresponse()
            told = response.getheaders()
            cookies = tuple(value for name, value in told if name.lower() == "set-cookie")
            return Answer(response.status, {k.lower(): v for k, v in told}, response.read(), cookies)
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.send("POST", path, body, headers)
