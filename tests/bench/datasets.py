"""Versions of data: adding, looking again, comparing; DVC beside it where it is installed."""

from __future__ import annotations

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from runward.data.rows import compare_rows
from runward.governance.model import NewToken
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.workspace import open_folder, open_url

Row = tuple[str, str, str, str]
_FILES = 10_000
_SETTLED_S = 2.5
"""Files are trusted unread when their times are older than this."""


def _timed(work: Callable[[], object]) -> float:
    os.sync()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _small_files(folder: Path) -> Path:
    for number in range(_FILES):
        place = folder / f"{number % 100:02}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.bin").write_bytes(os.urandom(2000))
    return folder


def _large_file(path: Path) -> Path:
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for number in range(1024):
            file.write(number.to_bytes(8, "big") + block[8:])
    return path


def _copy_and_hash(source: Path, target: Path) -> None:
    """The physical limit: read once, hash, write, sync."""
    hasher = blake3()
    with source.open("rb") as data, target.open("wb") as copy:
        while piece := data.read(1 << 20):
            hasher.update(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())


def measure(folder: str, peers: Mapping[str, str]) -> list[Row]:
    """All rows of this part."""
    root = Path(folder)
    small, large = _small_files(root / "small"), _large_file(root / "large.bin")
    time.sleep(_SETTLED_S)
    ours = [*_ours(root, small, large), *_by_server(root, small)]
    return [*ours, *_rows_of_tables(root), *_dvc(root, small, large, peers.get("dvc", ""))]


class _Cost(NamedTuple):
    wall_s: float
    cpu_s: float

    def __str__(self) -> str:
        return f"{self.wall_s:.2f} s ({self.cpu_s:.2f} s CPU)"


def _process(command: Sequence[str], cwd: Path, **variables: str) -> _Cost:
    """What a process takes, with its modules compiled, as an installation leaves them."""
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(cwd / ".pyc"), **variables}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = _timed(lambda: subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return _Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _command(*arguments: str, root: Path) -> _Cost:
    command = [str(Path(sys.executable).parent / "runward"), "data", *arguments]
    return _process(command, root, RUNWARD_DIR=str(root / "ws"), RUNWARD_PROJECT="bench")


def _ours(root: Path, small: Path, large: Path) -> Iterator[Row]:
    space = open_folder(root / "in-process", "owner")
    first = _timed(lambda: space.datasets.add(small, "bench"))
    again = statistics.median(_timed(lambda: space.datasets.add(small, "bench")) for _ in range(5))
    raw = _timed(lambda: _copy_and_hash(large, root / "copy"))
    whole = _timed(lambda: space.datasets.add(large, "bench"))
    out = _timed(lambda: space.datasets.checkout("bench/small", target=root / "out"))
    space.close()
    for name in ("in-process", "out"):
        shutil.rmtree(root / name)
    (root / "copy").unlink()
    yield f"add of {_FILES:,} files of 2 kB", f"{first:.1f} s", "≤ DVC's", "in process, durable"
    yield "the same again, nothing changed", f"{again * 1e3:.0f} ms", "≤ 0.5 s", "in process"
    yield (
        "add of a file of 1 GiB",
        f"{whole:.1f} s",
        "≤ 1.5 × raw",
        f"{whole / raw:.2f} × raw copy + hash ({raw:.1f} s)",
    )
    yield f"checkout of {_FILES:,} files", f"{out:.1f} s", "", "copies"
    add = _command("add", "small", root=root)
    noop = _median(lambda: _command("add", "small", root=root))
    yield f"by command: add of {_FILES:,} files", str(add), "≤ DVC's", "with the start of Python"
    yield "by command: the same again, nothing changed", str(noop), "≤ 0.5 s", "median of 5"
    yield "by command: show", str(_median(lambda: _command("show", "small", root=root))), "", "median of 5"


def _by_server(root: Path, small: Path) -> Iterator[Row]:
    owner = open_folder(root / "served", "owner")
    token = owner.governance.create_token(NewToken("bench")).secret
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        space = open_url(server.url, token)
        there = _timed(lambda: space.datasets.add(small, "bench"))
        back = _timed(lambda: space.datasets.checkout("bench/small", target=root / "fetched"))
    owner.close()
    for name in ("served", "fetched"):
        shutil.rmtree(root / name)
    yield f"to a server: add of {_FILES:,} files, checkout", f"{there:.1f} s, {back:.1f} s", "", "same process"


def _median(cost: Callable[[], _Cost]) -> _Cost:
    return _Cost(*map(statistics.median, zip(*(cost() for _ in range(5)), strict=True)))


def _rows_of_tables(root: Path) -> Iterator[Row]:
    numbers = random.Random(1)
    for name, shift in (("old.csv", 0.0), ("new.csv", 1.0)):
        with (root / name).open("w") as file:
            file.write("id,a,b,c,d,e,f,g\n")
            for row in range(200_000):
                value = numbers.random() if row % 1000 else shift
                file.write(f"{row},{value},{row % 7},{row / 3},x{row % 50},{row * 2},{row % 2},{row + 0.5}\n")
        numbers.seed(1)
    compare_rows(root / "old.csv", root / "new.csv", "csv")
    took = statistics.median(_timed(lambda: compare_rows(root / "old.csv", root / "new.csv", "csv")) for _ in range(3))
    yield "row diff of two CSV files, 200,000 × 8", f"{took:.2f} s", "≈ 1 s", "read, joined by key, counted"


def _dvc(root: Path, small: Path, large: Path, python: str) -> Iterator[Row]:
    if not python:
        return
    repository = root / "dvc"
    repository.mkdir()

    def dvc(*arguments: str) -> _Cost:
        own = {"DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / "site")}
        return _process([python, "-m", "dvc", *arguments], repository, **own)

    dvc("init", "--no-scm", "-q")
    small.rename(repository / "small")
    large.rename(repository / "large.bin")
    first, again = dvc("add", "-q", "small"), _median(lambda: dvc("add", "-q", "small"))
    yield f"dvc: add of {_FILES:,} files", str(first), "", "by command"
    yield "dvc: the same again, nothing changed", str(again), "", "by command, median of 5"
    yield "dvc: add of a file of 1 GiB", str(dvc("add", "-q", "large.bin")), "", "by command"
    yield "dvc: status, nothing changed", str(_median(lambda: dvc("status", "-q"))), "", "by command, median of 5"
