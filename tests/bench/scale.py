"""Many runs and long series: what a search, a table, a chart and a whole series cost, and what they take on disk."""

from __future__ import annotations

import random
import shutil
import statistics
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from runward.core.ids import new_id
from runward.governance.signin import folder_actor
from runward.store.database import Database, open_database
from runward.store.folder import FolderBlobs
from runward.testing.postgres import PostgresServer, why_not
from runward.tracking.cards import make_cards
from runward.tracking.compaction import compact_run
from runward.tracking.keyed import note_keys
from runward.tracking.model import Batch, NewProject, NewRun, RunEnd, RunParam, RunStatus
from runward.tracking.points import Columns, pack_columns
from runward.workspace import FolderWorkspace, open_dispatcher, open_folder

Row = tuple[str, str, str, str]
_TABLES = {
    "runs": """id, project_id, name, purpose, status, created_by, creator_id, created_at, started_at, ended_at, error,
        git_commit, git_branch, fingerprint, revision""",
    "params": "run_id, key, value, number, origin",
    "metrics": "run_id, key, n, last, last_step, minimum, maximum",
    "tags": "run_id, key, value",
}


def seed_runs(database: Database, project_id: str, count: int, metrics: int = 20) -> None:
    """Finished runs with 20 params, some metrics and 5 tags, written straight into the tables."""
    noise = random.Random(1)
    with database.transaction(write=True) as tx:
        for start in range(0, count, 5000):
            rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in _TABLES}
            for number in range(start, min(count, start + 5000)):
                run_id, at = new_id(), 1_700_000_000_000_000 + number * 1000
                times = (at, at, at + noise.randrange(10**8))
                rows["runs"].append(
                    (run_id, project_id, f"run-{number}", "", "finished", "me", "m", *times, "", "", "", "", 1)
                )
                values = [noise.choice([0.1, 0.01, 0.001, 1, 2, 3]) for _ in range(20)]
                rows["params"] += [(run_id, f"p{k}", str(value), value, "") for k, value in enumerate(values)]
                rows["metrics"] += [
                    (run_id, f"m{k}", 100, noise.random(), 99, noise.random(), noise.random()) for k in range(metrics)
                ]
                rows["tags"] += [(run_id, f"t{k}", f"v{noise.randrange(100)}") for k in range(5)]
            for table, columns in _TABLES.items():
                tx.bulk(table, columns, rows[table])
            for kind, size, prefix in (("param", 20, "p"), ("metric", metrics, "m"), ("tag", 5, "t")):
                note_keys(tx, project_id, kind, [f"{prefix}{k}" for k in range(size)])


def _p50(call: Callable[[], object], rounds: int = 15) -> float:
    call()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


def open_space(folder: Path, url: str = "") -> tuple[FolderWorkspace, str]:
    if url:
        database = open_database(url)
        dispatcher = open_dispatcher(database, FolderBlobs(folder / "blobs"), folder)
        space = FolderWorkspace(dispatcher, str(folder), folder, folder_actor(database, "owner"))
    else:
        space = open_folder(folder)
    return space, space.tracking.create_project(NewProject(path="bench")).id


def _kept_up(space: FolderWorkspace) -> None:
    """What a server does beside its requests, before anything is measured."""
    while make_cards(space.dispatcher.database, 2000):
        pass


