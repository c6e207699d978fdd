"""Each test has a workspace folder of its own and no process-wide settings of another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.execution.backend import backend_factory, set_backend_factory
from runward.execution.entry import set_entry_point


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    of_all_others = backend_factory()
    set_backend_factory(None)
    yield tmp_path / "ws"
    set_backend_factory(of_all_others)
    set_entry_point(None)
