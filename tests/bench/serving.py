"""A server from outside: how soon it answers, what it holds, what it takes in, and files of all sizes."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blake3 import blake3

from runward.governance.model import NewToken
from runward.governance.signin import folder_actor
from runward.server.run import open_store
from runward.testing.postgres import PostgresServer, free_port, why_not
from runward.tracking.model import NewProject
from runward.workspace import FolderWorkspace, open_folder
from tests.bench import programs

Row = tuple[str, str, str, str]
_TICKS = os.sysconf("SC_CLK_TCK")
_KEYS, _PER = 10, 1000
_ROUNDS = 5
"""A race of seconds says more of the machine's moment than of the code: the median of some is told, with the range."""
_GB = 1 << 30


def _memory_mb(pid: int) -> float:
    """What a process and its children hold alone, plus their share of what they have in common (PSS), in MiB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    mine = int(next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))) / 1024
    return mine + sum(_memory_mb(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _family(pid: int) -> list[int]:
    return [pid, *(one for child in _children(pid) for one in _family(child))]


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def family_cpu_s(pid: int) -> float:
    """CPU seconds that a process and all that it started have taken."""
    return sum(cpu_s(one) for one in _family(pid))


def settle(pid: int) -> None:
    """Wait until a server that just started has come to rest: what it goes on starting is not what its pages cost."""
    for _ in range(60):
        before = family_cpu_s(pid)
        time.sleep(2)
        if family_cpu_s(pid) - before < 0.1:
            return


@contextmanager
def serving(command: list[str], url: str, cwd: Path) -> Iterator[tuple[int, float]]:
    """A server as a process: (its id, seconds to its first healthy answer)."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd)
    try:
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if process.poll() is not None:
                    raise
                time.sleep(0.005)
        yield process.pid, time.perf_counter() - began
    finally:
        family = _family(process.pid)
        process.terminate()
        process.wait(30)
        for pid in family[1:]:
            subprocess.run(["kill", str(pid)], check=False, capture_output=True)


def _runward(folder: Path, port: int, *options: str) -> list[str]:
    return [sys.executable, "-m", "runward", "server", "--dir", str(folder), "--port", str(port), *options]


def start(folder: Path, peers: dict[str, str]) -> Iterator[Row]:
    """From the command to the first healthy answer, and the memory of an idle server."""
    port = free_port()
    commands = {"runward": _runward(folder / "start", port)}
    if "mlflow" in peers:
        store = f"sqlite:///{folder / 'mlflow.db'}"
        commands["mlflow"] = [peers["mlflow"], "-m", "mlflow", "server", "--port", str(port)]
        commands["mlflow"] += ["--backend-store-uri", store, "--disable-security-middleware"]
    path = {"runward": "healthz", "mlflow": "health"}
    ours = 0.0
    for name, command in commands.items():
        seconds = []
        # The first start makes the tables.
        for _ in range(4 if name == "runward" else 2):
            with serving(command, f"http://127.0.0.1:{port}/{path[name]}", folder) as (pid, took):
                seconds.append(took)
                time.sleep(2)
                memory, processes = _memory_mb(pid), len(_family(pid))
        median = statistics.median(seconds[1:])
        ours = ours or median
        told = f"{median * 1000:,.0f} ms, {memory:.0f} MiB idle, {processes} process(es)"
        if name == "runward":
            yield "server: to the first healthy answer", told, "≤ 1 s, ≤ 100 MiB, 1 process", "PSS"
        else:
            yield f"{name}: the same", told, "", f"{median / ours:.0f} × ours"


def ingest(folder: Path, database: str = "") -> Iterator[Row]:
    """Points through HTTP with a durable acknowledgement, prepared before, from processes of their own."""
    place = folder / ("postgresql" if database else "sqlite")
    with ready(place, database) as (url, token, pid):
        for clients, count in ((1, 60), (8, 20)):
            rate, cpu = _send(url, token, pid, clients, count)
            yield (
                f"ingest over HTTP, durable, {clients} client{'s' * (clients > 1)}",
                f"{rate:,.0f} points/s, {cpu:.2f} µs server CPU a point",
                f"≥ {'500,000' if clients == 1 else '1,000,000'} points/s, ≤ 2 µs",
                "PostgreSQL" if database else "SQLite",
            )


@contextmanager
def ready(place: Path, database: str, *further: str) -> Iterator[tuple[str, str, int]]:
    """A server with a project: (URL, token, process id)."""
    options = [*(["--database", database] if database else []), *further]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with serving(_runward(place, port, *options), f"{url}/healthz", place.parent) as (pid, _):
        yield url, _token(place, database), pid


def _token(place: Path, database: str) -> str:
    dispatcher = open_store(place, database)
    space = FolderWorkspace(dispatcher, "", place, folder_actor(dispatcher.database, "owner"))
    space.tracking.create_project(NewProject(path="bench", exist_ok=True))
    secret = space.governance.create_token(NewToken(name="bench")).secret
    space.close()
    return secret


