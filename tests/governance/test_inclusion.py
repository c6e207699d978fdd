"""One event is shown to be on the trail, to somebody who has nothing but a file and a public key."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.core.signing import key_id, new_key, public_key_of
from runward.errors import ConflictError, CorruptedError, InvalidError, NotFoundError
from runward.governance.checkpoints import Line, places
from runward.governance.inclusion import check
from runward.governance.model import EventProof
from runward.governance.tree import climbed, path_of, root_of
from runward.tracking.model import NewProject
from runward.workspace import FolderWorkspace, open_folder


@pytest.fixture
def space(either: FolderWorkspace) -> FolderWorkspace:
    """A workspace with some events before a checkpoint, between two, and after."""
    for n in range(12):
        either.tracking.create_project(NewProject(path=f"p{n}"))
        if n in (3, 8):
            either.governance.checkpoint_audit()
    return either


def _key(space: FolderWorkspace) -> bytes:
    return space.repro.signing_key().public_key.encode()


def _root(leaves: list[bytes]) -> bytes:
    """As RFC 9162, 2.1.1, defines it, word for word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\1" + _root(leaves[:split]) + _root(leaves[split:])).digest()


@given(st.integers(1, 70), st.data())
def test_a_path_leads_from_each_leaf_to_the_root_and_from_no_other(size: int, data: st.DataObject) -> None:
    leaves = [hashlib.sha256(b"%d" % n).digest() for n in range(size)]
    root, index = root_of(leaves), data.draw(st.integers(0, size - 1))
    assert root == _root(leaves)
    path = path_of(leaves, index)
    assert len(path) <= (size - 1).bit_length()
    assert climbed(leaves[index], index, size, path) == root
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index or size == 1))
    if size > 1:
        with contextlib.suppress(CorruptedError):
            assert climbed(leaves[index], other, size, path) != root
        assert climbed(leaves[other], index, size, path) != root
        with pytest.raises(CorruptedError, match="ends before"):
            climbed(leaves[index], index, size, path[:-1])
    with pytest.raises(CorruptedError, match="goes on"):
        climbed(leaves[index], index, size, [*path, root])


