"""The audit trail: whoever changes the database behind Runward's back is found out."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from runward.errors import CorruptedError, ForbiddenError, NotFoundError
from runward.governance.checkpoints import Checkpointer
from runward.governance.model import AuditProof, NewMember
from runward.governance.signin import folder_actor
from runward.governance.trail import AuditKey, Noted, append, link, personal
from runward.store.database import Tx
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import FolderWorkspace, open_folder

EVENTS = 12


@pytest.fixture
def space(either: FolderWorkspace) -> FolderWorkspace:
    """A workspace whose trail has some events, and a checkpoint in their middle."""
    for n in range(EVENTS):
        either.tracking.create_project(NewProject(path=f"p{n}"))
        if n == EVENTS // 2:
            either.governance.checkpoint_audit()
    return either


def _prove(space: FolderWorkspace) -> AuditProof:
    return space.governance.prove_audit()


def _kinds(space: FolderWorkspace) -> set[str]:
    proof = _prove(space)
    assert proof.holds == (not proof.problems)
    return {problem.kind for problem in proof.problems}


def _run(space: FolderWorkspace, *statements: str) -> None:
    with space.dispatcher.database.transaction(write=True) as tx:
        for statement in statements:
            tx.execute(statement)


def test_an_untouched_trail_holds(space: FolderWorkspace) -> None:
    """All events are in it, with the checkpoint's own."""
    proof = _prove(space)
    assert (proof.holds, proof.problems, proof.unchained, proof.forgotten) == (True, [], 0, 0)
    assert (proof.events, proof.checkpoints) == (EVENTS + 1, 2)
    assert proof.checkpoint_at is not None


def test_many_writers_at_once_leave_one_trail_that_holds(space: FolderWorkspace) -> None:
    """Each transaction has a chain for itself; a proof that is made meanwhile is not misled."""

    def work(name: str) -> None:
        for n in range(10):
            space.tracking.create_project(NewProject(path=f"{name}{n}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    meanwhile = [_prove(space) for _ in range(5)]
    for thread in threads:
        thread.join(60)
    assert [proof.problems for proof in meanwhile] == [[]] * 5
    assert (_prove(space).holds, _prove(space).events) == (True, EVENTS + 1 + 60)


def _swap(tx: Tx) -> None:
    one, other = (tx.scalar("SELECT object_id FROM audit_events WHERE seq = ?", (seq,)) for seq in (3, 4))
    tx.execute("UPDATE audit_events SET object_id = ? WHERE seq = 3", (other,))
    tx.execute("UPDATE audit_events SET object_id = ? WHERE seq = 4", (one,))


def _rows(tx: Tx) -> list[tuple[int, str, str, Noted]]:
    columns = "seq, actor, address, at, actor_id, via, operation, object_kind, object_id, outcome"
    return [
        (row[0], row[1], row[2], Noted(*row[3:])) for row in tx.all(f"SELECT {columns} FROM audit_events ORDER BY seq")
    ]


def _rehash(tx: Tx) -> None:
    """All that can be made anew without the key."""
    tx.execute("UPDATE audit_events SET operation = 'nothing.happened' WHERE seq = 3")
    previous, seq = b"", 0
    for seq, actor, address, noted in _rows(tx):
        salt = os.urandom(16)
        person = personal(salt, actor, address)
        previous = link(previous, 0, seq, noted, person)
        values = (salt, person, previous, seq)
        tx.execute("UPDATE audit_events SET salt = ?, person = ?, hash = ? WHERE seq = ?", values)
    tx.execute("UPDATE audit_heads SET hash = ? WHERE lane = 0", (previous,))


def _append(tx: Tx) -> None:
    """An event that fits the chain, by somebody without the key."""
    seq, previous = tx.one("SELECT seq, hash FROM audit_heads WHERE lane = 0") or (0, b"")
    salt, noted = os.urandom(16), Noted(1, "m", "folder", "review.approve", "review", "r", "ok")
    person = personal(salt, "ben", "")
    made = link(bytes(previous), 0, seq + 1, noted, person)
    row = {"lane": 0, "seq": seq + 1, "hash": made, "salt": salt, "person": person, "actor": "ben", **noted._asdict()}
    tx.insert("audit_events", row)
    tx.execute("UPDATE audit_heads SET seq = ?, hash = ? WHERE lane = 0", (seq + 1, made))


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        (lambda tx: tx.execute("UPDATE audit_events SET outcome = 'ok2' WHERE seq = 3"), {"changed"}),
        (lambda tx: tx.execute("UPDATE audit_events SET actor = 'ben' WHERE seq = 3"), {"changed"}),
        (lambda tx: tx.execute("UPDATE audit_events SET at = at + 1 WHERE seq = 3"), {"changed"}),
        (lambda tx: tx.execute("UPDATE audit_events SET hash = NULL WHERE seq = 3"), {"changed"}),
        (lambda tx: tx.execute("UPDATE audit_events SET person = NULL WHERE seq = 3"), {"changed"}),
        (lambda tx: tx.execute("UPDATE audit_events SET salt = NULL, object_id = 'p' WHERE seq = 3"), {"changed"}),
        (lambda tx: tx.execute("DELETE FROM audit_events WHERE seq = 4"), {"missing"}),
        (lambda tx: tx.execute("DELETE FROM audit_events WHERE seq = 1"), {"missing"}),
        (_swap, {"changed"}),
        (lambda tx: tx.execute("DELETE FROM audit_events WHERE seq > 11"), {"truncated", "end"}),
        (_rehash, {"rewritten", "end"}),
        (_append, {"end"}),
        (lambda tx: tx.execute("DELETE FROM audit_events"), {"truncated", "end"}),
        (lambda tx: tx.execute("DELETE FROM audit_heads"), {"truncated", "appended"}),
    ],
)
def test_what_an_owner_of_the_database_does_is_found(
    space: FolderWorkspace, attack: Callable[[Tx], object], found: set[str]
) -> None:
    """An edit, a deletion, another order, a cut, everything made anew, a forged event."""
    with space.dispatcher.database.transaction(write=True) as tx:
        attack(tx)
    kinds = _kinds(space)
    assert kinds
    assert kinds <= found | {"truncated", "end"}
    assert kinds & found


