"""Folders of other tools that somebody sent: what they name on this machine is not brought along with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runward.interop.imports.model import Foreign, files_below, inside
from runward.interop.imports.opening import open_source


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of whoever imports, beside what they were sent."""
    found = tmp_path / "home" / "id_rsa"
    found.parent.mkdir()
    found.write_text("secret")
    return found


def _read(tool: str, folder: Path) -> list[Foreign]:
    source = open_source(tool, str(folder))
    heads: list[Any] = list(source.heads())
    return [run for run in source.read(heads) if isinstance(run, Foreign)]


@pytest.mark.parametrize(
    "place", ["../../home/id_rsa", "/home/id_rsa", "link", "folder/id_rsa", "a\0b", "x" * 5000, "", "."]
)
def test_what_a_source_names_lies_in_its_folder(tmp_path: Path, secret: Path, place: str) -> None:
    folder = tmp_path / "sent" / "files"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(secret)
    (folder / "folder").symlink_to(secret.parent)
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "own").write_text("own")
    (folder / "linked").symlink_to("own")
    place = str(secret) if place.startswith("/") else place
    assert not inside(folder, place)
    assert [path.name for path in files_below(folder)] == ["linked", "own"]


def test_a_folder_of_sacred_brings_only_itself(tmp_path: Path, secret: Path) -> None:
    """By a path that leads up, by an absolute one, and by a link."""
    run = tmp_path / "sent" / "1"
    run.mkdir(parents=True)
    named = [["a.py", "../../home/id_rsa"], ["b.py", str(secret)], ["c.py", "../home/id_rsa"]]
    said = {"experiment": {"name": "e", "sources": named}, "resources": named, "status": "COMPLETED"}
    moments = {
        "start_time": "2024-01-01T00:00:00",
        "stop_time": "2024-01-01T00:00:01",
        "heartbeat": "2024-01-01T00:00:01",
    }
    (run / "run.json").write_text(json.dumps({**said, **moments}))
    (run / "config.json").write_text("{}")
    (run / "model.bin").symlink_to(secret)
    (run / "own.txt").write_text("own")
    (found,) = _read("sacred", tmp_path / "sent")
    names = [file.path for file in found.files]
    assert "own.txt" in names
    assert [file.content for file in found.files if Path(str(file.content)).resolve() == secret] == []


def test_a_folder_of_mlflow_brings_no_linked_file(tmp_path: Path, secret: Path) -> None:
    run = tmp_path / "sent" / "0" / ("a" * 32)
    (run / "artifacts").mkdir(parents=True)
    (run.parent / "meta.yaml").write_text(
        "experiment_id: '0'\nname: e\nartifact_location: ''\nlifecycle_stage: active\n"
    )
    meta = {"run_id": "a" * 32, "name": "r", "status": 3, "start_time": 1, "end_time": 2, "lifecycle_stage": "active"}
    (run / "meta.yaml").write_text("\n".join(f"{key}: {value}" for key, value in meta.items()))
    (run / "artifacts" / "model.bin").symlink_to(secret)
    (run / "artifacts" / "own.txt").write_text("own")
    (found,) = _read("mlflow", tmp_path / "sent")
    assert [file.path for file in found.files] == ["own.txt"]
