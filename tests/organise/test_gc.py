"""Garbage collection: what goes, what stays, and what an upload at the same time may rely on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import NotFoundError, StoreError
from runward.governance.signin import folder_actor
from runward.store.database import open_database
from runward.store.folder import FolderBlobs
from runward.testing.worlds import batch
from runward.tracking.files import UPLOAD, record_upload
from runward.tracking.model import Batch, CapturePart, NewArtifact, NewProject, NewRun, OutputChunk, RunEnd, RunStatus
from runward.tracking.organise_model import Collect, Collected, NewComment
from runward.workspace import FolderWorkspace, open_dispatcher, open_folder
from tests.conftest import own_blobs
from tests.statements import counted

OLD = 2 * 3600.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FolderWorkspace]:
    if request.param == "sqlite":
        found = open_folder(tmp_path / "ws", "owner")
    else:
        database = open_database(request.getfixturevalue("postgres_url"))
        dispatcher = open_dispatcher(database, FolderBlobs(tmp_path / "blobs"), tmp_path)
        found = FolderWorkspace(dispatcher, str(tmp_path), tmp_path, folder_actor(database, "owner"))
    found.tracking.create_project(NewProject(path="p"))
    yield found
    found.close()


def age(space: FolderWorkspace, *digests: str) -> None:
    """Make blobs look as if nobody had asked for them for two hours."""
    then = time.time() - OLD
    with space.dispatcher.database.transaction(write=True) as tx:
        for digest in digests:
            tx.execute("UPDATE blobs SET created_at = ? WHERE digest = ?", (int(then * 1e6), digest))
    for digest in digests:
        os.utime(own_blobs(space).path_of(Digest(digest)), (then, then))


def collect(space: FolderWorkspace, grace_days: float = 0.0) -> Collected:
    """Steps until there is no more; the sum of what they took."""
    total = [0, 0, 0, 0]
    for _ in range(100):
        step = space.organise.collect_garbage(Collect(grace_days))
        total = [a + b for a, b in zip(total, (step.runs, step.projects, step.blobs, step.bytes), strict=True)]
        if not step.more:
            return Collected(total[0], total[1], total[2], total[3], more=False)
    raise AssertionError("the collection does not end")


def full_run(space: FolderWorkspace, data: bytes) -> tuple[str, list[str]]:
    """A run with everything that a run can have; its id and its bytes."""
    run = space.tracking.create_run(NewRun(project="p", tags={"a": "b"}))
    space.tracking.append(run.id, batch(0, {"loss": [(0, 1.0)]}))
    space.tracking.append(run.id, Batch("c2", 0, 1, output=[OutputChunk("stdout", "hello", 1.0)]))
    source = space.files.put_bytes("p", b"source " + data)
    document = json.dumps({"files": [{"path": "a.py", "digest": source, "size": 1, "mode": "file"}]}).encode()
    code, weights = space.files.put_bytes("p", document), space.files.put_bytes("p", data)
    space.tracking.put_captures(run.id, [CapturePart("code", code)])
    space.tracking.add_artifact(run.id, NewArtifact("w", weights))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    space.organise.add_comment(run.id, NewComment("a comment"))
    space.organise.set_pin(run.id)
    return run.id, [source, code, weights]


def test_many_runs_go_with_as_many_statements_as_one(space: FolderWorkspace) -> None:
    """And what refers to what is asked once: on PostgreSQL twenty runs took minutes, and a client did not wait for that."""

    def took(runs: int) -> int:
        for number in range(runs):
            run_id, _ = full_run(space, str(number).encode())
            space.tracking.delete_run(run_id)
        with counted() as said:
            assert space.organise.collect_garbage(Collect(0.0)).runs == runs
        return len(said)

    assert took(1) == took(15) > 0


def test_an_expired_run_goes_with_all_that_is_its_own(space: FolderWorkspace) -> None:
    """The other run keeps its bytes, those that both name too; the audit trail stays."""
    gone, its_bytes = full_run(space, b"one")
    kept, kept_bytes = full_run(space, b"two")
    space.tracking.add_artifact(kept, NewArtifact("shared", its_bytes[2]))
    space.tracking.delete_run(gone)
    age(space, *its_bytes, *kept_bytes)
    planned = space.organise.collect_garbage(Collect(0.0, dry_run=True))
    blobs = space.dispatcher.blobs
    freed = blobs.size(Digest(its_bytes[0])) + blobs.size(Digest(its_bytes[1]))
    assert (planned.runs, planned.blobs, planned.bytes) == (1, 2, freed)
    assert blobs.has(Digest(its_bytes[0]))
    done = collect(space)
    assert (done.runs, done.blobs, done.bytes) == (1, 2, freed)
    assert [blobs.has(Digest(d)) for d in its_bytes] == [False, False, True]
    assert all(blobs.has(Digest(d)) for d in kept_bytes)
    with pytest.raises(NotFoundError):
        space.organise.restore_run(gone)
    assert "tracking.delete_run" in [event.operation for event in space.governance.audit(object_id=gone).events]
    assert collect(space) == Collected(0, 0, 0, 0, more=False)


def test_a_deleted_project_goes_once_it_is_empty(space: FolderWorkspace) -> None:
    """With the projects below it, its experiments, bytes and views."""
    space.tracking.create_project(NewProject(path="q/r"))
    space.tracking.create_run(NewRun(project="q/r"))
    digest = space.files.put_bytes("q/r", b"bytes of q/r")
    space.organise.move_project("q/r", "q/s")
    space.organise.set_favourite("q")
    space.organise.delete_project("q")
    age(space, digest)
    done = collect(space)
    assert (done.runs, done.projects, done.blobs) == (1, 2, 1)
    assert space.tracking.list_projects("deleted") == []


def test_what_was_uploaded_within_the_hour_is_never_taken(space: FolderWorkspace) -> None:
    """Bytes are on their way to a run: uploaded, found present, or asked about."""
    uploaded = space.files.put_bytes("p", b"just now")
    again = space.files.put_bytes("p", b"again")
    asked = space.files.put_bytes("p", b"asked")
    age(space, again, asked)
    space.files.put_bytes("p", b"again")
    assert space.tracking.missing_blobs("p", [asked]) == []
    assert collect(space).blobs == 0
    run = space.tracking.create_run(NewRun(project="p"))
    for digest in (uploaded, again, asked):
        space.tracking.add_artifact(run.id, NewArtifact(digest[:8], digest))


def test_an_upload_between_the_two_steps_keeps_its_bytes(space: FolderWorkspace) -> None:
    """The note is gone, the file not yet: a client that uploads just then finds both afterwards."""
    digest = space.files.put_bytes("p", b"raced")
    age(space, digest)
    first = space.organise.collect_garbage(Collect(0.0))
    assert (first.more, first.blobs) == (True, 0)
    assert space.tracking.missing_blobs("p", [digest]) == [digest]
    assert space.files.put_bytes("p", b"raced") == digest
    assert collect(space).blobs == 0
    run = space.tracking.create_run(NewRun(project="p"))
    space.tracking.add_artifact(run.id, NewArtifact("raced", digest))
    assert space.files.read(run.id, digest) == b"raced"


def test_an_upload_that_lost_the_race_is_told_so(space: FolderWorkspace) -> None:
    """Its bytes went between writing and noting them: nothing is noted that is not there."""
    digest = digest_bytes(b"lost")
    with (
        pytest.raises(StoreError, match="collected") as caught,
        space.dispatcher.enter(UPLOAD, space.actor, "p", write=True) as call,
    ):
        record_upload(call, "p", digest, 4)
    assert caught.value.retryable
    assert space.tracking.missing_blobs("p", [digest]) == [digest]