def test_bytes_in_the_place_of_a_text_are_found(tmp_path: Path) -> None:
    """A search by the text does not show the event any more. PostgreSQL's columns take none."""
    with contextlib.closing(open_folder(tmp_path / "ws", "ann")) as space:
        space.tracking.create_project(NewProject(path="p"))
        for said in ("CAST(object_id AS BLOB)", "x'00ff'", "7"):
            _run(space, f"UPDATE audit_events SET object_id = {said} WHERE seq = 1")
            assert "changed" in _kinds(space)


@pytest.mark.parametrize("text", ['"\\/', "\x01\x1f\x7f\t\n\b", "ü🙂\u2028", "", "'; --"])
def test_any_text_is_as_it_was_written(space: FolderWorkspace, text: str) -> None:
    """Databases write JSON in their own ways."""
    event = Noted(2**53 + 1, "m", text, text, text, text, text)
    actor = msgspec.structs.replace(space.actor, name=text, address=text)
    with space.dispatcher.database.transaction(write=True) as tx:
        append(tx, space.dispatcher.audit_key, [(actor, event)] * 3)
    assert _kinds(space) == set()


def test_a_trail_that_was_put_back_whole_misses_what_a_checkpoint_knows(space: FolderWorkspace) -> None:
    """Rows and end of an earlier time fit each other; what is kept outside tells."""
    with space.dispatcher.database.transaction(write=False) as tx:
        end = tx.one("SELECT seq, hash, mac, key_id FROM audit_heads WHERE lane = 0")
    assert end is not None
    space.tracking.create_project(NewProject(path="later"))

    def put_back() -> None:
        with space.dispatcher.database.transaction(write=True) as tx:
            tx.execute("DELETE FROM audit_events WHERE seq > ?", (end[0],))
            tx.execute("UPDATE audit_heads SET seq = ?, hash = ?, mac = ?, key_id = ? WHERE lane = 0", end)

    put_back()
    assert _kinds(space) == set()
    space.tracking.create_project(NewProject(path="again"))
    space.governance.checkpoint_audit()
    put_back()
    assert _kinds(space) == {"truncated"}


def test_without_an_end_nothing_more_is_written(space: FolderWorkspace) -> None:
    """What could not be noted does not happen."""
    _run(space, "DELETE FROM audit_heads")
    with pytest.raises(CorruptedError, match="chains are gone"):
        space.tracking.create_project(NewProject(path="unnoted"))
    with pytest.raises(NotFoundError):
        space.tracking.get_project("unnoted")


