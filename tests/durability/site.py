"""A server process that can be killed, clients that write to it, and the oracle of what it has acknowledged."""

from __future__ import annotations

import contextlib
import copy
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from runward.core.hashing import digest_bytes
from runward.errors import RunwardError
from runward.governance.model import NewMember, NewToken
from runward.governance.signin import folder_actor
from runward.server.run import open_store
from runward.store.sealed import SealedBlobs
from runward.testing.postgres import free_port
from runward.testing.worlds import batch
from runward.tracking.model import NewArtifact, NewProject, NewRun
from runward.workspace import FolderWorkspace, Workspace, open_url
from tests.durability.people import Act, People, judge_acts

HERE = Path(__file__).parent
PROJECT = "p"
_POINTS = 100
_IS_FULL = os.environ.get("RUNWARD_DURABILITY") == "full"


def times(reduced: int, full: int) -> int:
    """How often something is done: in CI, and in the full round of ``make durability``."""
    return full if _IS_FULL else reduced


def line_of(process: subprocess.Popen[str]) -> str:
    """What a process says next; an error of its own where it ended without saying it."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line or process.poll() is None, process.stderr.read() if process.stderr else ""
    return line


def wait_for(reached: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Return as soon as something holds."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        threading.Event().wait(0.02)


class ServerProcess:
    """A server in a process of its own that can be killed and started again on its port."""

    def __init__(
        self, folder: Path, env: dict[str, str] | None = None, database: str = "", *, encrypted: bool = False
    ) -> None:
        self.folder, self.port, self._env, self.database = folder, free_port(), env or {}, database
        if encrypted:
            self.runward("keys", "init", *self.place)
        with contextlib.closing(self.open()) as space:
            self.token = space.governance.create_token(NewToken("t")).secret
            space.governance.create_member(NewMember(name="ben", role="reviewer"))
            self.reviewer = space.governance.create_token(NewToken("r", member="ben")).secret
            space.tracking.create_project(NewProject(path=PROJECT))
        self.process: subprocess.Popen[str] | None = None

    def open(self) -> FolderWorkspace:
        """The store without the server, as its owner."""
        store = open_store(self.folder, self.database)
        return FolderWorkspace(store, str(self.folder), self.folder, folder_actor(store.database, "owner"))

    @classmethod
    def restored(cls, folder: Path, backup: Path, database: str = "") -> ServerProcess:
        """What a backup has, in an empty folder and, where one is given, an empty database."""
        made = cls.__new__(cls)
        made.folder, made.database, made.process = folder, database, None
        made.runward("restore", str(backup), *made.place)
        return made

    @property
    def place(self) -> list[str]:
        """The options of commands that name it."""
        return ["--dir", str(self.folder), *(["--database", self.database] if self.database else [])]

    def runward(self, *words: str) -> str:
        """What a command prints, on the machine of the server."""
        command = [sys.executable, "-m", "runward", *words]
        done = subprocess.run(command, cwd=self.folder.parent, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def in_clear(self) -> int:
        """How many files lie in the store as they were put."""
        with contextlib.closing(self.open()) as space:
            blobs = space.dispatcher.blobs
            return sum(1 for _ in (blobs.plain if isinstance(blobs, SealedBlobs) else blobs.bare).stored())

    def beside(self) -> ServerProcess:
        """Another server on the same store, on a port of its own."""
        other = copy.copy(self)
        other.port, other.process = free_port(), None
        return other

    def through(self, port: int) -> ServerProcess:
        """The same server as it is reached by another port."""
        other = copy.copy(self)
        other.port = port
        return other

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, str(HERE / "serve.py"), str(self.folder), str(self.port), self.database]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **self._env})
        assert line_of(self.process) == self.url

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def connect(self, token: str = "") -> Workspace:
        return open_url(self.url, token or self.token)

    def env(self, state: Path) -> dict[str, str]:
        return {"RUNWARD_URL": self.url, "RUNWARD_TOKEN": self.token, "XDG_STATE_HOME": str(state)}


class Verdict(NamedTuple):
    """What became of what was acknowledged."""

    points: int
    artifacts: int
    acts: int
    """Of people: runs, comments, jobs, reviews, approvals."""
    lost: int
    duplicated: int
    torn: int

    @property
    def is_good(self) -> bool:
        return (self.lost, self.duplicated, self.torn) == (0, 0, 0)

    @property
    def told(self) -> str:
        return (
            f"{self.points:,} points, {self.artifacts:,} artifacts and {self.acts:,} acts of people acknowledged: "
            f"{self.lost} lost, {self.duplicated} duplicated, {self.torn} torn"
        )


class Acknowledged(NamedTuple):
    """What a server had acknowledged at a moment."""

    run_id: str
    frames: dict[str, int]
    artifacts: dict[str, str]
    acts: list[Act]

    def judge(self, space: Workspace) -> Verdict:
        """Compare it with what a workspace holds. What was stored without being acknowledged is no fault."""
        points = lost = duplicated = torn = 0
        for client, count in self.frames.items():
            stored = space.tracking.append(self.run_id, batch(0, count=0, client=client)).next
            found = space.tracking.series(self.run_id, [client]).series
            steps = found[0].steps if found else []
            points += count * _POINTS
            lost += len(set(range(max(count, stored) * _POINTS)) - set(steps))
            duplicated += len(steps) - len(set(steps))
        for path, digest in self.artifacts.items():
            try:
                data = b"".join(space.files.artifact(self.run_id, path))
            except RunwardError:
                lost += 1
                continue
            torn += digest_bytes(data) != digest
        gone, twice = judge_acts(self.acts, space)
        lost, duplicated = lost + gone, duplicated + twice
        lost += not space.governance.prove_audit().holds
        return Verdict(points, len(self.artifacts), len(self.acts), lost, duplicated, torn)


class Traffic:
    """Clients that send points and artifacts without pause, whatever the server does."""

    def __init__(self, server: ServerProcess, clients: tuple[str, ...] = ("a", "b", "c")) -> None:
        self._server = server
        self.run_id = server.connect().tracking.create_run(NewRun(project=PROJECT)).id
        self.frames = dict.fromkeys(clients, 0)
        self._refused: dict[str, RunwardError] = {}
        self._artifacts: dict[str, str] = {}
        self._mutex = threading.Lock()
        self._over = threading.Event()
        self._people = People(server.connect(), server.connect(server.reviewer), PROJECT)
        self._threads = [threading.Thread(target=self._send, args=(client,)) for client in clients]
        self._threads.append(threading.Thread(target=self._decide))

    def _send(self, client: str) -> None:
        space, noise = self._server.connect(), random.Random(client)
        while not self._over.is_set():
            first = self.frames[client]
            points = {client: [(first * _POINTS + i, float(first)) for i in range(_POINTS)]}
            try:
                self.frames[client] = space.tracking.append(self.run_id, batch(first, points, client=client)).next
            except RunwardError as error:
                self._refused[client] = error
            with contextlib.suppress(RunwardError):
                path, data = f"{client}/{first}", noise.randbytes(noise.randrange(1, 30_000))
                digest = space.files.put_bytes(PROJECT, data)
                space.tracking.add_artifact(self.run_id, NewArtifact(path, digest))
                with self._mutex:
                    self._artifacts[path] = digest

    def _decide(self) -> None:
        turn = 0
        while not self._over.is_set():
            self._people.work(turn := turn + 1)

    def acknowledged(self) -> Acknowledged:
        """What is acknowledged now. The server must be stopped or gone, or this is out of date at once."""
        with self._mutex:
            return Acknowledged(self.run_id, dict(self.frames), dict(self._artifacts), list(self._people.acts))

    def wait_for_more(self, frames: int) -> None:
        """Return when each client has had so many frames more acknowledged."""
        before = dict(self.frames)
        try:
            wait_for(lambda: all(self.frames[c] >= before[c] + frames for c in before), "acknowledgements", 60)
        except AssertionError as error:
            if self._server.process is not None:
                self._server.process.send_signal(signal.SIGUSR1)
                threading.Event().wait(1)
            alive = [thread.name for thread in self._threads if thread.is_alive()]
            raise AssertionError(f"{error}: {before} → {self.frames}, {self._refused}, alive: {alive}") from error

    @contextlib.contextmanager
    def running(self) -> Iterator[Traffic]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(40)
