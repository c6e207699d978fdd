"""Operations over HTTP with the standard library: what a client of a server holds."""

from __future__ import annotations

import http.client
import os
import select
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from runward.core.codec import JSON, MSGPACK, decode, encode, error_from
from runward.core.etag import CONDITION, written
from runward.core.operation import ANY, Operation, Precondition
from runward.core.zstd import compress
from runward.errors import InvalidError, NotFoundError, StoreError

API = "/api/v1"
DIRECT = "X-Runward-Direct"
"""The header of a client that follows to an object storage."""
REQUEST_ID = "X-Request-Id"
"""The header with the id under which a server has a request in its log."""
_LONGEST_ID = 128
_COMPRESS_FROM = 2048
_CHUNK = 1 << 20
_CONNECT_S = 5.0
_IDLE_S = 4.0
"""A connection that was idle for longer is made anew: servers close theirs after five seconds, others on the way without a word."""
_REPEATABLE = ("GET", "HEAD")

_WITH_SLASHES = ("project", "library")
"""Parameters of a path whose slashes travel as colons."""


def _is_over(sock: socket.socket | None) -> bool:
    """Whether the other end of an idle connection has closed it: no answer is due, so anything to read is its end."""
    if sock is None:
        return True
    if hasattr(select, "poll"):
        asked = select.poll()
        asked.register(sock, select.POLLIN)
        return bool(asked.poll(0))
    return bool(select.select([sock], [], [], 0)[0])


class _Whole(http.client.HTTPConnection):
    """Sends a small request as one piece: the library sends its head alone, and the server wakes up for each."""

    _held: list[bytes] | None = None

    def ask(self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: dict[str, str]) -> None:
        """Send a request; one whose body comes in pieces as they come."""
        if body is not None and not isinstance(body, bytes):
            self.request(method, path, body, headers, encode_chunked=True)
            return
        self._held = []
        try:
            self.request(method, path, body, headers)
        finally:
            held, self._held = self._held, None
        # To copy a large body takes longer than to send it for itself.
        for piece in [b"".join(held)] if len(body or b"") < _CHUNK else held:
            self.send(piece)

    def send(self, data: Any) -> None:
        """See the library's."""
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)


class _WholeHttps(_Whole, http.client.HTTPSConnection):
    """The same over TLS."""


class _Kept(NamedTuple):
    """A connection that may be used again."""

    connection: _Whole
    answer: http.client.HTTPResponse
    """The last one that came by it."""
    since: float
    pid: int


def _parts_of(url: str) -> urllib.parse.SplitResult:
    """Raises: InvalidError: nothing could be asked of such an address."""
    why = ""
    try:
        parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
        host = (parts.hostname or "").encode("idna").decode()
        written = f"{host}:{parts.port}{parts.path}"
    except ValueError as error:  # a port that is none, half of an IPv6 address, a name that is none
        why, parts, host, written = f": {error}", urllib.parse.urlsplit(""), "", ""
    clean = written.isascii() and written.isprintable() and " " not in written
    if parts.scheme not in ("http", "https") or not host or not clean:
        raise InvalidError(f"server URL {url!r} is not understood{why}", hint="write it like http://host:4747")
    return parts


def _checked_token(token: str) -> str:
    """Without the blanks and line ends of the file that it came from. Raises: InvalidError, which does not tell it."""
    bare = token.strip()
    if not (bare.isascii() and bare.isprintable()):
        at = next(i for i, character in enumerate(bare) if not (character.isascii() and character.isprintable()))
        raise InvalidError(
            f"the token has a character at position {at} that no token has", hint="copy it anew, it begins with rwd_"
        )
    return bare


