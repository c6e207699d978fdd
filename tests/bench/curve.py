"""How cost grows: one workspace that gets ever more points, and one that gets ever more runs."""

from __future__ import annotations

import random
import shutil
import statistics
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

from runward.tracking.compaction import compact_due
from runward.tracking.model import Batch, NewRun, RunEnd, RunStatus
from runward.tracking.points import Columns, pack_columns
from runward.workspace import FolderWorkspace
from tests.bench.scale import Row, open_space, seed_runs

_SERIES, _FRAME = 10, 100_000


def points(folder: Path, counts: tuple[int, ...]) -> Iterator[Row]:
    """Write runs of 1 M points until so many are stored: what the last million cost, and reading one of its series."""
    space, _ = open_space(folder / "points")
    stored = 0
    for count in counts:
        while stored < count:
            began = time.perf_counter()
            run_id = _write_run(space)
            while compact_due(space.dispatcher.database):
                pass
            took = time.perf_counter() - began
            stored += _SERIES * _FRAME
        chart = _p50_ms(lambda run_id=run_id: space.tracking.series(run_id, ["m0"], 1000))  # type: ignore[misc]
        size = sum(path.stat().st_size for path in (folder / "points").glob("runward.db*"))
        yield (
            f"the last million of {count:,} points",
            f"{took / (_SERIES * _FRAME) * 1e6:.2f} µs a point, stored and compacted",
            "linear",
            f"chart {chart:.0f} ms, {size / stored:.1f} B/point of database file",
        )
    space.close()
    shutil.rmtree(folder / "points", ignore_errors=True)


def _write_run(space: FolderWorkspace) -> str:
    noise = random.Random(0)
    run = space.tracking.create_run(NewRun(project="bench"))
    steps = array("q", range(_FRAME))
    times = array("d", [1.7e9 + step * 0.01 + noise.random() * 1e-4 for step in steps])
    values = array("d", array("f", [noise.random() for _ in steps]))
    packed = [pack_columns(f"m{k}", Columns(steps, times, values)) for k in range(_SERIES)]
    space.tracking.append(run.id, Batch(client="bench", first=0, count=1, points=packed))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    return run.id


def runs(folder: Path, counts: tuple[int, ...]) -> Iterator[Row]:
    """Search workspaces of so many runs, each with 20 params, 5 metrics and 5 tags, by a tag."""
    space, project_id = open_space(folder / "runs")
    stored = 0
    for count in counts:
        began = time.perf_counter()
        seed_runs(space.dispatcher.database, project_id, count - stored, metrics=5)
        took, added, stored = time.perf_counter() - began, count - stored, count
        tagged = _p95_ms(lambda: space.tracking.search_runs("bench", "tags.t0 = 'v7' and tags.t1 = 'v8'", "", 100))
        first = _p95_ms(lambda: space.tracking.search_runs("bench", limit=100))
        yield (
            f"two tags among {count:,} runs, p95",
            f"{tagged:.0f} ms",
            "≤ 200 ms" if count == 1_000_000 else "",
            f"1 in 10,000 matches; first page {first:.0f} ms; {took / added * 1e6:,.0f} µs to store one",
        )
    space.close()
    shutil.rmtree(folder / "runs", ignore_errors=True)


def _times_ms(call: Callable[[], object], rounds: int) -> list[float]:
    taken = []
    call()
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1e3)
    return sorted(taken)


def _p50_ms(call: Callable[[], object]) -> float:
    return statistics.median(_times_ms(call, 9))


def _p95_ms(call: Callable[[], object]) -> float:
    return _times_ms(call, 40)[37]


def measure(folder: str) -> list[Row]:
    """All of it."""
    here = Path(folder)
    return [
        *points(here, (1_000_000, 10_000_000, 100_000_000)),
        *runs(here, (10_000, 100_000, 1_000_000)),
    ]
