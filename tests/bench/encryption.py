"""Encryption at rest: a file of 1 GiB and many small ones, beside the same into a workspace that is not encrypted."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from runward.core.clock import to_us, utc_now
from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.store.sealed import SEALED_SINCE
from runward.tracking.model import NewProject
from runward.workspace import FolderWorkspace, open_folder, open_url
from tests.bench.serving import cpu_s, ready

Row = tuple[str, str, str, str]
_GB = 1 << 30
_ROUNDS = 7
_SMALL = 5_000


class _Taken(NamedTuple):
    wall: float
    cpu: float


def _workspace(place: Path, *, encrypted: bool) -> FolderWorkspace:
    space = open_folder(place, "owner")
    space.tracking.create_project(NewProject(path="bench", exist_ok=True))
    if encrypted:
        with space.dispatcher.database.transaction(write=True) as tx:
            tx.execute("INSERT INTO workspace (key, value) VALUES (?, ?)", (SEALED_SINCE, str(to_us(utc_now()))))
        space.close()
        space = open_folder(place, "owner")
    return space


def _alternating(plain: Callable[[int], _Taken], sealed: Callable[[int], _Taken]) -> tuple[list[_Taken], list[_Taken]]:
    """Both ways in turns, first one first and then the other: what else the machine does falls on both."""
    taken: tuple[list[_Taken], list[_Taken]] = ([], [])
    for turn in range(_ROUNDS):
        for way in (0, 1) if turn % 2 else (1, 0):
            os.sync()
            taken[way].append((plain, sealed)[way](turn))
    return taken


def _told(
    what: str, taken: tuple[list[_Taken], list[_Taken]], unit: Callable[[float], str], aim: str, note: str
) -> Row:
    medians = [_Taken(*(statistics.median(column) for column in zip(*side, strict=True))) for side in taken]
    wall, cpu = ((medians[1][place] / medians[0][place] - 1) * 100 for place in (0, 1))
    said = f"{unit(medians[0].wall)} → {unit(medians[1].wall)}: {wall:+.0f} % time, {cpu:+.0f} % CPU"
    return what, said, aim, note


def _large(path: Path, number: int) -> Path:
    """A file of 1 GiB that no round before had."""
    if not path.exists():
        block = os.urandom(1 << 20)
        with path.open("wb") as file:
            for part in range(1024):
                file.write(part.to_bytes(8, "big") + block[8:])
    with path.open("r+b") as file:
        file.write(os.urandom(16) + number.to_bytes(8, "big"))
        os.fsync(file.fileno())
    return path


def _empty(place: Path) -> None:
    """Take the large files of a round away again."""
    for path in (place / "blobs").rglob("*"):
        if path.is_file() and path.stat().st_size > 1 << 29:
            path.chmod(0o644)
            path.unlink()


def _through_a_server(here: Path) -> Iterator[Row]:
    places = here / "plain", here / "encrypted"
    for place, encrypted in zip(places, (False, True), strict=True):
        _workspace(place, encrypted=encrypted).close()
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(ready(place, "")) for place in places]
        spaces = [open_url(url, token) for url, token, _ in servers]
        digests: list[list[str]] = [[], []]

        def upload(way: int, number: int) -> _Taken:
            _empty(places[way])
            path = _large(here / "large", number)
            pid = servers[way][2]
            cpu, began = cpu_s(pid) + time.process_time(), time.perf_counter()
            digest, _ = spaces[way].files.put_file("bench", path)
            wall = time.perf_counter() - began
            digests[way].append(digest)
            return _Taken(wall, cpu_s(pid) + time.process_time() - cpu)

        taken = _alternating(lambda n: upload(0, n), lambda n: upload(1, n))
        note = f"one client; CPU of client and server; medians of {_ROUNDS}, in turns"
        yield _told("upload of 1 GiB to a server", taken, lambda s: f"{_GB / s / 1e6:,.0f} MB/s", "≤ +20 %", note)


def _into_a_folder(here: Path) -> Iterator[Row]:
    spaces = [_workspace(here / f"folder-{way}", encrypted=bool(way)) for way in (0, 1)]

    def timed(work: Callable[[], object]) -> _Taken:
        cpu, began = time.process_time(), time.perf_counter()
        work()
        return _Taken(time.perf_counter() - began, time.process_time() - cpu)

    def put(way: int, number: int) -> _Taken:
        _empty(here / f"folder-{way}")
        path = _large(here / "large", number)
        return timed(lambda: spaces[way].files.put_file("bench", path))

    last: list[Digest] = [Digest(""), Digest("")]

    def read(way: int, number: int) -> _Taken:
        blobs = spaces[way].dispatcher.blobs
        if not last[way]:
            last[way] = spaces[way].files.put_file("bench", _large(here / "large", 99))[0]
        return timed(lambda: [None for _ in blobs.chunks(last[way])])

    def small(way: int, number: int) -> _Taken:
        contents = [os.urandom(2000) for _ in range(_SMALL)]
        told: dict[Digest, bytes | Path] = {digest_bytes(data): data for data in contents}
        return timed(lambda: spaces[way].files.put_files("bench", told))

    def rate(seconds: float) -> str:
        return f"{_GB / seconds / 1e6:,.0f} MB/s"

    note = f"medians of {_ROUNDS}, in turns"
    yield _told("1 GiB into a folder", _alternating(lambda n: put(0, n), lambda n: put(1, n)), rate, "", note)
    yield _told("1 GiB read back", _alternating(lambda n: read(0, n), lambda n: read(1, n)), rate, "", "page cache; every chunk's tag is checked")  # fmt: skip
    taken = _alternating(lambda n: small(0, n), lambda n: small(1, n))
    yield _told(f"{_SMALL:,} files of 2 kB into a folder", taken, lambda s: f"{_SMALL / s:,.0f} files/s", "", note)
    for space in spaces:
        space.close()


def measure(folder: str) -> list[Row]:
    """All measurements of this part."""
    here = Path(folder)
    rows = [*_through_a_server(here), *_into_a_folder(here)]
    shutil.rmtree(here, ignore_errors=True)
    return rows
