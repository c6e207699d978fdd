"""Aim: a repository that Aim has written, and Aim's answers where it is not installed."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runward.errors import InvalidError, MissingExtraError
from runward.interop.imports.aim import PYTHON
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.opening import open_source
from runward.tracking.model import RunStatus
from runward.workspace import FolderWorkspace
from tests.interop.imports.conftest import bits, bring, by_name, points

_FAKE = """#!{python}
import json, sys
answers = json.load(open({answers!r}))
for line in sys.stdin:
    print(json.dumps(answers.get(line.strip(), {{"error": "KeyError: unknown"}})), flush=True)
"""


def packed(code: str, numbers: list[Any]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}{code}", *numbers)).decode()


def told(**more: Any) -> dict[str, Any]:
    """A run as the reader in Aim's Python tells it."""
    props = {"name": "n", "description": "", "archived": False, "tags": [], "created": 1e9}
    empty: dict[str, Any] = {"attrs": {}, "series": [], "media": [], "lines": [], "artifacts": []}
    return {"props": props, "end": 1e9 + 5, "system": 0, "epochs": 0, **empty, **more}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A repository, and a stand-in for a Python with Aim that gives prepared answers."""
    root = tmp_path / "repo"
    (root / ".aim" / "meta").mkdir(parents=True)

    def prepare(**answers: Any) -> Path:
        (tmp_path / "answers.json").write_text(json.dumps(answers))
        program = tmp_path / "python"
        program.write_text(_FAKE.format(python=sys.executable, answers=str(tmp_path / "answers.json")))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv(PYTHON, str(program))
        return root

    return prepare


def test_what_aim_tells_is_taken(space: FolderWorkspace, repository: Any, tmp_path: Path) -> None:
    """Contexts are part of a metric's name; objects are media; what has no end has failed."""
    (tmp_path / "weights.bin").write_bytes(b"abc")
    loss = [packed("q", [0, 2]), packed("d", [1e9, 1e9 + 1]), packed("d", [-0.0, float("nan")])]
    one = told(
        series=[
            ["loss", {"subset": "train"}, *loss],
            ["loss", {"fold": 1, "subset": "val"}, *loss],
            ["train/loss", {}, *loss],
            ["__system__cpu", {}, *loss],
        ],
        media=[
            ["Text", "said", {}, 3, "txt", base64.b64encode(b"hello").decode()],
            ["Image", "seen", {"subset": "val"}, 3, "png", ""],
            ["Image", "seen", {"subset": "val"}, 3, "png", ""],
            ["Odd", "thing", {}, 0, "", ""],
        ],
        lines=[[1e9, "a line"]],
        attrs={"hparams": {"lr": 0.1}},
        artifacts=[["w", f"file://{tmp_path}/weights.bin"], ["s", "s3://bucket/s"]],
        epochs=2,
        system=1,
    )
    two = told(end=None)
    two["props"] = {**two["props"], "name": "cut", "tags": ["t"], "archived": True}
    heads = [
        ["a", "exp", 8, "1", ""],
        ["b", "default", 0, "1", ""],
        ["c", "", 0, "", "KeyError: 'x'"],
        ["d", "", 0, "", ""],
    ]
    source = open_source("aim", str(repository(heads={"heads": heads}, a=one, b=two)))
    report = import_runs(space, source, Options())
    assert {problem.run: problem.message.partition(": ")[2] for problem in report.problems} == {
        "c": "KeyError: 'x'",
        "d": "KeyError: unknown",
    }
    assert report.lost == {
        "artifacts at s3:// (only those on this machine are read)": 1,
        "epochs of metrics": 2,
        "system parameters (packages, environment)": 1,
        "tracked objects of the kind Odd": 1,
    }
    runs = by_name(space)
    detail = space.tracking.get_run(runs["n"].id)
    assert detail.run.params == {"hparams.lr": 0.1}
    assert set(detail.run.metrics) == {"train/loss", "subset=train/loss", "fold=1/val/loss", "system/cpu"}
    assert sorted(artifact.path for artifact in detail.artifacts) == [
        "media/said/3.txt",
        "media/val/seen/3-2.png",
        "media/val/seen/3.png",
        "w",
    ]
    assert points(space, runs["n"].id, "fold=1/val/loss") == [(0, 1e9, bits(-0.0)), (2, 1e9 + 1, bits(float("nan")))]
    assert (runs["cut"].status, runs["cut"].project) == (RunStatus.FAILED, "aim")
    assert runs["cut"].tags.items() >= {"t": "", "aim.archived": "true"}.items()


def test_without_aim_the_way_to_it_is_told(repository: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = repository(heads={"error": "ModuleNotFoundError: No module named 'aim'"})
    with pytest.raises(MissingExtraError, match="only Aim can read") as found:
        list(open_source("aim", str(root)).heads())
    assert PYTHON in str(found.value.hint)
    monkeypatch.setenv(PYTHON, str(tmp_path / "none"))
    with pytest.raises(InvalidError, match=f"{PYTHON} is .*No such file"):
        open_source("aim", str(root / ".aim"))
    with pytest.raises(InvalidError, match=r"no folder \.aim/meta"):
        open_source("aim", str(tmp_path))


def test_a_reader_that_ends_is_no_hang(repository: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository()
    monkeypatch.setenv(PYTHON, "/bin/true")
    with pytest.raises(InvalidError, match="the reader has ended"):
        list(open_source("aim", str(root)).heads())


def _aim_python() -> str:
    given = os.environ.get(PYTHON, "")
    if not given and importlib.util.find_spec("aim") is None:
        pytest.skip(
            f"aim is not installed here and {PYTHON} names no Python that has it; docs/import-export.md says how"
        )
    return given or sys.executable


@pytest.mark.slow
def test_a_repository_of_aim(space: FolderWorkspace, tmp_path: Path) -> None:
    """Bit by bit what Aim's own reader says of it."""
    program = Path(__file__).with_name("programs") / "write_aim.py"
    done = subprocess.run(
        [_aim_python(), str(program), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = json.loads(done.stdout.splitlines()[-1])
    report = bring(space, "aim", tmp_path)
    assert (report.created, report.lost) == (2, {"epochs of metrics": 1})
    (first,) = (run for run in space.tracking.search_runs().runs if run.name == "first é☃")
    detail = space.tracking.get_run(first.id)
    assert (first.project, first.purpose, first.status) == ("vision/digits", "why", RunStatus.FINISHED)
    assert first.tags["baseline"] == ""
    assert first.tags["runward.source.id"] == expected["runs"][0]
    assert first.params == {
        "flat": 3,
        "hparams.api_key": "[redacted:param]",
        "hparams.layers": [1, 2],
        "hparams.lr": 0.1,
        "hparams.nested.flag": True,
        "hparams.nested.none": None,
    }
    for name, rows in expected["series"].items():
        key = name.replace("subset=", "")
        assert [(step, at, value.hex()) for step, at, value in points(space, first.id, key)] == [
            tuple(row) for row in rows
        ]
    assert set(first.metrics) == {name.replace("subset=", "") for name in expected["series"]}
    assert sorted(artifact.path for artifact in detail.artifacts) == [
        "media/said/3.txt",
        "media/seen/2.png",
        "media/several/2-2.png",
        "media/several/2.png",
        "media/spread/1.json",
    ]
    assert bring(space, "aim", tmp_path).unchanged == 2
