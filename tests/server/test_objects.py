"""A server over object storage: large files travel beside it, and everything works through it as well."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from runward.core.hashing import digest_bytes
from runward.governance.dispatch import Dispatcher
from runward.governance.model import NewToken
from runward.governance.signin import folder_actor
from runward.server.run import RunningServer, open_store
from runward.testing.objects import ObjectStorage
from runward.tracking import files
from runward.tracking.model import NewArtifact, NewProject, NewRun
from runward.workspace import FolderWorkspace, Workspace, open_url


@pytest.fixture
def dispatcher(object_storage: ObjectStorage, tmp_path: Path) -> Dispatcher:
    return open_store(tmp_path / "server", blobs=object_storage.place())


@pytest.fixture
def remote(
    dispatcher: Dispatcher,
    running_server: Callable[[Dispatcher], RunningServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Workspace:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    owner = FolderWorkspace(dispatcher, "s", tmp_path / "server", folder_actor(dispatcher.database, "owner"))
    owner.tracking.create_project(NewProject(path="p"))
    token = owner.governance.create_token(NewToken(name="t", member="owner", role="admin"))
    return open_url(running_server(dispatcher).url, token.secret)


def _uploaded(remote: Workspace, data: bytes, folder: Path) -> str:
    (folder / "file").write_bytes(data)
    digest, size = remote.files.put_file("p", folder / "file")
    assert (digest, size) == (digest_bytes(data), len(data))
    run = remote.tracking.create_run(NewRun(project="p"))
    remote.tracking.add_artifact(run.id, NewArtifact("model.bin", digest))
    return run.id


@pytest.mark.parametrize("direct", [True, False], ids=["beside the server", "through the server"])
def test_files_travel(
    remote: Workspace, dispatcher: Dispatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: bool
) -> None:
    monkeypatch.setattr(files, "DIRECT_FROM", 1000 if direct else 1 << 40)
    through = Mock()
    for name in ("writer", "chunks"):
        through.attach_mock(Mock(wraps=getattr(dispatcher.blobs, name)), name)
        monkeypatch.setattr(dispatcher.blobs, name, getattr(through, name))
    data = os.urandom(50_000)
    run_id = _uploaded(remote, data, tmp_path)
    assert b"".join(remote.files.artifact(run_id, "model.bin")) == data
    assert remote.files.read(run_id, digest_bytes(data)) == data
    remote.files.put_file("p", tmp_path / "file")
    assert [call[0] for call in through.mock_calls] == ([] if direct else ["writer", "chunks", "chunks"])


def test_a_storage_out_of_the_clients_reach(
    remote: Workspace, dispatcher: Dispatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes go through the server then."""
    monkeypatch.setattr(files, "DIRECT_FROM", 1000)
    nowhere = "http://127.0.0.1:1/nowhere"
    monkeypatch.setattr(dispatcher.blobs, "begin_upload", lambda project_id: ("abc", nowhere))
    monkeypatch.setattr(dispatcher.blobs, "link", lambda digest: nowhere)
    data = os.urandom(50_000)
    run_id = _uploaded(remote, data, tmp_path)
    assert b"".join(remote.files.artifact(run_id, "model.bin")) == data


def test_a_link_to_something_else_than_a_web_address_is_not_followed(
    remote: Workspace, dispatcher: Dispatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "DIRECT_FROM", 1000)
    data = os.urandom(50_000)
    run_id = _uploaded(remote, data, tmp_path)
    monkeypatch.setattr(dispatcher.blobs, "link", lambda digest: "file:///etc/passwd")
    assert b"".join(remote.files.artifact(run_id, "model.bin")) == data