def test_every_event_is_shown_to_be_on_the_trail(space: FolderWorkspace) -> None:
    """The first and the last of a checkpoint too, and one that no checkpoint knew of yet."""
    key = _key(space)
    events = space.governance.audit().events
    assert len(events) >= 12
    for event in events:
        proof = space.governance.prove_event(event.id)
        assert (proof.operation, proof.object_id, proof.outcome) == (event.operation, event.object_id, event.outcome)
        assert proof.who is not None
        assert proof.who.name == event.actor
        assert check(proof, key) == key_id(key)
        assert len(proof.path) <= 4
    kept = Path(space.dispatcher.folder, "audit", "checkpoints.jsonl").read_text().splitlines()
    assert len(kept) <= 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": "forbidden"}, "not the one whose hash"),
        ({"at": 1}, "not the one whose hash"),
        ({"object_id": "other"}, "not the one whose hash"),
        ({"seq": 4}, "not the one whose hash"),
        ({"previous": "00"}, "not the one whose hash"),
        ({"hash": "00" * 32}, "not the one whose hash"),
        ({"path": []}, "ends before"),
        ({"path": ["00" * 32] * 2}, "another root"),
        ({"signature": "AAAA"}, "not signed by this key"),
    ],
)
def test_a_proof_that_was_changed_is_refused(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with contextlib.closing(open_folder(tmp_path / "ws", "ann")) as space:
        for n in range(4):
            space.tracking.create_project(NewProject(path=f"p{n}"))
        event = space.governance.audit().events[1]
        proof = space.governance.prove_event(event.id)
        assert check(proof, _key(space))
        with pytest.raises(CorruptedError, match=said):
            check(msgspec.structs.replace(proof, **change), _key(space))
        assert proof.who is not None
        who = msgspec.structs.replace(proof.who, name="ben")
        with pytest.raises(CorruptedError, match="name or address"):
            check(msgspec.structs.replace(proof, who=who), _key(space))
        with pytest.raises(CorruptedError, match="not signed by this key"):
            check(proof, public_key_of(new_key()))
        for broken in ({"kind": "x"}, {"path": ["zz"]}, {"checkpoint": "{"}, {"signature": "?"}):
            with pytest.raises(InvalidError):
                check(msgspec.structs.replace(proof, **broken), _key(space))


def test_a_checkpoint_about_other_rows_is_no_proof(tmp_path: Path) -> None:
    """Nor one from before there were trees."""
    with contextlib.closing(open_folder(tmp_path / "ws", "ann")) as space:
        proofs = []
        for n in range(2):
            space.tracking.create_project(NewProject(path=f"p{n}"))
            proofs.append(space.governance.prove_event(space.governance.audit().events[0].id))
        first, second = proofs
        mixed = msgspec.structs.replace(first, checkpoint=second.checkpoint, signature=second.signature)
        with pytest.raises(CorruptedError, match="about rows"):
            check(mixed, _key(space))
        noted = msgspec.json.decode(second.checkpoint)
        del noted["trees"]
        old = msgspec.structs.replace(first, checkpoint=msgspec.json.encode(noted).decode())
        with pytest.raises(CorruptedError, match="other chains"):
            check(old, _key(space))


def test_events_from_before_there_were_trees_are_in_the_first_one(tmp_path: Path) -> None:
    """And a line that was cut off by a power cut is passed over."""
    with contextlib.closing(open_folder(tmp_path / "ws", "ann")) as space:
        space.tracking.create_project(NewProject(path="p"))
        file = places(space.dispatcher.folder)[0]
        line = msgspec.json.decode(file.read_bytes().splitlines()[0], type=Line)
        noted = msgspec.json.decode(line.checkpoint)
        del noted["trees"]
        older = msgspec.structs.replace(line, checkpoint=msgspec.json.encode(noted).decode())
        file.write_bytes(msgspec.json.encode(older) + b'\n{"checkpoint": "{\n')
        for event in space.governance.audit().events:
            assert check(space.governance.prove_event(event.id), _key(space))


def test_what_cannot_be_shown_says_why(space: FolderWorkspace) -> None:
    with pytest.raises(NotFoundError, match="no event 99999"):
        space.governance.prove_event(99999)
    event = space.governance.audit().events[0]
    with space.dispatcher.database.transaction(write=True) as tx:
        tx.execute("UPDATE audit_events SET lane = NULL, seq = NULL WHERE id = ?", (event.id,))
    with pytest.raises(ConflictError, match="older than the chains"):
        space.governance.prove_event(event.id)


def test_a_stranger_checks_it_with_a_file_and_a_key(tmp_path: Path) -> None:
    """Without the workspace: by the command."""

    def runward(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith("RUNWARD_")}
        return subprocess.run(
            [sys.executable, "-m", "runward", *words], cwd=cwd, env=env, capture_output=True, text=True, check=False
        )

    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    assert runward("projects", "create", "vision", cwd=home).returncode == 0
    (event,) = msgspec.json.decode(
        runward("audit", "list", "--operation", "tracking.create_project", "--json", cwd=home).stdout
    )
    wrote = runward("audit", "proof", str(event["id"]), "-o", str(away / "event.json"), cwd=home)
    assert (wrote.returncode, "runward audit verify --proof" in wrote.stdout) == (0, True)
    (away / "key.pem").write_text(runward("key", cwd=home).stdout)
    checked = runward("audit", "verify", "--proof", "event.json", "--key", "key.pem", cwd=away)
    assert checked.returncode == 0, checked.stderr
    assert "✓ on the trail" in checked.stdout
    assert "tracking.create_project" in checked.stdout
    assert not (away / ".runward").exists()
    assert runward("audit", "verify", "--proof", "event.json", cwd=away).returncode == 2
    claimed = msgspec.json.decode((away / "event.json").read_bytes(), type=EventProof)
    forged = msgspec.structs.replace(claimed, object_id="other")
    (away / "event.json").write_bytes(msgspec.json.encode(forged))
    refused = runward("audit", "verify", "--proof", "event.json", "--key", "key.pem", cwd=away)
    assert (refused.returncode, refused.stdout[:1]) == (1, "✗")
    (away / "event.json").write_text("[]")
    assert runward("audit", "verify", "--proof", "event.json", "--key", "key.pem", cwd=away).returncode == 2
