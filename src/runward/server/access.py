"""How a server is reached: its address, TLS, the proxy in front, the provider that people sign in with."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from runward.core.outbound import check_url, networks
from runward.errors import InvalidError
from runward.governance.oidc import OidcSettings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HERE = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True)
class Access:
    """What is declared about a server's surroundings. Nothing of it is taken from what a request says."""

    url: str = ""
    """Where people reach it; empty for the address that it listens at."""
    hosts: frozenset[str] | None = LOOPBACK
    """Values of the Host header that are answered (against DNS rebinding); None for any."""
    proxies: tuple[str, ...] = ()
    """Networks of the TLS proxies whose X-Forwarded-For and -Proto are believed."""
    certificate: Path | None = None
    key: Path | None = None
    oidc: OidcSettings | None = None

    @property
    def has_tls(self) -> bool:
        """Whether the server itself speaks TLS."""
        return self.certificate is not None

    @property
    def is_secure(self) -> bool:
        """Whether everybody from outside comes over TLS, as far as this is declared."""
        return self.has_tls or self.url.startswith("https://")


ANYWHERE = Access(hosts=None)
"""Nothing is declared: for an application inside of another program."""


def declare(
    host: str,
    *,
    url: str = "",
    behind_proxy: bool = False,
    proxies: Sequence[str] = (),
    certificate: Path | None = None,
    key: Path | None = None,
    oidc: OidcSettings | None = None,
) -> Access:
    """The surroundings of a server that listens at a host.

    Raises: InvalidError: the address is public and neither TLS nor a proxy is declared; a certificate that is none; a URL
        that does not fit.
    """
    if url:
        url = check_url(url, "--url").geturl().rstrip("/")
    if (certificate is None) != (key is None):
        raise InvalidError("TLS needs a certificate and its key", hint="give both --tls-cert and --tls-key")
    if certificate is not None and key is not None:
        check_certificate(certificate, key)
    trusted = networks(proxies) or (networks(_HERE) if behind_proxy else ())
    if host not in LOOPBACK and certificate is None and not trusted:
        raise InvalidError(
            f"--host {host} is reachable by others, and passwords would travel unencrypted",
            hint="give --tls-cert and --tls-key, or put a TLS proxy in front and say --behind-proxy (on this machine) or "
            "--proxy ADDRESS, or stay on 127.0.0.1",
        )
    if oidc is not None and not url and (host not in LOOPBACK or trusted):
        raise InvalidError(
            "sign-in by OIDC needs the address at which people reach this server",
            hint="--url https://…: the provider sends people back there and nowhere else",
        )
    return Access(url, _hosts(host, url, bool(trusted)), tuple(map(str, trusted)), certificate, key, oidc)


def _hosts(host: str, url: str, is_proxied: bool) -> frozenset[str] | None:
    if url:
        return LOOPBACK | {str(urlsplit(url).hostname)} | ({host} if not _is_any(host) else frozenset())
    return LOOPBACK if host in LOOPBACK and not is_proxied else None


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def check_certificate(certificate: Path, key: Path) -> None:
    """See that a certificate and its key can be served with. Raises: InvalidError."""
    for path, option in ((certificate, "--tls-cert"), (key, "--tls-key")):
        if not path.is_file():
            raise InvalidError(f"{option} {path}: there is no such file")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        raise InvalidError(
            f"--tls-cert {certificate} and --tls-key {key} do not belong together, or are not PEM: {error}",
            hint="the certificate first, then those of its issuers, in one file",
        ) from error
