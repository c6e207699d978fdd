"""``runward backup`` and ``runward restore``: taken while somebody writes, checked, put back elsewhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from runward.errors import KeyMissingError
from runward.governance.signin import folder_actor
from runward.server.run import open_store
from runward.store import backup
from runward.store.database import open_database
from runward.store.folder import FolderBlobs
from runward.testing.objects import ObjectStorage
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli
from tests.cli.test_push import content, full

__all__ = ["full"]


def test_a_workspace_comes_back_whole(cli: Cli, full: str, folder: Path, tmp_path: Path) -> None:
    """Rows, bytes, keys and the audit trail, which still holds; and it goes on."""
    place, back = tmp_path / "backup", tmp_path / "back"
    before = content(open_database(f"sqlite:///{folder / 'runward.db'}"))
    made = cli.json("backup", str(place))
    assert (made["problems"], made["backup"]["files"] > 0) == ([], True)
    assert (place.stat().st_mode & 0o777, (place / "keys" / "audit.key").stat().st_mode & 0o777) == (0o700, 0o600)
    assert cli("restore", str(place), "--dir", str(back)).code == 0
    assert content(open_database(f"sqlite:///{back / 'runward.db'}")) == before
    with contextlib.closing(open_folder(back)) as space:
        found = space.tracking.get_run(full)
        model = next(item for item in found.artifacts if item.path == "model.bin")
        assert len(space.files.read(full, model.digest)) == 3000
        assert space.governance.prove_audit().holds
        space.tracking.create_project(NewProject(path="later"))
    again = cli("restore", str(place), "--dir", str(back))
    assert (again.code, "there is a workspace" in again.err) == (2, True)
    assert cli.json("restore", str(place), "--check")["problems"] == []


def test_what_opens_the_keys_is_not_in_a_backup(cli: Cli, full: str, folder: Path, tmp_path: Path) -> None:
    """What was sealed opens again once the root key and the people keys are put beside it; without them it is said why not."""
    with contextlib.closing(open_folder(folder)) as space:
        sealed = space.dispatcher.keyring.seal("person", "someone", b"personal")
    cli("backup", str(tmp_path / "backup"))
    assert [path.name for path in sorted((tmp_path / "backup" / "keys").rglob("*"))] == ["audit.key", "signing.pem"]
    cli("restore", str(tmp_path / "backup"), "--dir", str(tmp_path / "back"))
    for name in ("root.key", "people"):
        with contextlib.closing(open_folder(tmp_path / "back")) as space, pytest.raises(KeyMissingError):
            space.dispatcher.keyring.open_("person", "someone", sealed)
        source = folder / "keys" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / "back" / "keys" / name)
    with contextlib.closing(open_folder(tmp_path / "back")) as space:
        assert space.dispatcher.keyring.open_("person", "someone", sealed) == b"personal"


def test_another_backup_takes_only_what_is_new(cli: Cli, full: str, folder: Path, tmp_path: Path) -> None:
    """And lets go of what was collected since."""
    place = tmp_path / "backup"
    first = cli.json("backup", str(place))["backup"]
    with contextlib.closing(open_folder(folder)) as space:
        extra = space.files.put_bytes("vision/digits", os.urandom(50_000))
        space.tracking.create_project(NewProject(path="later"))
    kept = FolderBlobs(place / "blobs")
    second = cli.json("backup", str(place))["backup"]
    assert (second["files"], second["rows"] > first["rows"], kept.has(extra)) == (first["files"] + 1, True, True)
    FolderBlobs(folder / "blobs").remove([extra], float("inf"))
    assert cli.json("backup", str(place))["backup"]["files"] == first["files"]
    assert not kept.has(extra)


def test_it_is_taken_while_somebody_writes(cli: Cli, full: str, folder: Path, tmp_path: Path) -> None:
    """Every run of it is whole: as many points as its summary counts, and its project is there."""
    stop = threading.Event()

    def write() -> None:
        with contextlib.closing(open_folder(folder)) as space:
            number = 0
            while not stop.is_set():
                space.tracking.create_project(NewProject(path=f"w{number}"))
                one = space.tracking.create_run(NewRun(project=f"w{number}"))
                space.tracking.append(one.id, batch(0, {"v": [(0, 1.0), (1, 2.0)]}))
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [cli.json("backup", str(tmp_path / f"b{n}")) for n in range(3)]
    finally:
        stop.set()
        writer.join()
    assert [one["problems"] for one in made] == [[]] * 3
    assert cli("restore", str(tmp_path / "b2"), "--dir", str(tmp_path / "back")).code == 0
    with contextlib.closing(open_folder(tmp_path / "back")) as space:
        runs = [one for one in space.tracking.search_runs(limit=1000).runs if one.project.startswith("w")]
        assert runs
        for one in runs:
            points = space.tracking.series(one.id, ["v"]).series
            assert len(points[0].values if points else []) == (one.metrics["v"].n if "v" in one.metrics else 0)
        assert space.governance.prove_audit().holds


def test_what_is_noted_of_the_trail_while_it_is_copied_does_not_count_against_the_copy(
    cli: Cli, full: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server writes a checkpoint every minute: a large workspace takes longer than that."""
    write_rows = backup._write_rows

    def meanwhile(*args: Any) -> int:
        rows = write_rows(*args)
        with contextlib.closing(open_folder(folder)) as space:
            space.tracking.create_project(NewProject(path="meanwhile"))
            space.governance.checkpoint_audit()
        return rows

    monkeypatch.setattr(backup, "_write_rows", meanwhile)
    assert cli.json("backup", str(tmp_path / "b"))["problems"] == []
    assert cli("restore", str(tmp_path / "b"), "--dir", str(tmp_path / "back")).code == 0
    with contextlib.closing(open_folder(tmp_path / "back")) as space:
        assert space.governance.prove_audit().problems == []


