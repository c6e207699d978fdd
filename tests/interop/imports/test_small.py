"""trackio, Sacred and Comet: written by the tools themselves."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest

from runward.errors import InvalidError
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.model import from_iso
from runward.interop.imports.opening import open_source
from runward.workspace import FolderWorkspace
from tests.interop.imports.conftest import bits, bring, by_name, need, points, write_with

VALUES = [0.1, math.nan, math.inf, -math.inf, -0.0, 5e-324, 3.0]
LOSS = [(step, bits(value)) for step, value in enumerate(VALUES)]


def _values(space: FolderWorkspace, run_id: str, key: str) -> list[tuple[int, bytes]]:
    return [(step, value) for step, _, value in points(space, run_id, key)]


def _content(space: FolderWorkspace, run_id: str, path: str) -> bytes:
    return b"".join(space.files.artifact(run_id, path))


@pytest.fixture(scope="session")
def trackio(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[object]]]:
    need("trackio")
    folder = tmp_path_factory.mktemp("trackio")
    said = write_with("write_small.py", "trackio", cwd=folder, TRACKIO_DIR=str(folder / "home"), HF_HUB_OFFLINE="1")
    return folder / "home", json.loads(said.splitlines()[-1])


@pytest.fixture(scope="session")
def sacred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("sacred")
    folder = tmp_path_factory.mktemp("sacred")
    write_with("write_small.py", "sacred", cwd=folder)
    return folder / "runs"


@pytest.fixture(scope="session")
def comet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("comet_ml")
    folder = tmp_path_factory.mktemp("comet")
    write_with("write_small.py", "comet", cwd=folder, COMET_DISABLE_AUTO_LOGGING="1", HOME=str(folder))
    return folder / "archives"


@pytest.mark.slow
def test_trackio(space: FolderWorkspace, trackio: tuple[Path, list[list[object]]]) -> None:
    home, told = trackio
    report = bring(space, "trackio", home)
    assert report.lost["values in history that are no numbers (text, lists)"] == 7
    run = by_name(space)["first"]
    assert (run.project, run.status, run.tags["trackio.group"]) == ("digits", "finished", "seeds")
    assert run.params == {"lr": 0.1, "opt.name": "adam", "key": "[redacted:openai-key]"}
    assert _values(space, run.id, "loss") == LOSS
    read = [(step, bits(float(str(value)))) for step, value in told if value != "None"]
    assert read == LOSS
    assert _values(space, run.id, "deep.er") == [(step, bits(float(step))) for step in range(7)]
    assert [step for step, _ in _values(space, run.id, "late")] == [1000]
    assert _content(space, run.id, "media/picture/1001.png").startswith(b"\x89PNG")
    spread = json.loads(_content(space, run.id, "media/spread/1001.json"))
    assert len(spread["edges"]) == len(spread["counts"]) + 1
    assert sum(spread["counts"]) == 4
    assert bring(space, "trackio", home / "digits.db").unchanged == 1


@pytest.mark.slow
def test_sacred(space: FolderWorkspace, sacred: Path) -> None:
    # What Sacred catches of a run's output depends on when its heart beats: some lines are sure to be there.
    with (sacred / "1" / "cout.txt").open("a") as caught:
        caught.write("one line\nand another\n")
    report = bring(space, "sacred", sacred)
    assert (report.created, report.lost) == (2, {})
    runs = by_name(space)
    good, bad = runs["digits 1"], runs["digits 2"]
    assert (good.status, good.seed, bad.status) == ("finished", 7, "failed")
    assert good.params == {"lr": 0.1, "opt.name": "adam", "seed": 7, "password": "[redacted:param]"}
    assert "ValueError: it broke" in bad.error
    assert _values(space, good.id, "loss") == LOSS
    assert good.metrics["result"].last == 0.5
    assert _content(space, good.id, "weights.txt") == b"weights"
    assert any(a.path.startswith("sources/") for a in space.tracking.get_run(good.id).artifacts)
    printed = (sacred / "1" / "cout.txt").read_text()
    assert "".join(chunk.text for chunk in space.tracking.output(good.id).chunks) == printed
    said = json.loads((sacred / "1" / "metrics.json").read_text())["loss"]
    assert [at for _, at, _ in points(space, good.id, "loss")] == [
        from_iso(at).timestamp() for at in said["timestamps"]
    ]
    assert bring(space, "sacred", sacred / "1").unchanged == 1


@pytest.mark.slow
def test_comet(space: FolderWorkspace, comet: Path) -> None:
    report = bring(space, "comet", comet)
    assert report.created == 1
    run = by_name(space)["first"]
    assert (run.project, run.status, run.tags["note"], "fast" in run.tags) == ("digits", "finished", "kept", True)
    assert run.params == {"lr": 0.1, "opt.name": "adam", "on": True, "api_key": "[redacted:param]"}
    assert _values(space, run.id, "loss") == LOSS
    assert _content(space, run.id, "weights.txt") == b"weights"
    assert _content(space, run.id, "media/text/2.txt") == b"a text"
    assert _content(space, run.id, "media/picture/3.png").startswith(b"\x89PNG")
    assert "hello from the run" in "".join(chunk.text for chunk in space.tracking.output(run.id).chunks)
    assert bring(space, "comet", next(comet.glob("*.zip"))).unchanged == 1


def _trackio_file(path: Path, *rows: tuple[str, str, int, str]) -> Path:
    """As older versions of trackio wrote it: runs are told apart by name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT)"
        )
        connection.execute("CREATE TABLE configs (run_name TEXT, config TEXT, created_at TEXT)")
        connection.executemany("INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return path


def test_older_files_of_trackio_and_broken_rows(space: FolderWorkspace, tmp_path: Path) -> None:
    at = "2025-08-01T10:00:00"
    good = ("good", 0, '{"loss": "NaN", "table": {"_type": "trackio.table", "_value": [{"a": 1}, {"b": 2}]}}')
    path = _trackio_file(tmp_path / "old.db", (at, *good), (at, "bad", 0, "{"), ("yesterday", "late", 0, "{}"))
    report = import_runs(space, open_source("trackio", str(path)), Options())
    problems = {problem.run: problem.message for problem in report.problems}
    assert set(problems) == {"bad", "late"}
    assert "old.db: table metrics, row 2 is no JSON" in problems["bad"]
    assert "time 'yesterday'" in problems["late"]
    run = by_name(space)["good"]
    assert _values(space, run.id, "loss") == [(0, bits(math.nan))]
    table = json.loads(_content(space, run.id, "media/table/0.json"))
    assert table == {"columns": ["a", "b"], "data": [[1, None], [None, 2]]}


def _sacred_run(folder: Path, **said: object) -> None:
    folder.mkdir(parents=True)
    run = {"status": "COMPLETED", "start_time": "2024-02-29T10:00:00", "experiment": {"name": "x"}, **said}
    (folder / "run.json").write_text(json.dumps(run))


def test_broken_runs_of_sacred_are_named(space: FolderWorkspace, tmp_path: Path) -> None:
    _sacred_run(tmp_path / "1")
    _sacred_run(tmp_path / "2", status="DREAMING")
    _sacred_run(tmp_path / "3")
    (tmp_path / "3" / "metrics.json").write_text('{"loss": {"steps": [1], "timestamps": [], "values": [1]}}')
    _sacred_run(tmp_path / "4", start_time=None)
    (tmp_path / "5").mkdir()
    (tmp_path / "5" / "run.json").write_text("{nonsense")
    report = import_runs(space, open_source("sacred", str(tmp_path)), Options())
    problems = {problem.run: problem.message for problem in report.problems}
    assert (report.created, set(problems)) == (1, {"2", "3", "4", "5"})
    assert "2/run.json: status is 'DREAMING'" in problems["2"]
    assert "3/metrics.json: metric 'loss'" in problems["3"]
    assert "4/run.json: start_time" in problems["4"]
    assert "5/run.json is no JSON" in problems["5"]


def _comet_archive(path: Path, *messages: object, **said: object) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("experiment.json", json.dumps({"offline_id": path.stem, "start_time": 1000, **said}))
        archive.writestr("messages.json", "\n".join(json.dumps(message) for message in messages))


def test_broken_archives_of_comet_are_named(space: FolderWorkspace, tmp_path: Path) -> None:
    _comet_archive(tmp_path / "good.zip")
    _comet_archive(tmp_path / "wrong.zip", {"type": "metric_msg", "payload": {"metric": {"metricName": "a"}}})
    _comet_archive(tmp_path / "timeless.zip", start_time="now")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "good.zip").read_bytes()[:50])
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("x", "y")
    report = import_runs(space, open_source("comet", str(tmp_path)), Options())
    problems = {problem.run: problem.message for problem in report.problems}
    assert (report.created, set(problems)) == (1, {"wrong", "timeless", "cut", "other"})
    assert "wrong.zip: messages.json, line 1: metric_msg: KeyError 'metricValue'" in problems["wrong"]
    assert "timeless.zip: experiment.json: start_time" in problems["timeless"]
    assert "cut.zip is no whole archive" in problems["cut"]
    assert "other.zip has no experiment.json" in problems["other"]


@pytest.mark.parametrize(
    ("tool", "words"), [("trackio", "no file of trackio"), ("sacred", r"no ID/run\.json"), ("comet", r"has no \.zip")]
)
def test_an_empty_folder_is_said(tmp_path: Path, tool: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        open_source(tool, str(tmp_path))
    shutil.rmtree(tmp_path)