def searches(folder: Path, counts: tuple[int, ...], server: PostgresServer | None = None) -> Iterator[Row]:
    """Filter and sort in process, first page of 100 with all values and the exact total."""
    where_to = "PostgreSQL" if server else "SQLite"
    aims = {10_000: "≤ 15 ms", 100_000: "≤ 40 ms"}
    for count in counts:
        space, project_id = open_space(folder / str(count), server.create_database() if server else "")
        seed_runs(space.dispatcher.database, project_id, count)
        _kept_up(space)
        if server:
            # The test server has no autovacuum, which would do this.
            with psycopg.connect(space.dispatcher.database.url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")

        def ask(where: str, sort: str = "", space: FolderWorkspace = space) -> float:
            return _p50(lambda: space.tracking.search_runs("bench", where, sort, 100))

        wide = ask("metrics.m0 > 0.5 and params.p0 = 0.1", "-metrics.m1")
        yield (
            f"filter + sort of {count:,} runs, 1 in 12 matches",
            f"{wide:.0f} ms",
            aims.get(count, ""),
            f"{where_to}; metric and param",
        )
        tagged = ask("tags.t0 = 'v7'")
        yield f"a tag's runs of {count:,}", f"{tagged:.0f} ms", "", f"{where_to}; 1 in 100 matches"
        yield (
            f"first page of {count:,} runs, by a metric",
            f"{ask('', '-metrics.m1'):.0f} ms",
            "",
            f"{where_to}; no filter",
        )
        space.close()
        shutil.rmtree(folder / str(count), ignore_errors=True)


def table(folder: Path) -> Iterator[Row]:
    """1,000 runs with 100 metrics each, as one page."""
    space, project_id = open_space(folder / "table")
    seed_runs(space.dispatcher.database, project_id, 1000, metrics=100)
    _kept_up(space)
    taken = _p50(lambda: space.tracking.search_runs("bench", limit=1000), 5)
    yield "table of 1,000 runs × 100 metrics (and 20 params, 5 tags)", f"{taken:.0f} ms", "≤ 150 ms", "in process"
    space.close()


def series(folder: Path) -> Iterator[Row]:
    """A run of ten single-precision series of 100,000 points, then one of a million."""
    space, _ = open_space(folder / "series")
    noise = random.Random(0)
    for keys, points, shown in ((10, 100_000, False), (1, 1_000_000, True)):
        run = space.tracking.create_run(NewRun(project="bench"))
        size = 10_000
        for frame, start in enumerate(range(0, points, size)):
            steps = array("q", range(start, start + size))
            times = array("d", [1.7e9 + step * 0.01 + noise.random() * 1e-4 for step in steps])
            packed = [
                pack_columns(f"m{k}", Columns(steps, times, array("d", array("f", [noise.random() for _ in steps]))))
                for k in range(keys)
            ]
            space.tracking.append(run.id, Batch(client="bench", first=frame, count=1, points=packed))
        database = space.dispatcher.database

        def stored(table: str, database: Database = database) -> int:
            with database.transaction(write=False) as tx:
                return int(tx.scalar(f"SELECT COALESCE(sum(length(data)), 0) FROM {table}"))

        before, hot = stored("block_pages"), stored("segments")
        began = time.perf_counter()
        while compact_run(database, run.id):
            pass
        took = time.perf_counter() - began
        if not shown:
            total = keys * points
            yield (
                "stored, before compaction",
                f"{hot / total:.1f} B/point",
                "≤ 12 B/point",
                "10 series, noise in float32",
            )
            yield (
                "stored, compacted",
                f"{(stored('block_pages') - before) / total:.1f} B/point",
                "≤ 4 B/point",
                f"{took / total * 1e6:.1f} µs/point",
            )
        else:
            chart = _p50(lambda run=run: space.tracking.series(run.id, ["m0"], 1000))  # type: ignore[misc]
            whole = _p50(lambda run=run: space.tracking.series(run.id, ["m0"]), 3)  # type: ignore[misc]
            yield "1,000-pixel chart of a 1 M-point series", f"{chart:.0f} ms", "≤ 15 ms", "in process"
            yield "a 1 M-point series whole, as lists", f"{whole:.0f} ms", "≤ 250 ms", "in process"
    space.close()


def runs_per_second(folder: Path) -> Iterator[Row]:
    """Runs created with 20 params, 20 metrics, 5 tags, and finished, in two durable commits each."""
    space, _ = open_space(folder / "created")
    points = {f"m{k}": Columns(array("q", [0]), array("d", [0.0]), array("d", [0.5])) for k in range(20)}

    def some() -> None:
        for _ in range(100):
            one()

    def one() -> None:
        params = [RunParam(f"p{k}", k / 10) for k in range(20)]
        run = space.tracking.create_run(NewRun(project="bench", params=params, tags={f"t{k}": "v" for k in range(5)}))
        packed = [pack_columns(key, columns) for key, columns in points.items()]
        end = RunEnd(RunStatus.FINISHED)
        space.tracking.append(run.id, Batch(client="bench", first=0, count=1, points=packed, end=end))

    threads = [threading.Thread(target=some) for _ in range(2)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = 200 / (time.perf_counter() - began)
    yield (
        "runs created with 20 params, 20 metrics, 5 tags, finished",
        f"{rate:,.0f} runs/s",
        "≥ 300 runs/s",
        "in process, 2 commits each",
    )
    space.close()


def on_postgres(folder: Path) -> Iterator[Row]:
    """The searches again, on a PostgreSQL server of the test kind."""
    if why_not():
        return
    server = PostgresServer()
    try:
        yield from searches(folder / "postgresql", (10_000, 100_000), server)
    finally:
        server.stop()


def measure(folder: str) -> list[Row]:
    """All of it."""
    here = Path(folder)
    return [
        *searches(here, (10_000, 100_000)),
        *on_postgres(here),
        *table(here),
        *series(here),
        *runs_per_second(here),
    ]
