"""A Process Run Crate is read by the library of RO-Crate's makers, and holds what it says."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from runward.core.hashing import digest_bytes
from runward.errors import ConflictError
from runward.interop.exports.model import export_runs
from runward.interop.exports.rocrate import RoCrateWriter
from runward.repro import certificate
from runward.repro.verify import verify
from runward.testing.worlds import batch
from runward.tracking.model import NewArtifact, NewProject, NewRun, RunEnd, RunParam, RunStatus
from runward.workspace import FolderWorkspace
from tests.extras import needs


def _read(folder: Path) -> Any:
    needs("rocrate", "interop")
    from rocrate.rocrate import ROCrate

    return ROCrate(folder)


def _tracked(space: FolderWorkspace, tree: Path) -> str:
    tree.mkdir()
    (tree / "train.py").write_text("print('sum', sum(float(x) for x in open('data.csv')))\n")
    (tree / "data.csv").write_text("1\n2\n")
    command = [sys.executable, "-m", "runward", "run", "--", sys.executable, "train.py"]
    environment = {**os.environ, "RUNWARD_DIR": space.place}
    subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True)
    return space.tracking.resolve_run("@last").id


def test_a_verified_command_with_its_inputs_program_and_certificate(
    folder_workspace: FolderWorkspace, tmp_path: Path
) -> None:
    needs("cryptography", "dev")
    space = folder_workspace
    run_id = _tracked(space, tmp_path / "tree")
    assert verify(space, run_id, level="basic").report.level == "basic"
    report = export_runs(space, [run_id], RoCrateWriter(tmp_path / "crate"))
    assert (report.runs, report.problems) == (1, [])
    crate = _read(tmp_path / "crate")
    assert crate.root_dataset["conformsTo"].id == "https://w3id.org/ro/wfrun/process/0.5"
    (action,) = crate.root_dataset["mentions"]
    assert action.type == "CreateAction"
    assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
    assert action["instrument"]["name"] == "train.py"
    assert "pytest" in {package["name"] for package in action["instrument"]["softwareRequirements"]}
    data = digest_bytes(b"1\n2\n")
    assert f"blake3:{data}" in {one["identifier"] for one in action["object"] if one.type == "DigitalDocument"}
    (signed,) = [one for one in action["subjectOf"] if one.id.startswith(f"runs/{run_id}/certificates/")]
    envelope = msgspec.json.decode((tmp_path / "crate" / signed.id).read_bytes(), type=certificate.Envelope)
    statement = certificate.verify(envelope, space.repro.signing_key().public_key.encode())
    assert statement.predicate["run"] == run_id


def test_names_with_anything_in_them_and_values_that_are_no_numbers(
    folder_workspace: FolderWorkspace, tmp_path: Path
) -> None:
    space = folder_workspace
    space.tracking.create_project(NewProject(path="p"))
    ids = []
    for number in range(2):
        params = [RunParam("../é #?", {"a": [1, None]}), RunParam("lr", 0.1 + 0.2)]
        run = space.tracking.create_run(NewRun(project="p", name='a "b" / <c>', params=params))
        space.tracking.append(run.id, batch(0, {"loss %": [(0, 1.0), (1, math.nan)]}))
        digest = space.files.put_bytes(run.project_id, b"%d" % number)
        space.tracking.add_artifact(run.id, NewArtifact("plots/a b#1 é.bin", digest))
        space.tracking.end_run(run.id, RunEnd(RunStatus.FAILED, 3, "boom"))
        ids.append(run.id)
    report = export_runs(space, ids, RoCrateWriter(tmp_path / "crate"))
    assert (report.runs, report.files, report.problems) == (2, 2, [])
    crate = _read(tmp_path / "crate")
    actions = crate.root_dataset["mentions"]
    assert [action["error"] for action in actions] == ["boom", "boom"]
    for number, action in enumerate(actions):
        results = {one["name"]: one for one in action["result"]}
        assert results["loss %"]["value"] == "NaN"
        file = tmp_path / "crate" / unquote(results["a b#1 é.bin"].id)
        assert file.read_bytes() == b"%d" % number
        assert {one["name"]: one["value"] for one in action["object"]} == {
            "../é #?": json.dumps({"a": [1, None]}),
            "lr": 0.1 + 0.2,
        }
    assert all(path.is_relative_to(tmp_path / "crate") for path in (tmp_path / "crate").rglob("*"))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ConflictError, match="not an empty folder"):
        RoCrateWriter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
