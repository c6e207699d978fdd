"""MLflow's SQLite store, its file store and its server, written and read by MLflow itself."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runward.core.clock import to_us
from runward.errors import InvalidError
from runward.interop.exports.mlflow_rest import MlflowServerWriter
from runward.interop.exports.model import export_runs
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.opening import open_source
from runward.tracking.intake_model import SOURCE_ID_TAG, SOURCE_PROJECT_TAG, SOURCE_TAG, SOURCE_USER_TAG
from runward.tracking.model import RunPatch
from runward.workspace import FolderWorkspace, Workspace
from tests.interop.imports.conftest import bits, bring, by_name, need, points, write_with

_WORDS = {"finished": "FINISHED", "failed": "FAILED", "cancelled": "KILLED", "running": "RUNNING"}
_HIDDEN = {"api_key": "[redacted:param]", "url": "https://[redacted:url-password]@host/x"}


pytestmark = pytest.mark.slow
Written = tuple[Path, list[Any]]


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Written]:
    """Stores that MLflow wrote, and what MLflow reads in them."""
    need("mlflow")
    folder = tmp_path_factory.mktemp("mlflow")
    places = {"sqlite": folder / "database" / "mlflow.db", "files": folder / "files" / "mlruns"}
    for place in places.values():
        place.parent.mkdir()
    uris = [f"sqlite:///{places['sqlite']}", places["files"].as_uri()]
    told = write_with("write_mlflow.py", "write", *uris, cwd=folder).split("\n\n")
    return {
        name: (place, [json.loads(line) for line in text.splitlines()])
        for (name, place), text in zip(places.items(), told, strict=False)
    }


@pytest.fixture(params=["sqlite", "files"])
def written(request: pytest.FixtureRequest, stores: dict[str, Written]) -> Written:
    return stores[request.param]


def _check(space: Workspace, told: list[Any], root: str) -> None:
    for experiment, (run_id, name, status, start, end, user), params, tags, series, files in told:
        run = space.tracking.get_run(run_id).run
        path = {"/Users/ann@example.org/a:b": "Users/ann@example.org/a-b"}.get(experiment, experiment)
        assert run.project == f"{root}/{path}"
        assert (run.name, _WORDS[run.status], to_us(run.started_at) // 1000) == (name, status, start)
        assert (to_us(run.ended_at) // 1000 if run.ended_at else None) == end
        assert run.params == {key: _HIDDEN.get(key, value) for key, value in params.items()}
        kept = {key: value for key, value in run.tags.items() if not key.startswith("runward.")}
        assert kept == {key: _HIDDEN.get(key, value) for key, value in tags.items() if key != "mlflow.runName"}
        own = [run.tags[key] for key in (SOURCE_TAG, SOURCE_ID_TAG, SOURCE_PROJECT_TAG, SOURCE_USER_TAG)]
        assert own == ["mlflow", run_id, experiment, user]
        assert set(run.metrics) == set(series)
        for key, told_points in series.items():
            expected_points = [(step, at / 1000, bits(float(value))) for step, at, value in told_points]
            assert points(space, run_id, key) == sorted(expected_points, key=lambda point: point[0])
        found = space.tracking.get_run(run_id).artifacts
        assert {a.path: b"".join(space.files.artifact(run_id, a.path)).decode() for a in found} == files


def test_everything_is_as_mlflow_reads_it(space: FolderWorkspace, written: Written) -> None:
    where, told = written
    report = bring(space, "mlflow", where, project="old")
    assert (report.runs, report.created, report.files) == (5, 5, 4)
    assert report.lost["runs that are deleted in MLflow"] == 1
    assert report.redacted == 8
    _check(space, told, "old")


def test_over_http_it_is_the_same(space: FolderWorkspace, remote: Workspace, written: Written) -> None:
    where, told = written
    assert bring(remote, "mlflow", where, project="old").created == 5
    _check(space, told, "old")
    assert bring(space, "mlflow", where, project="old").unchanged == 5


def test_a_dry_run_stores_nothing_and_counts_the_same(space: FolderWorkspace, written: Written) -> None:
    where, _ = written
    dry = bring(space, "mlflow", where, dry_run=True)
    assert space.tracking.list_projects() == []
    real = bring(space, "mlflow", where)
    fields = ("runs", "created", "points", "files", "bytes", "redacted", "renamed", "lost")
    assert [getattr(dry, name) for name in fields] == [getattr(real, name) for name in fields]
    assert real.points == 4 * 9


def test_again_only_what_changed_comes(space: FolderWorkspace, written: Written, tmp_path: Path) -> None:
    """A run that grew is read again; what was added here stays."""
    where = tmp_path / "copy" / written[0].name
    shutil.copytree(written[0].parent, where.parent)
    bring(space, "mlflow", where)
    child = by_name(space)["child-3"]
    space.tracking.update_run(child.id, RunPatch(tags={"mine": "yes"}))
    if where.is_file():
        with sqlite3.connect(where) as connection:
            connection.execute(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES ('loss', 2.5, 9, ?, 99, 0)",
                (child.id,),
            )
        connection.close()
    else:
        with next(where.glob(f"*/{child.id}/metrics/loss")).open("a") as file:
            file.write("9 2.5 99\n")
    report = bring(space, "mlflow", where)
    assert (report.unchanged, report.updated, report.created) == (4, 1, 0)
    found = by_name(space)["child-3"]
    assert (found.metrics["loss"].n, found.metrics["loss"].last, found.tags["mine"]) == (7, 2.5, "yes")


def test_a_limit_and_a_choice_of_experiments(space: FolderWorkspace, written: Written) -> None:
    where, _ = written
    assert bring(space, "mlflow", where, experiments=("vision/*",)).created == 3
    assert bring(space, "mlflow", where, limit=1).runs == 1


def test_one_broken_run_keeps_nobody_back(space: FolderWorkspace, written: Written, tmp_path: Path) -> None:
    """It is named, with the file and the field, and comes once it is mended."""
    where = tmp_path / "copy" / written[0].name
    shutil.copytree(written[0].parent, where.parent)
    bad = next(said[0] for _, said, *_ in written[1] if said[1] == "child-1")
    if where.is_file():
        with sqlite3.connect(where) as connection:
            connection.execute("UPDATE runs SET end_time = 'soon' WHERE run_uuid = ?", (bad,))
        connection.close()
        words = "end_time is 'soon'"
    else:
        next(where.glob(f"*/{bad}/metrics/loss")).write_text("1 2 3\nnonsense\n")
        words = "metrics/loss, line 2: b'nonsense'"
    report = import_runs(space, open_source("mlflow", str(where)), Options())
    assert (report.created, [problem.run for problem in report.problems]) == (4, [bad])
    assert words in report.problems[0].message


def test_there_and_back_it_compares_equal(space: FolderWorkspace, stores: dict[str, Written], tmp_path: Path) -> None:
    """What MLflow reads in the exported stores is what it read in the first one, but for masked secrets."""
    where, told = stores["sqlite"]
    bring(space, "mlflow", where, project="old")
    space.close()
    answers = write_with("round_trip.py", space.place, tmp_path / "out", cwd=tmp_path).split("\n\n")
    expected = [_masked(document) for document in told]
    for text in answers[:2]:
        found = [json.loads(line) for line in text.splitlines()]
        assert sorted(found) == sorted(expected)


def _masked(document: Any) -> Any:
    experiment, info, params, tags, series, files = document
    params, tags = ({key: _HIDDEN.get(key, value) for key, value in of.items()} for of in (params, tags))
    return [experiment, info, params, tags, series, files]


def test_from_and_to_a_server(space: FolderWorkspace, stores: dict[str, Written], tmp_path: Path) -> None:
    """By MLflow's REST protocol, from one server of MLflow and back into it under another experiment."""
    shutil.copytree(stores["sqlite"][0].parent, tmp_path / "server")
    told = stores["sqlite"][1]
    with mlflow_server(tmp_path / "server" / "mlflow.db") as url:
        report = bring(space, "mlflow", url, project="old")
        assert (report.created, report.files, report.points) == (5, 4, 36)
        _check(space, told, "old")
        assert bring(space, "mlflow", url, project="old").unchanged == 5
        ids = [run.id for run in by_name(space).values()]
        done = export_runs(space, ids, MlflowServerWriter(url))
        assert (done.runs, done.problems) == (5, [])
        assert export_runs(space, ids, MlflowServerWriter(url)).unchanged == 5
        again = bring(space, "mlflow", url, project="new")
        assert (again.created, again.points) == (5, 36)
        new = by_name(space, "new")
        for name, run in by_name(space, "old").items():
            assert (new[name].params, new[name].status) == (run.params, run.status)
            assert (new[name].started_at, new[name].ended_at) == (run.started_at, run.ended_at)
            for key in run.metrics:
                assert points(space, new[name].id, key) == points(space, run.id, key)


@contextlib.contextmanager
def mlflow_server(database: Path) -> Iterator[str]:
    """A server of MLflow itself over a copy of a store."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        f"sqlite:///{database}",
        "--workers",
        "1",
    ]
    command += ["--artifacts-destination", str(database.parent / "mlartifacts"), "--port", str(port)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (database.parent / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=database.parent, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 170
            while True:
                try:
                    urllib.request.urlopen(f"{url}/health", timeout=5).close()
                    break
                except OSError:
                    assert process.poll() is None, (database.parent / "log.txt").read_text()
                    assert time.monotonic() < deadline, "MLflow's server did not start"
                    time.sleep(0.2)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize(
    ("content", "words"), [(None, "has no table 'experiments'"), (b"not a database" * 100, "could not be read")]
)
def test_what_is_no_mlflow_store_is_said(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "x.db"
    if content is None:
        sqlite3.connect(path).execute("CREATE TABLE runs (a)").connection.close()
    else:
        path.write_bytes(content)
    with pytest.raises(InvalidError, match=words):
        open_source("mlflow", str(path))
    with pytest.raises(InvalidError, match="no experiment"):
        open_source("mlflow", str(tmp_path))
