"""An import as a program: stopped by Ctrl-C, killed, and started again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runward.workspace import open_folder

RUNS = 2000
_SCHEMA = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, status TEXT, start_time BIGINT, end_time BIGINT,
    lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
CREATE TABLE metrics (key TEXT, value REAL, timestamp BIGINT, run_uuid TEXT, step BIGINT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
CREATE INDEX of_run ON metrics (run_uuid);
INSERT INTO experiments VALUES (1, 'old');
"""


def _store(path: Path) -> dict[str, list[float]]:
    """A store of MLflow's layout; the values of each run's loss."""
    expected = {f"{number:032x}": [number + step / 8 for step in range(3)] for number in range(RUNS)}
    with sqlite3.connect(path) as connection:
        connection.executescript(_SCHEMA)
        connection.executemany(
            "INSERT INTO runs VALUES (?, ?, 'FINISHED', 1, 2, 'active', '', 1)", ((run, run) for run in expected)
        )
        connection.executemany(
            "INSERT INTO metrics VALUES ('loss', ?, 1000, ?, ?)",
            ((value, run, step) for run, values in expected.items() for step, value in enumerate(values)),
        )
    connection.close()
    return expected


def _import(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "runward", "import", "mlflow", str(folder / "mlflow.db")]
    environment = {**os.environ, "RUNWARD_DIR": str(folder / "ws")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _imported(folder: Path) -> int:
    """How many runs are stored by now, without waiting for the importer."""
    try:
        with sqlite3.connect(f"file:{folder}/ws/runward.db?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
    except sqlite3.Error:
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_an_import_that_is_stopped_continues(tmp_path: Path, blow: signal.Signals) -> None:
    """After some of the runs; started again it takes the rest, and everything is there once."""
    expected = _store(tmp_path / "mlflow.db")
    with _import(tmp_path) as process:
        deadline = time.monotonic() + 120
        while not _imported(tmp_path) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(blow)
        _, said = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if blow is signal.SIGKILL else 130), said
    assert b"Traceback" not in said
    before = _imported(tmp_path)
    assert 0 < before < RUNS
    with _import(tmp_path) as again:
        told, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert f"{RUNS - before:,} new, 0 updated, {before:,} unchanged".encode() in told
    space = open_folder(tmp_path / "ws", "owner")
    assert not any(space.tracking.get_run(run).artifacts for run in list(expected)[:3])  # Their URI is empty.
    for run, values in expected.items():
        series = space.tracking.series(run, ["loss"]).series[0]
        assert (series.n, list(series.steps), list(series.values)) == (3, [0, 1, 2], values)
    space.close()
