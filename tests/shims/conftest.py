"""What tests of the W&B face share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runward import face
from runward.shims import wandb
from runward.shims.wandb import opened, told
from runward.tracking import client
from runward.workspace import FolderWorkspace
from tests.conftest import stop_uploads


@pytest.fixture
def wandb_space(
    folder_workspace: FolderWorkspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[FolderWorkspace]:
    """A workspace that W&B's words record to, without capture."""
    monkeypatch.setattr(face, "_current", [folder_workspace])
    monkeypatch.setattr(face, "_adopted", {folder_workspace.place})
    monkeypatch.setattr(client, "_active", [])
    opened.RUNS.clear()
    monkeypatch.setattr(told, "_said", set())
    monkeypatch.delenv(client.ACTIVE_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    begin = face._open
    monkeypatch.setattr(
        face, "_open", lambda space, new, _capture, command, **kw: begin(space, new, False, command, **kw)
    )
    yield folder_workspace
    wandb.teardown()
    for run in client.open_runs():
        run.finish()
    stop_uploads(folder_workspace)
