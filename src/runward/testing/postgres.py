"""A PostgreSQL server for tests: its own data, a free port on loopback, gone when the tests are.

Standard library only, so that loading the plugin stays cheap.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

_FASTER_THAN_SAFE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "300",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_min_messages": "fatal",
    "timezone": "Asia/Kathmandu",
}
_NEEDED = ("initdb", "postgres", "pg_isready")


def find_binaries() -> Path | None:
    """The folder with ``initdb`` and ``postgres``: ``RUNWARD_TEST_POSTGRES``, the PATH, else the newest installed."""
    named = os.environ.get("RUNWARD_TEST_POSTGRES")
    on_path = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name.split(".")[0]))
    candidates = [
        *([Path(named)] if named else []),
        *([Path(on_path).resolve().parent] if on_path else []),
        *reversed(installed),
    ]
    return next((folder for folder in candidates if all((folder / name).exists() for name in _NEEDED)), None)


def why_not() -> str:
    """What keeps a server from being started here; empty when nothing does."""
    if find_binaries() is None:
        return "no PostgreSQL server binaries (set RUNWARD_TEST_POSTGRES to the folder of initdb)"
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            return "PostgreSQL refuses to run as root, and setpriv is not installed"
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL refuses to run as root, and there is no user postgres"
    return ""


def _prefix() -> list[str]:
    if shutil.which("setpriv") is None:
        return []
    # The server must not outlive a test process that was killed.
    prefix = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        prefix += ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    return prefix


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgresServer:
    """A running server; :meth:`stop` ends it and removes its data."""

    def __init__(self, **settings: str) -> None:
        """Start a server; ``settings`` take the place of those that make it faster than safe."""
        self._settings = {**_FASTER_THAN_SAFE, **settings}
        binaries = find_binaries()
        if binaries is None:
            raise FileNotFoundError(why_not())
        self._folder = Path(tempfile.mkdtemp(prefix="runward-pg-"))
        self._password = secrets.token_hex(8)
        self.port = free_port()
        secret = self._folder / "password"
        secret.write_text(self._password)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (self._folder, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        try:
            self._make_data(binaries / "initdb", secret)
            self._process = self._start(binaries)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _make_data(self, initdb: Path, secret: Path) -> None:
        command = [*_prefix(), str(initdb), "-D", str(self._folder / "data"), "-U", "runward", "-E", "UTF8"]
        command += ["--no-sync", "--auth=password", f"--pwfile={secret}", "--locale=C.UTF-8"]
        # A locale of people where there is one: what a product sorts or compares must not depend on it unnoticed.
        people = ["--locale-provider=icu", "--icu-locale=en-US"]
        for extra in (people, []):
            done = subprocess.run(
                [*command, *extra], cwd=self._folder, capture_output=True, text=True, check=False, timeout=120
            )
            if done.returncode == 0:
                return
            shutil.rmtree(self._folder / "data", ignore_errors=True)
        raise RuntimeError(f"initdb failed: {done.stderr}")

    def _start(self, binaries: Path) -> subprocess.Popen[bytes]:
        settings = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        command = [*_prefix(), str(binaries / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port)]
        process = subprocess.Popen(
            [*command, *settings], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        pause = threading.Event()
        for _ in range(600):
            if subprocess.run(ready, check=False).returncode == 0:
                return process
            if process.poll() is not None:
                break
            pause.wait(0.05)
        process.kill()
        raise RuntimeError(f"PostgreSQL did not start on port {self.port}")

    @property
    def data(self) -> Path:
        """The folder with the server's files."""
        return self._folder / "data"

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://runward:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """A new, empty database; returns its URL. Raises: psycopg.Error."""
        name = f"test_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        import psycopg  # the extra `postgres`

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """End the server and remove its data."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)
