"""Versions of data: adding, looking again, comparing; DVC beside it where it is installed."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from blake3 import blake3

from runward.data.rows import compare_rows
from runward.workspace import open_folder

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
    return [*_ours(root, small, large), *_rows_of_tables(root), *_dvc(root, small, large, peers.get("dvc", ""))]


def _command(*arguments: str, root: Path) -> float:
    env = {**os.environ, "RUNWARD_DIR": str(root / "ws"), "RUNWARD_PROJECT": "bench"}
    command = [str(Path(sys.executable).parent / "runward"), "data", *arguments]
    return _timed(lambda: subprocess.run(command, cwd=root, env=env, check=True, capture_output=True))


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
    noop = statistics.median(_command("add", "small", root=root) for _ in range(3))
    yield "by command: add, then again", f"{add:.1f} s, {noop:.2f} s", "", "with the start of Python"


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
    env = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(root / "site")}

    def dvc(*arguments: str) -> float:
        command = [python, "-m", "dvc", *arguments]
        return _timed(lambda: subprocess.run(command, cwd=repository, env=env, check=True, capture_output=True))

    dvc("init", "--no-scm", "-q")
    small.rename(repository / "small")
    large.rename(repository / "large.bin")
    first, again, whole = dvc("add", "-q", "small"), dvc("add", "-q", "small"), dvc("add", "-q", "large.bin")
    yield f"dvc: add of {_FILES:,} files, then again", f"{first:.1f} s, {again:.1f} s", "", "by command"
    yield "dvc: add of a file of 1 GiB", f"{whole:.1f} s", "", "by command"
    yield "dvc: status, nothing changed", f"{dvc('status', '-q'):.1f} s", "", "by command"
