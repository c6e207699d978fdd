"""W&B's offline runs, written by wandb itself and compared with what was logged."""

from __future__ import annotations

import json
import math
import struct
import zlib
from pathlib import Path

import pytest

from runward.errors import InvalidError
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.opening import open_source
from runward.interop.imports.wire import log_records, message, text
from runward.workspace import FolderWorkspace
from tests.interop.imports.conftest import bits, bring, by_name, load, need, points, write_with

VALUES = [0.1, math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.0]


@pytest.fixture(scope="session")
def wrote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("wandb")
    folder = tmp_path_factory.mktemp("wandb")
    write_with("write_wandb.py", cwd=folder, WANDB_DIR=str(folder), WANDB_DATA_DIR=str(folder / "data"))
    return folder / "wandb"


@pytest.mark.slow
def test_everything_that_was_logged_is_there(space: FolderWorkspace, wrote: Path) -> None:
    report = bring(space, "wandb", wrote)
    assert (report.runs, report.redacted) == (2, 1)
    assert report.lost == {"values in history that are no numbers (text, lists)": 7}
    first = by_name(space)["first"]
    assert (first.project, first.status, first.purpose, first.exit_code) == ("digits", "finished", "why it runs", 0)
    hidden = "[redacted:param]"
    assert first.params == {"lr": 0.1, "opt.name": "adam", "opt.betas": [0.9, 0.999], "wandb_token": hidden}
    assert {"fast", "b"} <= set(first.tags)
    assert (first.tags["wandb.group"], first.tags["wandb.job_type"]) == ("seeds", "train")
    assert [(step, value) for step, _, value in points(space, first.id, "loss")] == [
        (step, bits(value)) for step, value in enumerate(VALUES)
    ]
    assert [value for _, _, value in points(space, first.id, "deep.er")] == [bits(float(n)) for n in range(7)]
    assert [step for step, _, _ in points(space, first.id, "late")] == [2**40]
    assert first.metrics["best"].last == 0.125
    shown = {key for key in first.metrics if not key.startswith("system/")}
    assert shown == {"loss", "deep.er", "ok", "late", "best"}
    start, end = first.started_at.timestamp(), first.ended_at.timestamp() if first.ended_at else 0
    assert all(start <= at <= end for _, at, _ in points(space, first.id, "loss"))


@pytest.mark.slow
def test_media_artifacts_and_output(space: FolderWorkspace, wrote: Path) -> None:
    bring(space, "wandb", wrote)
    run = by_name(space)["first"]
    found = {artifact.path: artifact for artifact in space.tracking.get_run(run.id).artifacts}

    def content(path: str) -> bytes:
        return b"".join(space.files.artifact(run.id, path))

    step = 2**40
    assert content(f"media/picture/{step}.png").startswith(b"\x89PNG")
    assert {f"media/pictures/{step}-1.png", f"media/pictures/{step}-2.png"} <= set(found)
    spread = found[f"media/spread/{step + 1}.json"]
    assert spread.media_type == "application/vnd.runward.histogram+json"
    assert json.loads(content(spread.path)) == {"edges": [0.0, 0.5, 1.0, 1.5], "counts": [1, 2, 4]}
    table = found[f"media/table/{step + 2}.table.json"]
    assert table.media_type == "application/vnd.runward.table+json"
    assert {k: v for k, v in json.loads(content(table.path)).items() if k in ("columns", "data")} == {
        "columns": ["a", "b"],
        "data": [[1, "x"], [2, "y"]],
    }
    assert content("artifacts/model/weights.txt") == b"weights"
    assert "hello from the run" in content("output.log").decode()
    said = "".join(chunk.text for chunk in space.tracking.output(run.id).chunks)
    assert "hello from the run" in said


@pytest.mark.slow
def test_a_failed_run_and_what_wandb_itself_parses(space: FolderWorkspace, wrote: Path) -> None:
    """W&B's own message classes read the same fields out of the records that our reader finds."""
    bring(space, "wandb", wrote)
    assert (by_name(space)["second"].status, by_name(space)["second"].exit_code) == ("failed", 3)
    records = load("wandb.proto.wandb_internal_pb2")
    file = next(wrote.glob("*second02/*.wandb"))
    for data in log_records(file, b":W&B\xe1\xbe\x00"):
        record = records.Record.FromString(data)
        if record.WhichOneof("record_type") == "run":
            said = message(message(data)[17])
            assert (
                (text(said[1]), text(said[8])) == (record.run.run_id, record.run.display_name) == ("second02", "second")
            )
            return
    pytest.fail("no record of the run")


def _record(data: bytes) -> bytes:
    return struct.pack("<IHB", zlib.crc32(b"\x01" + data), len(data), 1) + data


def _file(path: Path, *records: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b":W&B\xe1\xbe\x00" + b"".join(_record(data) for data in records))
    return path


def _field(number: int, data: bytes) -> bytes:
    return (
        bytes([number << 3 & 127 | 2 | (128 if number > 15 else 0), *([number >> 4] if number > 15 else []), len(data)])
        + data
    )


RUN = _field(17, _field(1, b"abc") + _field(3, b"p") + _field(8, b"crashed"))
POINT = _field(2, _field(1, _field(1, b"loss") + b"\x82\x01" + b"\x040.25") + _field(2, b"\x08\x03"))


def test_a_run_without_an_end_failed_and_comes_again_when_it_grows(space: FolderWorkspace, tmp_path: Path) -> None:
    """A last record that is cut is not there yet; the run says that it has no end."""
    path = _file(tmp_path / "w" / "run-abc.wandb", RUN, POINT)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    bring(space, "wandb", path.parent)
    run = by_name(space)["crashed"]
    assert (run.status, run.metrics, "has no end" in run.error) == ("failed", {}, True)
    path.write_bytes(whole + _record(_field(18, b"")))
    assert bring(space, "wandb", path.parent).updated == 1
    run = by_name(space)["crashed"]
    assert (run.status, run.error, [p[0] for p in points(space, run.id, "loss")]) == ("finished", "", [3])


def test_damage_is_named_and_keeps_nobody_back(space: FolderWorkspace, tmp_path: Path) -> None:
    bad = _file(tmp_path / "a" / "run-bad.wandb", RUN, POINT)
    data = bytearray(bad.read_bytes())
    data[-1] ^= 1
    bad.write_bytes(data)
    _file(tmp_path / "b" / "run-nonsense.wandb", RUN, _field(2, _field(1, b"\x82\x01\x03wat")))
    _file(tmp_path / "c" / "run-good.wandb", RUN)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "run-other.wandb").write_bytes(b"something else")
    report = import_runs(space, open_source("wandb", str(tmp_path)), Options())
    assert report.created == 1
    problems = {problem.run: problem.message for problem in report.problems}
    assert set(problems) == {"bad", "nonsense", "other"}
    assert "does not match its checksum" in problems["bad"]
    assert "record history: value 'wat'" in problems["nonsense"]
    assert "does not begin with" in problems["other"]


def test_a_folder_without_runs_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"no run-ID\.wandb"):
        open_source("wandb", str(tmp_path))
