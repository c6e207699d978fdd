"""The proxies of the documentation: a real nginx and a real Caddy in front, with the very lines that docs/sign-in.md shows."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from runward.governance.signin import new_link
from runward.server.access import declare
from runward.server.run import RunningServer, listen
from runward.testing.plugin import missing
from runward.workspace import FolderWorkspace, open_folder
from tests.server.certificates import make_certificate

DOCUMENT = Path(__file__).parents[2] / "docs" / "sign-in.md"
FRAME = """
daemon off; pid {0}/nginx.pid; error_log stderr; worker_processes 1;
events {{ }}
http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/f;
  uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
{1}
}}
"""


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Front(NamedTuple):
    """A proxy to be started."""

    command: list[str]
    environment: dict[str, str]


def _shown(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def _nginx(folder: Path, port: int, certificate: Path, key: Path, upstream: int) -> Front:
    binary = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "")
    if not binary:
        missing("no nginx on this machine: apt-get install nginx-light")
    block = _shown("nginx").replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    block = block.replace("/etc/ssl/runs/fullchain.pem", str(certificate)).replace(
        "/etc/ssl/runs/privkey.pem", str(key)
    )
    block = block.replace("127.0.0.1:4747", f"127.0.0.1:{upstream}")
    (folder / "nginx.conf").write_text(FRAME.format(folder, block), encoding="utf-8")
    return Front([binary, "-p", str(folder), "-c", str(folder / "nginx.conf")], {})


def _caddy(folder: Path, port: int, certificate: Path, key: Path, upstream: int) -> Front:
    binary = shutil.which("caddy")
    if binary is None:
        missing("no caddy on this machine: apt-get install caddy")
    block = _shown("caddyfile").replace("127.0.0.1:4747", f"127.0.0.1:{upstream}")
    # A certificate of our own: the one that it would get by itself comes from outside.
    block = block.replace("runs.example.org {", f"https://127.0.0.1:{port} {{\n  tls {certificate} {key}", 1)
    (folder / "Caddyfile").write_text(f"{{\n  admin off\n  auto_https disable_redirects\n}}\n{block}", encoding="utf-8")
    command = [binary, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    return Front(command, {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)})


FRONTS = {"nginx": _nginx, "caddy": _caddy}


@pytest.fixture(params=sorted(FRONTS))
def proxied(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[FolderWorkspace, int, ssl.SSLContext]]:
    """A server behind a proxy: (its workspace, the proxy's port, who trusts its certificate)."""
    port, (certificate, key) = free_port(), make_certificate(tmp_path)
    owner, bound = open_folder(tmp_path / "w", "owner"), listen("127.0.0.1", 0)
    access = declare("127.0.0.1", url=f"https://127.0.0.1:{port}", behind_proxy=True)
    with contextlib.closing(owner), RunningServer(owner.dispatcher, bound, access):
        front = FRONTS[request.param](tmp_path, port, certificate, key, bound.getsockname()[1])
        environment = {**os.environ, **front.environment}
        said = tmp_path / "proxy.log"
        with said.open("w") as log, subprocess.Popen(front.command, stderr=log, env=environment) as process:
            try:
                _await(port, process, said)
                yield owner, port, ssl.create_default_context(cafile=str(certificate))
            finally:
                # Caddy waits for the stream that its client left, as long as it takes.
                process.send_signal(signal.SIGKILL if request.param == "caddy" else signal.SIGTERM)
                process.wait(30)


def _await(port: int, process: subprocess.Popen[bytes], said: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(("127.0.0.1", port), 1)):
            return
        assert process.poll() is None, said.read_text()
        time.sleep(0.05)
    raise AssertionError("the proxy does not answer")


def test_behind_the_documented_proxy_people_sign_in_and_streams_flow(
    proxied: tuple[FolderWorkspace, int, ssl.SSLContext],
) -> None:
    """Cookies are bound to the host, the visitor's own address is noted, and a stream's first line arrives at once."""
    owner, port, trust = proxied
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trust, timeout=20)
    with contextlib.closing(connection):
        secret = new_link(owner.dispatcher.database, owner.actor.member_id)
        headers = {"X-Runward": "1", "Origin": f"https://127.0.0.1:{port}", "X-Forwarded-For": "203.0.113.66"}
        connection.request("POST", "/api/v1/session/link", f'{{"secret": "{secret}"}}', headers)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b'{"signed_in":true}')
        assert response.getheader("Strict-Transport-Security")
        cookie = str(response.getheader("Set-Cookie")).partition(";")[0]
        assert cookie.startswith("__Host-runward_session=")
        # What the visitor claims to have been forwarded for is replaced by the proxy.
        assert owner.governance.audit(operation="session.begin", limit=1).events[0].address == "127.0.0.1"
        connection.request("GET", "/api/v1/stream", headers={"Cookie": cookie})
        response = connection.getresponse()
        assert response.status == 200
        assert response.readline().startswith(b":")
