"""Event files, written by tensorboardX and TensorBoard and compared with what TensorBoard reads."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from runward.errors import InvalidError
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.opening import open_source
from runward.workspace import FolderWorkspace
from tests.interop.imports.conftest import bits, bring, by_name, need, points, write_with


@pytest.fixture(scope="session")
def wrote(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    need("tensorboard")
    need("tensorboardX")
    folder = tmp_path_factory.mktemp("tensorboard") / "logs"
    folder.mkdir()
    return folder, json.loads(write_with("write_tensorboard.py", folder, cwd=folder))


@pytest.mark.slow
def test_scalars_are_as_tensorboard_reads_them(space: FolderWorkspace, wrote: tuple[Path, dict[str, Any]]) -> None:
    """Of both kinds of summaries, bit by bit, with their times."""
    folder, told = wrote
    report = bring(space, "tensorboard", folder, project="old")
    assert (report.runs, report.lost) == (2, {})
    for name, tags in told.items():
        run = by_name(space)[name]
        assert run.project == "old/logs"
        for tag, expected in tags.items():
            if len(expected[0]) == 3:
                wanted = [(step, at, bits(float(value))) for step, at, value in expected]
                assert points(space, run.id, tag) == wanted
    assert set(by_name(space)["a/train"].metrics) == {"train/loss"}
    second = by_name(space)["b"]
    assert second.params == {"lr": 0.1, "name": "adam", "big": True}
    assert second.started_at.timestamp() <= 1_700_000_000.5
    assert by_name(space)["a/train"].ended_at is not None


@pytest.mark.slow
def test_media_are_carried_over(space: FolderWorkspace, wrote: tuple[Path, dict[str, Any]]) -> None:
    folder, told = wrote
    bring(space, "tensorboard", folder)
    first, second = by_name(space)["a/train"], by_name(space)["b"]

    def content(run_id: str, path: str) -> bytes:
        return b"".join(space.files.artifact(run_id, path))

    step, picture = told["a/train"]["picture"][0]
    assert content(first.id, f"media/picture/{step}.png") == base64.b64decode(picture)
    found = {artifact.path: artifact.media_type for artifact in space.tracking.get_run(first.id).artifacts}
    assert found["media/weights/3.json"] == "application/vnd.runward.histogram+json"
    weights = json.loads(content(first.id, "media/weights/3.json"))
    assert len(weights["edges"]) == len(weights["counts"]) + 1
    assert sum(weights["counts"]) == 10
    assert content(first.id, "media/note/text_summary/1.txt") == b"hello *you*"
    assert json.loads(content(second.id, "media/spread/1.json")) == {"edges": [0.0, 1.0, 2.0], "counts": [5.0, 7.0]}


@pytest.mark.slow
def test_a_file_that_grows_or_is_damaged(
    space: FolderWorkspace, wrote: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """What is not whole yet is left for the next time; a wrong checksum names file and byte."""
    for name, source in (("cut", "b"), ("bad", "b"), ("good", "a/train")):
        (tmp_path / "logs" / name).mkdir(parents=True)
        data = next((wrote[0] / source).glob("*tfevents*")).read_bytes()
        (tmp_path / "logs" / name / f"events.out.tfevents.1.{name}").write_bytes(data)
    cut, bad = (next((tmp_path / "logs" / name).iterdir()) for name in ("cut", "bad"))
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    bad.write_bytes(whole[:60] + bytes([whole[60] ^ 1]) + whole[61:])
    report = import_runs(space, open_source("tensorboard", str(tmp_path / "logs")), Options())
    assert (report.created, [problem.run for problem in report.problems]) == (2, ["bad"])
    assert "tfevents.1.bad: the record at byte" in report.problems[0].message
    before = by_name(space)["cut"].metrics["loss"].n
    cut.write_bytes(whole)
    bad.write_bytes(whole)
    report = import_runs(space, open_source("tensorboard", str(tmp_path / "logs")), Options())
    assert (report.created, report.updated, report.unchanged, report.problems) == (1, 1, 1, [])
    assert by_name(space)["cut"].metrics["loss"].n == 6 > before


def test_a_folder_without_event_files_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="has no event file"):
        open_source("tensorboard", str(tmp_path))
