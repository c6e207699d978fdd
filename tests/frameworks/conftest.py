"""Each framework by itself, in a workspace of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import runward
from runward import face
from runward.interop.frameworks import session
from runward.tracking import client
from runward.workspace import FolderWorkspace
from tests.conftest import stop_uploads


@pytest.fixture(autouse=True)
def space(folder_workspace: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderWorkspace]:
    """The workspace that trainings log to; autolog is off again after each test."""
    monkeypatch.setattr(face, "_current", [folder_workspace])
    monkeypatch.setattr(face, "_adopted", {folder_workspace.place})
    monkeypatch.setattr(client, "_active", [])
    monkeypatch.delenv(client.ACTIVE_VARIABLE, raising=False)
    monkeypatch.setenv("RUNWARD_DIR", folder_workspace.place)
    monkeypatch.setattr(session, "_warned", set())
    # What is captured of the repository around the tests is not what is tested here, and takes its time.
    opened = face._open
    monkeypatch.setattr(
        face, "_open", lambda space, new, _capture, command, **kw: opened(space, new, False, command, **kw)
    )
    yield folder_workspace
    runward.autolog(disable=True)
    for run in client.open_runs():
        run.finish()
    stop_uploads(folder_workspace)
