"""Each test works in a workspace folder of its own, and leaves no process-wide setting behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import runward
from runward import face, team
from runward.execution.entry import set_entry_point

_LATER = {
    "EarlyStoppingCallback": "execution.callbacks",
    "Experiment": "execution.experiment",
    "Results": "execution.model",
    "Script": "execution.model",
    "Task": "execution.model",
    "TeamConfig": "config.standards",
    "set_entry_point": "execution.entry",
}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    monkeypatch.setenv("RUNWARD_PROJECT", "lab")
    for name, module in {**_LATER, **team.NAMES}.items():
        if name not in runward._LAZY:
            monkeypatch.setitem(runward._LAZY, name, module.removeprefix("runward."))
    face.connect()
    yield tmp_path / "ws"
    set_entry_point(None)
    face._current.clear()
