"""Requests to addresses that users name: only public ones, checked after the name was resolved and then held to.

A name that is checked and then resolved again may lead elsewhere the second time (DNS rebinding), so the connection is
made to the very address that was checked. Nothing is followed, and neither a slow nor an endless answer holds us.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from runward.errors import InvalidError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LIMIT_S = 15.0
MAX_ANSWER_BYTES = 64 << 10
_UNICAST = ipaddress.IPv6Network("2000::/3")
_SET_ASIDE: tuple[Network, ...] = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "100.64.0.0/10", "2001::/23", "3fff::/20"))
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TRIES = 3


class Outgoing(NamedTuple):
    """A request to send."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


class Answer(NamedTuple):
    """What came back."""

    status: int
    """The HTTP status; 0 where none came."""
    problem: str
    """Why there is none, in words; empty otherwise."""

    @property
    def good(self) -> bool:
        """Whether the other side took it."""
        return 200 <= self.status < 300


class _Refused(Exception):
    """The address is none that may be reached."""


def check_url(url: str, what: str) -> SplitResult:
    """The parts of a URL that a request may be sent to. Raises: InvalidError (naming what is wrong with it)."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidError(f"{what} {url!r:.200}: {error}", hint="write it like https://host/path") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise InvalidError(f"{what} {url!r:.200} is no web address", hint="write it like https://host/path")
    if parts.username or parts.password or parts.fragment:
        raise InvalidError(
            f"{what} has a user, a password or a fragment", hint="leave them out: requests are signed by a secret"
        )
    if any(not 0x20 < ord(character) < 0x7F for character in url):
        raise InvalidError(f"{what} {url!r:.200} has characters that no URL has", hint="encode them as %XX")
    return parts


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from texts such as ``10.0.0.0/8``. Raises: InvalidError."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise InvalidError(f"network {text!r}: {error}", hint="write it like 10.1.0.0/16 or fd00::/8") from None
    return tuple(found)


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet: not private, loopback, link-local, metadata or multicast."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _UNICAST:
            return False
    # Not every Python's list of what is private has all of what was set aside since.
    aside = any(address.version == network.version and address in network for network in _SET_ASIDE)
    return address.is_global and not (aside or address.is_multicast or address.is_reserved)


def send(request: Outgoing, allowed: Sequence[Network] = (), limit_s: float = LIMIT_S) -> Answer:
    """Send a request and say what came back; never raises for what the other side or the network does.

    Args:
        request: To a URL that :func:`check_url` lets pass.
        allowed: Networks that may be reached although they are not public; only there is plain HTTP enough.
        limit_s: Seconds after which the whole exchange ends.
    """
    try:
        parts = check_url(request.url, "the address")
        addresses = _checked(parts, allowed)
    except (_Refused, InvalidError) as refusal:
        return Answer(0, f"refused: {refusal}")
    except OSError as error:
        return Answer(0, f"the name {urlsplit(request.url).hostname} was not found: {error}")
    problem = "no address"
    for address in addresses[:_TRIES]:
        connection = _Pinned(parts, address, limit_s)
        watch = threading.Timer(limit_s, connection.give_up)
        watch.daemon = True
        watch.start()
        try:
            return Answer(connection.exchange(parts, request), "")
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem = f"{type(error).__name__}: {error}" if not connection.late else f"no answer within {limit_s:g} s"
            if connection.sent or connection.late:
                break
        finally:
            watch.cancel()
            connection.close()
    return Answer(0, problem[:300])


def _checked(parts: SplitResult, allowed: Sequence[Network]) -> list[Address]:
    """The addresses of a name, all of which may be reached: one that may not spoils the name. Raises: _Refused, OSError."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found))
    for address in addresses:
        inside = any(address.version == network.version and address in network for network in allowed)
        if not inside and not is_public(address):
            raise _Refused(f"{parts.hostname} is at {address}, which is no public address (see --hook-network)")
        if not inside and parts.scheme != "https":
            raise _Refused(f"{parts.hostname} is asked by plain http: use https")
    return addresses


class _Pinned(http.client.HTTPConnection):
    """A connection to a checked address, in the name of its host."""

    def __init__(self, parts: SplitResult, address: Address, limit_s: float) -> None:
        secure = parts.scheme == "https"
        super().__init__(str(parts.hostname), parts.port or (443 if secure else 80), timeout=limit_s)
        self.default_port = 443 if secure else 80
        self._address, self._secure = address, secure
        self.late = self.sent = False

    def connect(self) -> None:
        """Connect to the address, and let TLS prove the host's name."""
        self.sock = socket.create_connection((str(self._address), self.port), self.timeout)
        if self._secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock.do_handshake()

    def give_up(self) -> None:
        """End the exchange, wherever it is; called by another thread."""
        self.late = True
        if self.sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def exchange(self, parts: SplitResult, request: Outgoing) -> int:
        """The status of the answer. Raises: OSError, HTTPException."""
        self.connect()
        self.sent = True
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        self.request(
            request.method, path, request.body, {"User-Agent": "runward", "Connection": "close", **request.headers}
        )
        response = self.getresponse()
        response.read(MAX_ANSWER_BYTES)
        return response.status
