"""Starting a server: the socket, the first sign-in, a clean end."""

from __future__ import annotations

import contextlib
import errno
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from runward.core.outbound import check_url
from runward.core.permissions import Role
from runward.errors import ConflictError, InvalidError, StoreError
from runward.governance.dispatch import Dispatcher
from runward.governance.signin import ensure_member, new_link
from runward.server.access import LOOPBACK, Access
from runward.server.asgi import create_app
from runward.server.logs import LogFormat, configure
from runward.server.wire import WholeAnswers
from runward.store.database import open_database
from runward.store.objects import open_blobs
from runward.workspace import open_dispatcher

log = logging.getLogger("runward.server")
__all__ = ["LOOPBACK", "Access", "RunningServer", "Serving", "first_link", "listen", "note_address", "open_store"]

_BACKLOG = 2048
_GRACE_S = 8
"""So long what was begun may take to come to its end when the server is told to stop."""
_STOP_S = 30


def open_store(folder: Path, database: str = "", blobs: str = "") -> Dispatcher:
    """The rooms for a server: a folder, or a database URL with a folder or a bucket of blobs.

    A folder that is made for it is nobody else's to read.

    Raises: StoreError, InvalidError, MissingExtraError, MigrationNeededError.
    """
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {folder} cannot be made: {error.strerror}", hint="choose another --dir"
        ) from error
    store = open_database(database or f"sqlite:///{folder / 'runward.db'}")
    return open_dispatcher(store, open_blobs(blobs or folder / "blobs", folder / "spool"), folder)


def note_address(dispatcher: Dispatcher, url: str) -> None:
    """Keep the address at which people reach the server: what leaves the house links to it. Raises: InvalidError."""
    address = check_url(url, "--url").geturl().rstrip("/")
    with dispatcher.database.transaction(write=True) as tx:
        tx.execute(
            "INSERT INTO workspace (key, value) VALUES ('url', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (address,),
        )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises: ConflictError (port in use), InvalidError (host).

    Who connects before somebody accepts waits: an address that was told can be called at once.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(
                f"port {port} on {host} is in use", hint=f"choose another one: --port {port + 1}, or --port 0 for any"
            ) from error
        raise InvalidError(
            f"cannot listen on {host}:{port}: {error.strerror}", hint="check --host and --port"
        ) from error
    return bound


def first_link(dispatcher: Dispatcher) -> str:
    """The page at which the first admin chooses a password; empty when somebody has one, or the provider let one in.

    There is no default credential: until the link is used, nobody can sign in by password.
    """
    with dispatcher.database.transaction(write=False) as tx:
        if tx.scalar("SELECT count(*) FROM members WHERE password_hash IS NOT NULL") or tx.scalar(
            """SELECT count(*) FROM identities i JOIN grants g ON g.member_id = i.member_id
               WHERE g.scope_kind = 'workspace' AND g.role = ?""",
            (int(Role.ADMIN),),
        ):
            return ""
    with dispatcher.database.transaction(write=True) as tx:
        member = ensure_member(tx, "admin", kind="person", role=Role.ADMIN)
    return f"/welcome#{new_link(dispatcher.database, member, 'invitation')}"


@dataclass(frozen=True)
class Serving:
    """What a worker process needs to know to serve a workspace."""

    folder: Path
    database: str
    blobs: str
    access: Access
    tables_after_s: float | None
    hook_networks: tuple[str, ...] = ()
    log_format: LogFormat | None = None

    def __call__(self, bound: socket.socket) -> None:
        """Serve on a socket until a termination signal. Raises: as :func:`open_store`."""
        if self.log_format is not None:
            configure(self.log_format)
        dispatcher = open_store(self.folder, self.database, self.blobs)
        RunningServer(dispatcher, bound, self.access, self.tables_after_s, self.hook_networks).serve()


class _Server(uvicorn.Server):
    """Ends the open event streams first, which would otherwise keep the shutdown waiting."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.server.pulse.stopping.set()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """A termination signal is the end that was asked for: without this the process dies of it once all is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class RunningServer:
    """A server on a bound socket, in the foreground or in a thread of its own."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        bound: socket.socket,
        access: Access | frozenset[str] | None,
        tables_after_s: float | None = None,
        hook_networks: tuple[str, ...] = (),
    ) -> None:
        if not isinstance(access, Access):
            access = Access(hosts=access)
        self.socket = bound
        host, port = bound.getsockname()[:2]
        scheme = "https" if access.has_tls else "http"
        self.url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        """The address that it listens at."""
        access = replace(access, url=access.url or self.url)
        app = create_app(dispatcher, access=access, tables_after_s=tables_after_s, hook_networks=hook_networks)
        config = uvicorn.Config(
            app,
            # A server in somebody's process leaves their log handlers open: uvicorn's own set-up would close them.
            log_config=None,
            log_level="warning",
            access_log=False,
            http=WholeAnswers,
            ws="none",
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
            lifespan="on",
            # Whose word on the caller's address and scheme counts is declared; the environment does not add to it.
            proxy_headers=bool(access.proxies),
            forwarded_allow_ips=list(access.proxies),
            ssl_certfile=access.certificate,
            ssl_keyfile=access.key,
        )
        self._server = _Server(config, app)
        self._thread: threading.Thread | None = None

    def serve(self) -> None:
        """Serve until Ctrl-C or a termination signal, which ends the process with exit code 0 where it is ours."""
        log.info("serving at %s", self.url)
        try:
            with _ended_by_signal():
                self._server.run(sockets=[self.socket])
        finally:
            log.info("stopped")

    def start(self) -> RunningServer:
        """Serve in a thread; returns when requests are answered. Raises: StoreError (it did not come up)."""
        self._thread = threading.Thread(target=self.serve, name="runward-server", daemon=True)
        self._thread.start()
        for _ in range(3000):
            if self._server.started:
                return self
            if not self._thread.is_alive():
                break
            self._thread.join(0.01)
        raise StoreError("the server did not come up")

    def stop(self) -> None:
        """End the server and wait for it."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_S)
        self.socket.close()

    def __enter__(self) -> RunningServer:
        """Start in a thread."""
        return self.start()

    def __exit__(self, *error: object) -> None:
        """Stop."""
        self.stop()
