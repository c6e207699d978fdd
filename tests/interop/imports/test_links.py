"""An MLflow file store that somebody sent: what its links name is this machine's, and nobody asked for it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from runward.interop.exports.mlflow import MlflowFolderWriter
from runward.interop.exports.model import export_runs
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.opening import open_source
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun, RunParam
from runward.workspace import FolderWorkspace
from tests.interop.imports.conftest import bring, by_name


@pytest.fixture
def sent(space: FolderWorkspace, tmp_path: Path) -> Path:
    """The folder of a run in MLflow's file store."""
    space.tracking.create_project(NewProject(path="p"))
    run = space.tracking.create_run(NewRun(project="p", name="lifecycle_stage: deleted", params=[RunParam("lr", "1")]))
    space.tracking.append(run.id, batch(0, {"loss": [(0, 1.0), (1, 0.5)]}))
    export_runs(space, [run.id], MlflowFolderWriter(tmp_path / "mlruns"))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("17 1 0\n")
    return next((tmp_path / "mlruns").glob("*/*/meta.yaml")).parent


def _values(space: FolderWorkspace) -> tuple[dict[str, object], set[str]]:
    run = by_name(space, "back")["lifecycle_stage: deleted"]
    return run.params, set(run.metrics)


def test_links_that_lead_out_bring_nothing(space: FolderWorkspace, sent: Path, tmp_path: Path) -> None:
    for part in ("params", "tags", "metrics", "artifacts"):
        (sent / part).mkdir(exist_ok=True)
        (sent / part / "stolen").symlink_to(tmp_path / "secret" / "key")
        (sent / part / "folder").symlink_to(tmp_path / "secret")
        (sent / part / "gone").symlink_to(tmp_path / "nowhere")
        (sent / part / "loop").symlink_to(sent)
    (sent / "params" / "again").symlink_to(sent / "params" / "lr")
    report = bring(space, "mlflow", tmp_path / "mlruns", project="back")
    assert (report.created, report.files, report.problems) == (1, 0, [])
    assert _values(space) == ({"lr": "1", "again": "1"}, {"loss"})


def test_a_whole_part_that_is_a_link_brings_nothing(space: FolderWorkspace, sent: Path, tmp_path: Path) -> None:
    (sent / "inputs").symlink_to(tmp_path / "secret")
    (sent / "params" / "lr").unlink()
    (sent / "params").rmdir()
    (sent / "params").symlink_to(tmp_path / "secret")
    assert bring(space, "mlflow", tmp_path / "mlruns", project="back").created == 1
    assert _values(space) == ({}, {"loss"})


def test_what_is_no_file_is_not_waited_for(space: FolderWorkspace, sent: Path, tmp_path: Path) -> None:
    os.mkfifo(sent / "params" / "pipe")
    assert bring(space, "mlflow", tmp_path / "mlruns", project="back").created == 1
    assert _values(space) == ({"lr": "1"}, {"loss"})


def test_a_folder_that_a_store_names_is_read_beside_it_or_where_the_importer_says(
    space: FolderWorkspace, sent: Path, tmp_path: Path
) -> None:
    """Any run may name any folder of this machine as that of its artifacts."""
    meta = sent / "meta.yaml"
    lines = [line for line in meta.read_text().splitlines() if not line.startswith("artifact_uri:")]
    meta.write_text("\n".join([*lines, f"artifact_uri: {(tmp_path / 'secret').as_uri()}\n"]))
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(sent / "artifacts")
    (tmp_path / "got").mkdir()
    (tmp_path / "mlruns").rename(tmp_path / "got" / "mlruns")
    report = bring(space, "mlflow", tmp_path / "got" / "mlruns", project="back")
    assert (report.created, report.files) == (1, 0)
    assert any("outside of" in what and "--artifacts" in what for what in report.lost)
    source = open_source("mlflow", str(tmp_path / "got" / "mlruns"), tmp_path / "secret")
    named = import_runs(space, source, Options(project="back"))
    assert (named.updated, named.files, named.problems) == (1, 1, [])
