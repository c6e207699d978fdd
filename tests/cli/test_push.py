"""``runward push-workspace``: a folder's workspace goes to where a server keeps one, whole."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

import runward as run
from runward.cli import workspace
from runward.governance.model import NewMember
from runward.governance.signin import folder_actor
from runward.knowledge.model import NewPage
from runward.review.model import NewReview
from runward.server.run import open_store
from runward.store.database import Database, open_database
from runward.store.transfer import copy_rows
from runward.testing.objects import ObjectStorage
from runward.tracking.model import NewArtifact, NewRun
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli


@pytest.fixture
def full(folder: Path, tmp_path: Path) -> str:
    """A workspace with a bit of everything; the id of its run."""
    (tmp_path / "model.bin").write_bytes(os.urandom(3000))
    with run.start(project="vision/digits", params={"lr": 0.1, "name": "ü\t\\N"}, seed=1) as active:
        for step in range(50):
            run.log_metric("loss", float("nan") if step == 7 else -0.0 / (step + 1))
        run.log_artifact(tmp_path / "model.bin")
        run.set_tag("note", "a\nb")
    space = open_folder(folder)
    space.knowledge.publish(NewPage(kind="practice", title="Warm up", body="slowly", tags=["lr"]))
    space.review.request_review(NewReview(run_id=active.id))
    space.close()
    return active.id


def content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.transaction(write=False) as tx:
        if database.dialect == "sqlite":
            names = tx.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            columns = {name: [row[1] for row in tx.all(f"PRAGMA table_info({name})")] for (name,) in names}
        else:
            rows = tx.all(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
                " ORDER BY table_name, ordinal_position"
            )
            columns = {table: [column for t, column in rows if t == table] for table, _ in rows}
        return {
            table: sorted(tx.all(f"SELECT {', '.join(sorted(names))} FROM {table}"), key=repr)
            for table, names in columns.items()
        }


def test_everything_arrives(
    cli: Cli, full: str, folder: Path, postgres_url: str, object_storage: ObjectStorage, tmp_path: Path
) -> None:
    place = object_storage.place()
    options = ("--database", postgres_url, "--blobs", place, "--server-dir", str(tmp_path / "server"))
    done = cli.json("push-workspace", *options)
    before, after = open_database(f"sqlite:///{folder / 'runward.db'}"), open_database(postgres_url)
    assert content(after) == content(before)
    assert done["rows"] == sum(map(len, content(before).values())) - 1
    before.close()
    after.close()
    dispatcher = open_store(tmp_path / "server", postgres_url, place)
    space = FolderWorkspace(dispatcher, "", tmp_path / "server", folder_actor(dispatcher.database))
    assert b"".join(space.files.artifact(full, "model.bin")) == (tmp_path / "model.bin").read_bytes()
    # What is new gets its place after what was copied.
    new = space.tracking.create_run(NewRun(project="vision/digits"))
    assert [event.kind for event in space.tracking.history(new.id)] == ["run.started"]
    assert behind(dispatcher.database) == []
    space.governance.create_member(NewMember(name="later"))
    space.close()


def behind(database: Database) -> list[str]:
    """Columns whose next number is one that a row has."""
    with database.transaction(write=False) as tx:
        numbered = tx.all(
            """SELECT table_name, column_name, pg_get_serial_sequence(table_name, column_name) FROM information_schema.columns
               WHERE table_schema = 'public' AND is_identity = 'YES'"""
        )
        assert len(numbered) > 5
        found = [
            (table, tx.scalar(f"SELECT max({column}) FROM {table}"), counter) for table, column, counter in numbered
        ]
        next_of = "SELECT last_value + is_called::int FROM"
        return [
            table for table, most, counter in found if most is not None and tx.scalar(f"{next_of} {counter}") <= most
        ]


def test_what_is_stored_while_files_are_copied_arrives_with_the_rows_that_name_it(
    cli: Cli, full: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are those of a later moment than the files."""

    def after_one_more(*args: Any) -> int:
        with contextlib.closing(open_folder(folder)) as space:
            run = space.tracking.create_run(NewRun(project="vision/digits", id="later"))
            digest = space.files.put_bytes("vision/digits", b"written meanwhile")
            space.tracking.add_artifact(run.id, NewArtifact("late", digest))
        return copy_rows(*args)

    monkeypatch.setattr(workspace, "copy_rows", after_one_more)
    target = f"sqlite:///{tmp_path / 'server' / 'runward.db'}"
    (tmp_path / "server").mkdir()
    place = ("--blobs", str(tmp_path / "server" / "blobs"), "--server-dir", str(tmp_path / "server"))
    assert cli("push-workspace", "--database", target, *place).code == 0
    with contextlib.closing(open_folder(tmp_path / "server")) as space:
        assert b"".join(space.files.artifact("later", "late")) == b"written meanwhile"


def test_again_and_into_a_full_database(cli: Cli, full: str, tmp_path: Path) -> None:
    """Nothing is written over; files are not copied twice."""
    options = ("--database", f"sqlite:///{tmp_path / 'target.db'}", "--blobs", str(tmp_path / "blobs"))
    assert cli.json("push-workspace", *options)["files"] > 0
    again = cli("push-workspace", *options)
    assert again.code == 2
    assert "is not empty" in again.err
    (tmp_path / "target.db").unlink()
    assert cli.json("push-workspace", *options)["files"] == 0


def test_nothing_to_push(cli: Cli, tmp_path: Path) -> None:
    said = cli("push-workspace", "--database", f"sqlite:///{tmp_path / 't.db'}", "--blobs", str(tmp_path / "b"))
    assert said.code == 2
    assert "there is no workspace" in said.err
    assert not (tmp_path / "t.db").exists()