def _send(url: str, token: str, pid: int, clients: int, count: int) -> tuple[float, float]:
    seconds, cpu = _raced(programs.SENDER, url, token, pid, clients, count)
    points = clients * count * _KEYS * _PER
    return points / seconds, cpu / points * 1e6


def _raced(program: str, url: str, token: str, pid: int, clients: int, count: int) -> tuple[float, float]:
    """(seconds, server's CPU seconds) from the clients' common start to the last acknowledgement.

    How an interpreter begins and ends is none of it: each waits before and after its work.
    """
    env = {**os.environ, "RUNWARD_URL": url, "RUNWARD_TOKEN": token}
    command = [sys.executable, "-c", program, str(count)]
    senders = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(clients)
    ]
    _all_said("ready", senders)
    before, began = family_cpu_s(pid), time.perf_counter()
    for sender in senders:
        _go(sender)
    _all_said("done", senders)
    seconds, cpu = time.perf_counter() - began, family_cpu_s(pid) - before
    for sender in senders:
        sender.communicate("go\n", timeout=300)
        assert sender.returncode == 0
    return seconds, cpu


def _all_said(word: str, senders: list[subprocess.Popen[str]]) -> None:
    for sender in senders:
        assert sender.stdout is not None
        assert sender.stdout.readline() == f"{word}\n"


def recorded_runs(folder: Path, server: PostgresServer | None = None) -> Iterator[Row]:
    """Whole runs through HTTP as `run.start` and `finish` send them: two durable acknowledgements each."""
    # One writing process is all that SQLite has a use for.
    each = [(workers, *race) for workers in ((1, 2) if server else (1,)) for race in ((4, 300), (16, 100))]
    for workers, clients, count in each:
        # Each on a server of its own: a run costs more where thousands are, so the first rounds are the fastest.
        place = folder / f"runs-{'postgresql' if server else 'sqlite'}-{workers}-{clients}"
        database = server.create_database() if server else ""
        with ready(place, database, "--workers", str(workers)) as (url, token, pid):
            raced = [_raced(programs.RECORDER, url, token, pid, clients, count) for _ in range(_ROUNDS)]
        rates = sorted(clients * count / seconds for seconds, _ in raced)
        cpu = statistics.median(cpu for _, cpu in raced) / clients / count
        yield (
            "runs created with 20 params, 20 metrics, 5 tags, finished, over HTTP",
            f"{statistics.median(rates):,.0f} runs/s ({rates[0]:,.0f} to {rates[-1]:,.0f} in {_ROUNDS} rounds), "
            f"{cpu * 1000:.1f} ms server CPU a run",
            "≥ 300 runs/s",
            f"{'PostgreSQL' if server else 'SQLite'}; {clients} clients; --workers {workers}",
        )


def _go(sender: subprocess.Popen[str]) -> None:
    assert sender.stdin is not None
    sender.stdin.write("go\n")
    sender.stdin.flush()


def files(folder: Path) -> Iterator[Row]:
    """A file of 1 GiB beside a raw copy that hashes, the same again, and 10,000 small files."""
    space = open_folder(folder / "files", "owner")
    space.tracking.create_project(NewProject(path="bench"))
    large = folder / "large"
    block = os.urandom(1 << 20)
    with large.open("wb") as file:
        for number in range(1024):
            file.write(number.to_bytes(8, "big") + block[8:])
    raw = _timed(lambda: _copy_and_hash(large, folder / "copy"))
    put = _timed(lambda: space.files.put_file("bench", large))
    again = _timed(lambda: space.files.put_file("bench", large))
    yield (
        "artifact of 1 GiB",
        f"{_GB / put / 1e6:,.0f} MB/s, {raw / put:.2f} × raw copy + hash",
        "≥ 0.7 ×",
        f"raw: {_GB / raw / 1e6:,.0f} MB/s, both durable",
    )
    yield "the same artifact again", f"{again * 1000:,.0f} ms, 0 new bytes", "≤ 1 s", ""
    small = folder / "small"
    small.mkdir()
    for number in range(10_000):
        (small / str(number)).write_bytes(number.to_bytes(4, "big") + block[:2000])

    program = programs.SMALL_FILES.format(folder=str(small))
    env = {**os.environ, "RUNWARD_DIR": str(folder / "files")}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    logged, taken = (float(word) for word in done.stdout.split())
    yield (
        "10,000 files of 2 kB by `log_artifacts`",
        f"{10_000 / taken:,.0f} files/s",
        "≥ 5,000 files/s",
        f"until all are stored durably; the training waits {logged:.1f} s",
    )
    space.close()
    shutil.rmtree(folder / "files", ignore_errors=True)


def _copy_and_hash(source: Path, target: Path) -> None:
    hasher = blake3()
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(1 << 20):
            hasher.update(chunk)
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())
    hasher.hexdigest()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(folder: str, peers: dict[str, str]) -> list[Row]:
    """All of it."""
    here = Path(folder)
    rows = [*start(here, peers), *ingest(here), *recorded_runs(here)]
    if not why_not():
        server = PostgresServer()
        try:
            rows += ingest(here, server.create_database())
            rows += recorded_runs(here, server)
        finally:
            server.stop()
    return [*rows, *files(here)]