@pytest.mark.slow
def test_from_a_server_s_stores_and_back(
    cli: Cli, full: str, folder: Path, tmp_path: Path, postgres_server: object, object_storage: ObjectStorage
) -> None:
    """PostgreSQL and object storage into a folder, from there into other ones; numbers go on where they were."""
    one, other = (postgres_server.create_database() for _ in range(2))  # type: ignore[attr-defined]
    bucket, place = object_storage.place(), tmp_path / "backup"
    pushed = ("--database", one, "--blobs", bucket)
    assert cli("push-workspace", *pushed, "--server-dir", str(tmp_path / "server")).code == 0
    before = content(open_database(one))
    made = cli.json("backup", str(place), *pushed, "--dir", str(tmp_path / "server"))
    assert made["problems"] == []
    second = object_storage.place()
    into = ("--database", other, "--blobs", second, "--dir", str(tmp_path / "second"))
    assert cli("restore", str(place), *into).code == 0
    assert content(open_database(other)) == before
    dispatcher = open_store(tmp_path / "second", other, second)
    space = FolderWorkspace(dispatcher, "", tmp_path, folder_actor(dispatcher.database))
    assert space.governance.prove_audit().holds
    assert space.tracking.create_run(NewRun(project="vision/digits")).id != full
    refused = cli("restore", str(place), *into)
    assert "not empty" in refused.err


def test_what_is_not_as_it_was_written_is_found(cli: Cli, full: str, tmp_path: Path) -> None:
    """Every flipped bit of a file or of the rows, a lost file, a backup that was interrupted."""
    place = tmp_path / "backup"
    made = cli.json("backup", str(place))
    for path in [place / "runward.db", *(p for p in (place / "blobs").rglob("*") if p.is_file() and p.stat().st_size)]:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :])
        said = cli("restore", str(place), "--check", "--json")
        assert said.code != 0, path
        path.write_bytes(data)
    assert cli("restore", str(place), "--check").code == 0
    (place / "backup.json").unlink()
    (place / "backup.part").touch()
    refused = cli("restore", str(place), "--check")
    assert (refused.code, "was not finished" in refused.err) == (2, True)
    assert cli.json("backup", str(place))["backup"]["database"] != ""
    assert made["backup"]["keys"]


def test_a_wrong_place_is_refused(cli: Cli, full: str, tmp_path: Path) -> None:
    """Nothing is overwritten; the message says what to give."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"x")
    refused = cli("backup", str(tmp_path / "photos"))
    assert (refused.code, "something else than a backup" in refused.err) == (2, True)
    assert os.listdir(tmp_path / "photos") == ["one.jpg"]
    assert "is no folder" in cli("backup", "s3://bucket/x").err
    assert "there is no backup" in cli("restore", str(tmp_path / "photos"), "--check").err
    assert "--dir is missing" in cli("restore", str(tmp_path / "photos")).err
    assert "there is no workspace" in cli("backup", str(tmp_path / "b"), "--dir", str(tmp_path / "none")).err
    without = cli.json("backup", str(tmp_path / "b"), "--no-keys")
    assert (without["backup"]["keys"], (tmp_path / "b" / "keys").exists()) == (False, False)
    for place in ("photos/one.jpg", "photos/one.jpg/below"):
        refused = cli("backup", str(tmp_path / place))
        assert (refused.code, "one.jpg" in refused.err, "folder that you may write to" in refused.err) == (
            3,
            True,
            True,
        )
    (tmp_path / "b" / "runward.db").unlink()
    assert "runward.db" in cli("restore", str(tmp_path / "b"), "--check").err
    assert cli("restore", str(tmp_path / "b"), "--dir", str(tmp_path / "photos" / "one.jpg")).code == 3
    shutil.rmtree(tmp_path / "b")
