"""What a server does by itself: erasures go on, nodes forget what they derived, rules are applied."""

from __future__ import annotations

import contextlib
from pathlib import Path

from runward.privacy.job import advance_due, carry_out
from runward.privacy.model import FileDecision
from runward.privacy.upkeep import apply_rules, follow_on_this_node, tasks
from runward.server.run import open_store
from runward.workspace import FolderWorkspace
from tests.privacy.conftest import Place, files_below, traces
from tests.privacy.planted import WORDS, enter, plant
from tests.privacy.test_erasure import ask


def test_every_node_forgets_its_index(sqlite_place: Place, tmp_path: Path) -> None:
    """Also one that was away when another one erased the person, and once only."""
    planted = plant(sqlite_place.owner.dispatcher, sqlite_place.owner)
    node = tmp_path / "node"
    database, blobs = f"sqlite:///{tmp_path / 'w' / 'runward.db'}", str(tmp_path / "w" / "blobs")
    dispatcher = open_store(node, database, blobs)
    with contextlib.closing(FolderWorkspace(dispatcher, "", node, planted.owner.actor)) as other:
        assert enter(other, "ben").knowledge.search("Rules").hits
        asked = ask(planted)
        planted.second.privacy.confirm_erasure(asked.id, None, FileDecision("delete"))
        carry_out(planted.owner.dispatcher, asked.id)
        left = {name for name, data in files_below(node).items() if traces(WORDS, data)}
        assert left & {"search.db", "search.db-wal"}
        assert follow_on_this_node(dispatcher) == 0
        assert not {name for name, data in files_below(node).items() if traces(WORDS, data)}
        assert enter(other, "ben").knowledge.search("Rules").hits
        follow_on_this_node(dispatcher)
        assert (node / "search.db").exists()


def test_upkeep_carries_an_erasure_out(sqlite_place: Place) -> None:
    """Step by step, until nothing is due."""
    planted = plant(sqlite_place.owner.dispatcher, sqlite_place.owner)
    asked = ask(planted)
    assert advance_due(planted.owner.dispatcher) == 0
    planted.second.privacy.confirm_erasure(asked.id, None, FileDecision("delete"))
    _, every, task = tasks(planted.owner.dispatcher)[0]
    while task():
        pass
    assert (every, planted.owner.privacy.get_erasure(asked.id).state) == (1, "done")


def test_upkeep_applies_rules(sqlite_place: Place) -> None:
    """As nobody in particular, which the trail says."""
    planted = plant(sqlite_place.owner.dispatcher, sqlite_place.owner)
    assert apply_rules(planted.owner.dispatcher) == 0
    planted.owner.privacy.set_retention("vision", "logs", 0, results=True)
    assert apply_rules(planted.owner.dispatcher) == 1
    assert planted.owner.tracking.output(planted.run).chunks == []
    assert apply_rules(planted.owner.dispatcher) == 0
    event = planted.owner.governance.audit(operation="retention.logs").events[0]
    assert (event.actor, event.via, event.object_kind) == ("retention", "system", "project")
