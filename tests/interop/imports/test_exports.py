"""Runs on their way out, read again by us and by the tools that they are meant for."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from runward.errors import InvalidError, MissingExtraError
from runward.interop.exports.json_file import JsonFile
from runward.interop.exports.mlflow import MlflowDatabaseWriter, MlflowFolderWriter
from runward.interop.exports.model import chosen_runs, export_runs
from runward.interop.exports.parquet import ParquetWriter
from runward.interop.exports.tensorboard import TensorboardWriter
from runward.testing.worlds import batch
from runward.tracking.model import NewArtifact, NewProject, NewRun, RunEnd, RunParam, RunStatus
from runward.workspace import FolderWorkspace
from tests.interop.imports.conftest import bring, by_name, load, need, points

VALUES = [0.1, math.nan, math.inf, -math.inf, -0.0, 5e-324, 1 / 3]
PARAMS = {"lr": 0.1, "n": 2**60, "name": "1", "on": True, "none": None, "deep": {"a": [1, 2]}}


@pytest.fixture
def original(space: FolderWorkspace) -> str:
    """A run with every sort of value; returns its id."""
    space.tracking.create_project(NewProject(path="vision/digits"))
    params = [RunParam(key, value) for key, value in PARAMS.items()]
    run = space.tracking.create_run(
        NewRun(project="vision/digits", name="a / b", params=params, tags={"k": "v"}, seed=7)
    )
    space.tracking.append(run.id, batch(0, {"loss": list(enumerate(VALUES)), "odd key:é": [(0, 1.0)]}))
    digest = space.files.put_bytes(run.project_id, b"weights")
    space.tracking.add_artifact(run.id, NewArtifact("model/w.bin", digest))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FAILED, 3, "boom"))
    return run.id


def _same(space: FolderWorkspace, first: str, second: str) -> None:
    one, other = space.tracking.get_run(first), space.tracking.get_run(second)
    assert other.run.params == one.run.params
    assert (other.run.status, other.run.started_at, other.run.ended_at) == (
        one.run.status,
        one.run.started_at,
        one.run.ended_at,
    )
    for key in one.run.metrics:
        assert points(space, second, key) == points(space, first, key)


def test_parquet_there_and_back(space: FolderWorkspace, original: str, tmp_path: Path) -> None:
    need("pyarrow")
    report = export_runs(space, [original], ParquetWriter(tmp_path / "out"))
    assert (report.runs, report.points, report.files, report.problems) == (1, 8, 1, [])
    assert bring(space, "parquet", tmp_path / "out", project="back").created == 1
    back = by_name(space, "back")["a / b"]
    assert back.project == "back/vision/digits"
    _same(space, original, back.id)
    found = space.tracking.get_run(back.id)
    assert (found.run.exit_code, found.run.error, found.run.seed, found.run.tags["k"]) == (3, "boom", 7, "v")
    assert [(a.path, a.digest) for a in found.artifacts] == [
        (a.path, a.digest) for a in space.tracking.get_run(original).artifacts
    ]
    assert bring(space, "parquet", tmp_path / "out", project="back").unchanged == 1


def test_parquet_is_read_without_us(space: FolderWorkspace, original: str, tmp_path: Path) -> None:
    """The tables have the columns that the documentation names."""
    parquet = load("pyarrow.parquet")
    export_runs(space, [original], ParquetWriter(tmp_path / "out"))
    rows = parquet.read_table(tmp_path / "out" / "points.parquet").to_pylist()
    assert next((row["step"], row["value"]) for row in rows if row["key"] == "loss") == (0, 0.1)
    assert set(rows[0]) == {"run_id", "key", "step", "time", "value"}
    runs = parquet.read_table(tmp_path / "out" / "runs.parquet").to_pylist()
    assert (runs[0]["id"], runs[0]["status"], runs[0]["started_at"].tzinfo is not None) == (original, "failed", True)


def test_what_is_no_export_is_said(tmp_path: Path, space: FolderWorkspace, original: str) -> None:
    need("pyarrow")
    with pytest.raises(InvalidError, match=r"has no runs\.parquet"):
        bring(space, "parquet", tmp_path)
    export_runs(space, [original], ParquetWriter(tmp_path / "out"))
    (tmp_path / "out" / "points.parquet").write_bytes((tmp_path / "out" / "tags.parquet").read_bytes())
    with pytest.raises(InvalidError, match="no column 'step'"):
        bring(space, "parquet", tmp_path / "out")
    (tmp_path / "out" / "points.parquet").write_bytes(b"PAR?")
    with pytest.raises(InvalidError, match="is no Parquet file"):
        bring(space, "parquet", tmp_path / "out")


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="pyarrow") as refused:
        ParquetWriter(tmp_path)
    assert "runward[parquet]" in refused.value.hint


def test_tensorboard_there_and_back(space: FolderWorkspace, original: str, tmp_path: Path) -> None:
    """Scalars are float64, so no digit is lost; params are hyperparameters."""
    report = export_runs(space, [original], TensorboardWriter(tmp_path / "logs"))
    assert report.lost == {"artifacts": 1, "tags": 1}
    bring(space, "tensorboard", tmp_path / "logs", project="back")
    (back,) = by_name(space, "back").values()
    for key in ("loss", "odd key:é"):
        assert points(space, back.id, key) == points(space, original, key)
    assert back.params == {**PARAMS, "n": str(2**60), "deep": "{'a': [1, 2]}"}
    assert back.status == "failed"


@pytest.mark.slow
def test_tensorboard_reads_what_we_write(space: FolderWorkspace, original: str, tmp_path: Path) -> None:
    need("tensorboard")
    accumulator = load("tensorboard.backend.event_processing.event_accumulator")
    export_runs(space, [original], TensorboardWriter(tmp_path / "logs"))
    (folder,) = (tmp_path / "logs").iterdir()
    found = accumulator.EventAccumulator(str(folder)).Reload()
    numbers = load("tensorboard.util.tensor_util")
    values = [numbers.make_ndarray(event.tensor_proto).item() for event in found.Tensors("loss")]
    assert [repr(value) for value in values] == [repr(value) for value in VALUES]
    assert found.SummaryMetadata("loss").plugin_data.plugin_name == "scalars"


def test_json_is_one_document(space: FolderWorkspace, original: str, tmp_path: Path) -> None:
    report = export_runs(space, chosen_runs(space, ["a / b"], "vision"), JsonFile(tmp_path / "out" / "runs.json"))
    assert report.runs == 1
    document = json.loads((tmp_path / "out" / "runs.json").read_bytes(), parse_constant=pytest.fail)
    assert document["format"] == "runward-runs-1"
    assert document["runs"][0]["run"]["run"]["id"] == original
    loss = next(series for series in document["runs"][0]["series"] if series["key"] == "loss")
    assert loss["special"] == {"1": "NaN", "2": "Infinity", "3": "-Infinity"}


def test_mlflows_file_store_there_and_back(space: FolderWorkspace, original: str, tmp_path: Path) -> None:
    """Written without MLflow; a second time there is nothing to do."""
    assert export_runs(space, [original], MlflowFolderWriter(tmp_path / "mlruns")).problems == []
    assert export_runs(space, [original], MlflowFolderWriter(tmp_path / "mlruns")).unchanged == 1
    bring(space, "mlflow", tmp_path / "mlruns", project="back")
    back = by_name(space, "back")["a / b"]
    assert back.project == "back/vision/digits"
    assert back.params["lr"] == "0.1"
    assert (back.tags["runward.id"], back.tags["k"], back.status) == (original, "v", "failed")
    assert [(step, value) for step, _, value in points(space, back.id, "loss")] == [
        (step, value) for step, _, value in points(space, original, "loss")
    ]
    assert set(back.metrics) == {"loss", "odd key:é"}


def test_keys_that_mlflow_refuses_get_names_of_their_own_inside_the_folder(
    space: FolderWorkspace, tmp_path: Path
) -> None:
    """No key leads out of the folder that was asked for, and none is written over another one."""
    space.tracking.create_project(NewProject(path="p"))
    odd = {"../../../../out": "1", "a!b": "2", "a?b": "3", "a_b": "4", "x/./y//z": "5", "q/..": "6", "日本": "7"}
    run = space.tracking.create_run(NewRun(project="p", name="odd", tags=odd))
    space.tracking.append(run.id, batch(0, {key: [(0, float(value))] for key, value in odd.items()}))
    report = export_runs(space, [run.id], MlflowFolderWriter(tmp_path / "a" / "b" / "mlruns"))
    assert (report.runs, report.points, report.problems) == (1, 7, [])
    assert [path.name for path in (tmp_path / "a").rglob("*") if path.is_file() and "mlruns" not in path.parts] == []
    bring(space, "mlflow", tmp_path / "a" / "b" / "mlruns", project="back")
    back = by_name(space, "back")["odd"]
    names = {"_/_/_/_/out": 1, "a_b_2": 2, "a_b_3": 3, "a_b": 4, "x/_/y/z": 5, "q/_": 6, "日本": 7}
    assert {key: last.last for key, last in back.metrics.items()} == names
    assert {key: float(back.tags[key]) for key in names} == names


def test_a_new_mlflow_database_needs_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match="only MLflow can make a new database"):
        MlflowDatabaseWriter(tmp_path / "new.db")


def test_a_run_that_does_not_fit_keeps_nobody_back(space: FolderWorkspace, original: str, tmp_path: Path) -> None:
    """MLflow's file store cannot hold a key that is also the beginning of another one."""
    run = space.tracking.create_run(NewRun(project="vision/digits", name="bad", tags={"a": "1", "a/b": "2"}))
    report = export_runs(space, [run.id, original], MlflowFolderWriter(tmp_path / "mlruns"))
    assert (report.runs, [problem.run for problem in report.problems]) == (1, [run.id])
    assert "beginning of another" in report.problems[0].message


def test_nothing_chosen_is_an_error(space: FolderWorkspace) -> None:
    with pytest.raises(InvalidError, match="no runs are chosen"):
        list(chosen_runs(space, []))
