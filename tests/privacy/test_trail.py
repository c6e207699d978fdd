"""Names on the audit trail: encrypted under their member's key, forgotten with it, and no way around the chain."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runward.governance.trail import AuditKey
from runward.store.database import Tx
from tests.privacy.conftest import Place
from tests.privacy.planted import NAME, Planted, plant
from tests.privacy.test_erasure import erase

ADDRESS = "203.0.113.77"


@pytest.fixture
def planted(sqlite_place: Place) -> Planted:
    return plant(sqlite_place.owner.dispatcher, sqlite_place.owner)


def _change(planted: Planted, change: Callable[[Tx], object]) -> None:
    with planted.owner.dispatcher.database.transaction(write=True) as tx:
        change(tx)


def test_an_address_is_in_no_byte_and_yet_shown(planted: Planted, sqlite_place: Place) -> None:
    """Who reads the database or a copy of it without the keys learns no address from it."""
    page = planted.owner.governance.audit(actor=NAME)
    assert {(event.actor, event.address) for event in page.events} == {(NAME, ADDRESS)}
    assert [name for name, data in sqlite_place.everything().items() if ADDRESS.encode() in data] == []


def test_who_was_forgotten_is_a_pseudonym_on_the_trail(planted: Planted) -> None:
    """Their rows are found by it, and say no address."""
    name = erase(planted).pseudonym
    page = planted.owner.governance.audit(actor=name)
    assert {(event.actor, event.address) for event in page.events} == {(name, "")}
    projects = {event.object_id for event in page.events if event.operation == "tracking.create_experiment"}
    assert projects == {f"vision/{name}"}


def test_without_its_key_a_row_shows_whose_account_it_is(planted: Planted) -> None:
    """As in a backup that was put back after the period of its people key."""
    for path in (planted.owner.dispatcher.folder / "keys" / "people").iterdir():
        path.unlink()
    planted.owner.dispatcher.keyring.forget_cached()
    page = planted.owner.governance.audit(actor=NAME)
    assert {(event.actor, event.address) for event in page.events} == {(NAME, "")}
    assert planted.owner.governance.prove_audit().holds


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit_events SET sealed = (SELECT max(b.sealed) FROM audit_events b WHERE b.actor_id <> "
        "audit_events.actor_id) WHERE id = (SELECT min(id) FROM audit_events WHERE sealed IS NOT NULL)",
        "UPDATE audit_events SET actor = 'ben' WHERE id = (SELECT min(id) FROM audit_events WHERE sealed IS NOT NULL)",
        "UPDATE audit_events SET sealed = NULL, actor = 'ben' WHERE id = (SELECT min(id) FROM audit_events WHERE sealed "
        "IS NOT NULL)",
        "UPDATE audit_events SET object_id = 'x', redaction = x'00112233445566778899aabbccddeeff' WHERE seq = 4",
        "UPDATE audit_events SET outcome = 'ok2', redaction = NULL WHERE seq = 5",
    ],
)
def test_whoever_makes_a_row_out_to_be_forgotten_is_found(planted: Planted, attack: str) -> None:
    """Neither another name nor another object goes in that way."""
    assert planted.owner.governance.prove_audit().holds
    _change(planted, lambda tx: tx.execute(attack))
    assert "changed" in {problem.kind for problem in planted.owner.governance.prove_audit().problems}


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit_events SET object_id = 'vision/other' WHERE id = ?",
        "UPDATE audit_events SET outcome = 'forbidden' WHERE id = ?",
        "UPDATE audit_events SET redaction = NULL WHERE id = ?",
    ],
)
def test_a_redacted_row_cannot_be_changed_again(planted: Planted, attack: str) -> None:
    """Nor the one before it, although its hash is made anew."""
    erase(planted)
    database = planted.owner.dispatcher.database
    with database.transaction(write=False) as tx:
        event = tx.scalar("SELECT min(id) FROM audit_events WHERE redaction IS NOT NULL")
    _change(planted, lambda tx: tx.execute(attack, (event,)))
    assert "changed" in {problem.kind for problem in planted.owner.governance.prove_audit().problems}


def test_the_row_before_a_redacted_one_is_bound_too(planted: Planted) -> None:
    """Its hash cannot be replaced: the redaction is authentic for that one only."""
    erase(planted)
    key: AuditKey = planted.owner.dispatcher.audit_key
    assert key.id
    _change(
        planted,
        lambda tx: tx.execute(
            """UPDATE audit_events SET hash = x'00' WHERE seq = (SELECT min(seq) - 1 FROM audit_events
               WHERE redaction IS NOT NULL)"""
        ),
    )
    problems = [p for p in planted.owner.governance.prove_audit().problems if p.kind == "changed"]
    assert len(problems) == 2