def test_a_forgotten_member_leaves_a_trail_that_holds(space: FolderWorkspace) -> None:
    """Name, address and salt go; the chain is about their digest."""
    _run(space, "UPDATE audit_events SET actor = '', address = '', salt = NULL WHERE seq < 5")
    proof = _prove(space)
    assert (proof.holds, proof.forgotten) == (True, 4)


def test_another_key_proves_nothing(space: FolderWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names both keys; a file that is no key is refused."""
    monkeypatch.setenv("RUNWARD_AUDIT_KEY_FILE", str(tmp_path / "other.key"))
    other = space.dispatcher.audit_key = AuditKey(tmp_path)
    proof = _prove(space)
    assert {problem.kind for problem in proof.problems} == {"end", "checkpoint"}
    assert other.id in proof.problems[0].message
    assert (tmp_path / "other.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "other.key").write_text("no key")
    space.dispatcher.audit_key = AuditKey(tmp_path)
    with pytest.raises(CorruptedError, match="no audit key"):
        space.tracking.create_project(NewProject(path="x"))


def test_checkpoints_are_kept_in_further_places(
    space: FolderWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was changed does not count, and is told; one that was not written whole is passed over."""
    far = tmp_path / "far" / "points.jsonl"
    monkeypatch.setenv("RUNWARD_AUDIT_CHECKPOINTS", str(far))
    made = space.governance.checkpoint_audit()
    assert str(far) in made.places
    (near,) = [Path(place) for place in made.places if place != str(far)]
    near.unlink()
    assert _prove(space).checkpoints == 1
    with far.open("ab") as file:
        file.write(b'{"checkpoint": "{')
    assert _prove(space).holds
    # What was cut short is no part of the line that follows it.
    space.governance.checkpoint_audit()
    found = _prove(space)
    assert (found.holds, found.checkpoints, far.read_bytes().count(b"\n")) == (True, 2, 2)
    far.write_bytes(far.read_bytes().split(b"\n")[0].replace(b"[", b"[9", 1) + b"\n")
    assert _kinds(space) == {"checkpoint"}


def test_a_checkpoint_is_written_when_something_happened(space: FolderWorkspace) -> None:
    """Not again for nothing."""
    file = space.dispatcher.folder / "audit" / "checkpoints.jsonl"
    place = (space.dispatcher.database, space.dispatcher.folder, space.dispatcher.audit_key)
    checkpoints = Checkpointer(*place)
    before = len(file.read_text().splitlines())
    checkpoints.write()
    checkpoints.write()
    assert len(file.read_text().splitlines()) == before + 1
    space.tracking.create_project(NewProject(path="new"))
    Checkpointer(*place).write_when_due()
    assert len(file.read_text().splitlines()) == before + 1
    os.utime(file, (1, 1))
    Checkpointer(*place).write_when_due()
    assert len(file.read_text().splitlines()) == before + 2


def test_the_trail_is_searched(space: FolderWorkspace) -> None:
    """By member, operation, room, outcome and time; what several conditions ask for has to hold together."""
    space.governance.create_member(NewMember(name="vera", role="viewer"))
    vera = space.as_member(
        msgspec.structs.replace(folder_actor(space.dispatcher.database, "vera"), address="192.0.2.7")
    )
    with pytest.raises(ForbiddenError):
        vera.governance.create_team("mine")
    audit = space.governance.audit
    (refused,) = audit(outcome="refused").events
    assert (refused.actor, refused.operation, refused.address) == ("vera", "governance.create_team", "192.0.2.7")
    assert audit(actor="vera").events == [refused]
    assert audit(actor="nobody").events == []
    assert len(audit(operation="tracking.create_project").events) == EVENTS
    assert {event.operation.split(".")[0] for event in audit(operation="governance.").events} == {"governance"}
    assert audit(actor="ann", outcome="refused").events == []
    assert audit(since=refused.at).events[0] == refused
    assert refused not in audit(until=refused.at).events


def test_calls_that_are_committed_together_are_noted_outside_too(space: FolderWorkspace) -> None:
    """A training that does nothing else must not leave the trail without a checkpoint."""
    file = space.dispatcher.folder / "audit" / "checkpoints.jsonl"
    file.unlink()
    space.dispatcher.checkpoints = Checkpointer(
        space.dispatcher.database, space.dispatcher.folder, space.dispatcher.audit_key
    )
    run = space.tracking.create_run(NewRun(project="p0"))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    assert len(file.read_text().splitlines()) == 1