class HttpClient:
    """Keeps one connection a thread. Thread-safe."""

    def __init__(self, url: str, token: str = "", timeout_s: float = 30.0) -> None:
        parts = _parts_of(url)
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.token, self.timeout_s = _checked_token(token), timeout_s
        self._parts, self._base = parts, parts.path.rstrip("/")
        self._local = threading.local()
        self._context: ssl.SSLContext | None = None

    def _connection(self) -> _Whole:
        """This thread's connection, which is not kept until its answer is there; a closed one connects when it is used."""
        kept: _Kept | None = getattr(self._local, "kept", None)
        self._local.kept = None
        # One of a parent process is not ours, and one whose answer is still read stays with who reads it.
        if kept is None or kept.pid != os.getpid() or not kept.answer.isclosed():
            return self._new_connection()
        if kept.since + _IDLE_S < time.monotonic() or _is_over(kept.connection.sock):
            kept.connection.close()
        return kept.connection

    def _new_connection(self) -> _Whole:
        host, port = str(self._parts.hostname), self._parts.port
        if self._parts.scheme == "https":
            # Made when it is needed, and once: it reads all certificates that this machine trusts.
            self._context = self._context or ssl.create_default_context()
            return _WholeHttps(host, port, timeout=self.timeout_s, context=self._context)
        return _Whole(host, port, timeout=self.timeout_s)

    def send(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        """Send a request and return the open response.

        What changes something is sent once: where the answer gets lost, it may have been done.

        Raises: StoreError (the server is away), or the error that the server answered with.
        """
        headers = {"Accept": MSGPACK, **headers}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        for attempt in (1, 2):
            connection = self._connection()
            fresh = connection.sock is None
            try:
                if fresh:
                    # A server that is away must be noticed soon; one that works on an answer may take its time.
                    connection.timeout = _CONNECT_S
                    connection.connect()
                    connection.sock.settimeout(self.timeout_s)
                connection.ask(method, self._base + path, body, headers)
                response = connection.getresponse()
                break
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # The server may have closed a kept connection at this very moment: one new try.
                if attempt == 1 and not fresh and method in _REPEATABLE and not isinstance(error, TimeoutError):
                    continue
                raise self._away(error) from error
        self._local.kept = _Kept(connection, response, time.monotonic(), os.getpid())
        if response.status >= 400:
            refused = error_from(self._read(response), response.status)
            refused.request_id = response.headers.get(REQUEST_ID, "")[:_LONGEST_ID]
            raise refused
        return response

    def _away(self, error: Exception) -> StoreError:
        return StoreError(f"the server {self.url} does not answer: {error}", hint="check RUNWARD_URL and that it runs")

    def _read(self, response: http.client.HTTPResponse, size: int | None = None) -> bytes:
        """The rest of an answer, or a piece of it. Raises: StoreError (the server went away in the middle of it)."""
        try:
            data = response.read(size)
            if size and not data and response.length:
                # Asked for a piece, the standard library takes a broken connection for the end.
                raise http.client.IncompleteRead(data, response.length)
            return data
        except (OSError, http.client.HTTPException) as error:
            response.close()
            self._local.kept = None
            raise self._away(error) from error

    def invoke(self, op: Operation, arguments: dict[str, Any], match: Precondition = ANY) -> Any:
        """Run an operation on the server; see :class:`runward.core.operation.Invoke`."""
        path = API + op.path
        query: list[tuple[str, str]] = []
        body_values = {}
        for param in op.params:
            value = arguments[param.name]
            if param.place == "path":
                text = str(value).replace("/", ":") if param.name in _WITH_SLASHES else str(value)
                path = path.replace(f"{{{param.name}}}", urllib.parse.quote(text, safe=":"))
            elif param.place == "query":
                query += _query(param.name, value)
            else:
                body_values[param.name] = value
        if query:
            path += "?" + urllib.parse.urlencode(query)
        body, headers = self._body(op, body_values)
        if op.revises:
            headers[CONDITION] = written(match)
        data = self._read(self.send(op.method, path, body, headers))
        return decode(data, op.returns, MSGPACK) if data else None

    def _body(self, op: Operation, values: dict[str, Any]) -> tuple[bytes | None, dict[str, str]]:
        if op.body is None:
            return None, {}
        data = encode(next(iter(values.values())) if op.has_whole_body else values, MSGPACK)
        headers = {"Content-Type": MSGPACK}
        if len(data) >= _COMPRESS_FROM:
            data, headers["Content-Encoding"] = compress(data), "zstd"
        return data, headers

    def upload(self, path: str, chunks: Iterable[bytes]) -> dict[str, Any]:
        """Send a stream of bytes by PUT; returns the JSON answer."""
        response = self.send("PUT", API + path, chunks, {"Accept": JSON, "Transfer-Encoding": "chunked"})
        found: dict[str, Any] = decode(self._read(response), dict[str, Any], JSON)
        return found

    def exists(self, path: str) -> bool:
        """Whether a HEAD request finds something."""
        try:
            self._read(self.send("HEAD", API + path, None, {}))
        except NotFoundError:
            return False
        return True

    def post_json(self, path: str, body: bytes = b"", media_type: str = JSON) -> dict[str, Any]:
        """The JSON answer to a POST."""
        found: dict[str, Any] = decode(
            self._read(self.send("POST", API + path, body, {"Accept": JSON, "Content-Type": media_type})),
            dict[str, Any],
            JSON,
        )
        return found

    def download(self, path: str) -> Iterator[bytes]:
        """The bytes at a path, in pieces; from the object storage that the server points to, if it can be reached."""
        response = self.send("GET", API + path, None, {"Accept": "*/*", DIRECT: "yes"})
        if response.status == http.HTTPStatus.TEMPORARY_REDIRECT:
            self._read(response)
            response = self._beside(response.headers["Location"]) or self.send(
                "GET", API + path, None, {"Accept": "*/*"}
            )
        while chunk := self._read(response, _CHUNK):
            yield chunk

    def stream(self, path: str, body: bytes) -> Iterator[bytes]:
        """The bytes that answer a POST, in pieces."""
        response = self.send("POST", API + path, body, {"Accept": "*/*", "Content-Type": MSGPACK})
        while chunk := self._read(response, _CHUNK):
            yield chunk

    def _beside(self, url: str) -> http.client.HTTPResponse | None:
        """The answer of an object storage; None where it is out of reach. The address itself permits: no token goes along."""
        if not url.startswith(("http://", "https://")):
            return None
        try:
            answer: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=self.timeout_s)
        except OSError:
            return None
        return answer

    def put_beside(self, url: str, path: Path) -> None:
        """Put a file where :meth:`post_json` was told to. Raises: as :func:`put_at`."""
        put_at(url, path)


def put_at(url: str, path: Path) -> None:
    """Put a file at a signed address of an object storage. Raises: OSError (it is not reachable, or refuses)."""
    with open(path, "rb") as file:
        headers = {"Content-Length": str(path.stat().st_size), "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(url, file, headers, method="PUT")
        with urllib.request.urlopen(request, timeout=600) as response:
            response.read()


def _query(name: str, value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    if isinstance(value, list | tuple):
        return [(name, str(item)) for item in value]
    return [(name, str(value))]
