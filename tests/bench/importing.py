"""How fast whole histories come in: 30,000 runs from MLflow's SQLite store, and the same again from Parquet."""

from __future__ import annotations

import importlib.util
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from runward.interop.exports.model import chosen_runs, export_runs
from runward.interop.exports.parquet import ParquetWriter
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.opening import open_source
from runward.workspace import open_folder

Row = tuple[str, str, str, str]
RUNS = 30_000
_EMPTY = (
    "import sys; from mlflow import MlflowClient; MlflowClient('sqlite:///' + sys.argv[1]).create_experiment('bench')"
)


def measure(folder: str, runs: int = RUNS) -> list[Row]:
    """Seconds of both imports; without MLflow or pyarrow their lines are missing."""
    if importlib.util.find_spec("mlflow") is None or importlib.util.find_spec("pyarrow") is None:
        return []
    store = Path(folder, "mlflow.db")
    seed_mlflow(store, runs)
    first = _imported(Path(folder, "one"), "mlflow", store, runs)
    space = open_folder(Path(folder, "one"), "owner")
    export_runs(space, chosen_runs(space, (), "bench"), ParquetWriter(Path(folder, "tables")))
    space.close()
    shutil.rmtree(Path(folder, "one"))
    second = _imported(Path(folder, "two"), "parquet", Path(folder, "tables"), runs)
    what = f"{runs:,} runs with 20 params, 60 points and 5 tags each"
    return [
        (f"`runward import mlflow` of {what}", *first),
        ("`runward import parquet` of the same", *second),
    ]


def seed_mlflow(store: Path, runs: int) -> None:
    """An MLflow store made by MLflow, its rows written straight into the tables: its client would take ten minutes."""
    subprocess.run([sys.executable, "-c", _EMPTY, str(store)], check=True, capture_output=True)
    with sqlite3.connect(store) as connection:
        (experiment,) = connection.execute("SELECT experiment_id FROM experiments WHERE name = 'bench'").fetchone()
        noise = random.Random(1)
        ids = [f"{noise.getrandbits(128):032x}" for _ in range(runs)]
        connection.executemany(
            """INSERT INTO runs (run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri,
               experiment_id) VALUES (?, ?, 'ann', 'FINISHED', ?, ?, 'active', ?, ?)""",
            ((run, f"run-{n}", n * 1000, n * 1000 + 500, f"/nowhere/{run}", experiment) for n, run in enumerate(ids)),
        )
        connection.executemany("INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)", _params(ids, noise))
        connection.executemany("INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?)", _tags(ids))
        connection.executemany(
            "INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
            _points(ids, noise),
        )
    connection.close()


def _params(ids: list[str], noise: random.Random) -> Iterator[tuple[str, str, str]]:
    return ((run, f"p{k}", str(noise.random())) for run in ids for k in range(20))


def _tags(ids: list[str]) -> Iterator[tuple[str, str, str]]:
    return ((run, f"t{k}", f"value {k} {n % 7}") for n, run in enumerate(ids) for k in range(5))


def _points(ids: list[str], noise: random.Random) -> Iterator[tuple[str, str, float, int, int]]:
    return ((run, f"m{k}", noise.random(), step * 1000, step) for run in ids for k in range(20) for step in range(3))


def _imported(workspace: Path, tool: str, where: Path, runs: int) -> tuple[str, str, str]:
    space = open_folder(workspace, "owner")
    began, cpu = time.monotonic(), time.process_time()
    report = import_runs(space, open_source(tool, str(where)), Options())
    seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu
    space.close()
    assert (report.created, report.problems) == (runs, [])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return f"{seconds:.0f} s", "≤ 60 s", f"{cpu_s:.0f} s of CPU; at most {peak} MiB of memory"
