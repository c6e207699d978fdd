"""Each test works in a workspace folder of its own, and leaves no process-wide setting behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runward import face
from runward.execution.entry import set_entry_point


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    monkeypatch.setenv("RUNWARD_PROJECT", "lab")
    monkeypatch.chdir(tmp_path)
    face.connect()
    yield tmp_path / "ws"
    set_entry_point(None)
