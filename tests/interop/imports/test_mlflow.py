"""MLflow's SQLite store, its file store and its server, written and read by MLflow itself."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from runward.core.clock import to_us
from runward.errors import InvalidError
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.opening import open_source
from runward.tracking.intake_model import SOURCE_ID_TAG, SOURCE_PLACE_TAG, SOURCE_TAG, VERSION_TAG
from runward.tracking.model import RunPatch
from runward.workspace import FolderWorkspace, Workspace
from tests.interop.imports.conftest import bits, bring, by_name, need, points, write_with

_WORDS = {"finished": "FINISHED", "failed": "FAILED", "cancelled": "KILLED", "running": "RUNNING"}
_HIDDEN = {"api_key": "[redacted:param]", "url": "https://[redacted:url-password]@host/x"}
_OWN = (SOURCE_TAG, SOURCE_ID_TAG, SOURCE_PLACE_TAG, VERSION_TAG)


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
        kept = {key: value for key, value in run.tags.items() if key not in _OWN}
        expected = {key: _HIDDEN.get(key, value) for key, value in tags.items() if key != "mlflow.runName"}
        assert kept == {"mlflow.user": user, **expected}
        assert run.tags[SOURCE_TAG] == "mlflow"
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
