"""How answers are put on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_COPIED_BELOW = 1 << 16
_INTERIM = b"HTTP/1.1 1"


class _Whole:
    """A transport that holds the first that is written of an answer until there is more of it, or no more."""

    def __init__(self, transport: asyncio.Transport, protocol: HttpToolsProtocol) -> None:
        self._transport, self._protocol = transport, protocol
        self._begun: object = None
        self._head = b""

    def write(self, data: bytes) -> None:
        """See :meth:`asyncio.WriteTransport.write`."""
        answer = self._protocol.cycle
        if self._head:
            head, self._head = self._head, b""
            if len(data) < _COPIED_BELOW:
                data = head + data
            else:
                self._transport.write(head)
        elif answer is not self._begun:
            self._begun = answer
            # "100 Continue" is waited for.
            if not data.startswith(_INTERIM):
                self._head = data
                return
        self._transport.write(data)

    def flush(self) -> None:
        """Send what is held: an answer to HEAD is no more than that."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """See :meth:`asyncio.BaseTransport.close`: what was written before is sent."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class WholeAnswers(HttpToolsProtocol):
    """uvicorn's own, which would write head and body of a small answer each for itself, and wake the client twice."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See uvicorn's."""
        self._whole = _Whole(transport, self)
        super().connection_made(self._whole)  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        """See uvicorn's."""
        self._whole.flush()
        super().on_response_complete()
