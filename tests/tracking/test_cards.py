"""Cards change how fast lists are read, never what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runward.testing.worlds import batch
from runward.tracking import cards, keyed, repository
from runward.tracking.cards import make_cards
from runward.tracking.model import Batch, NewProject, NewRun, Run, RunEnd, RunParam, RunPatch, RunStatus
from runward.tracking.organise_model import BulkEdit
from runward.workspace import FolderWorkspace, open_folder

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text("aé\u20ac\U0001f600", max_size=5)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FolderWorkspace]:
    space = open_folder(tmp_path)
    space.tracking.create_project(NewProject(path="p"))
    yield space
    space.close()


def _ended(space: FolderWorkspace, name: str, params: dict[str, Any] | None = None) -> Run:
    given_params = [RunParam(key, value) for key, value in (params or {"lr": 0.1}).items()]
    run = space.tracking.create_run(NewRun(project="p", name=name, params=given_params, tags={"team": "vision"}))
    space.tracking.append(run.id, batch(0, {"loss": [(0, 1.5), (1, math.nan)], "acc": [(0, 0.1 + 0.2)]}))
    return space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))


def _listed(space: FolderWorkspace) -> list[Run]:
    return space.tracking.search_runs("p", limit=1000).runs


def _from_tables(space: FolderWorkspace) -> list[Run]:
    with mock.patch.object(repository, "FEW", 10_000):
        return _listed(space)


def _all_carded(space: FolderWorkspace) -> int:
    done = 0
    while made := make_cards(space.dispatcher.database):
        done += made
    return done


@pytest.fixture
def many(space: FolderWorkspace) -> list[Run]:
    return [_ended(space, f"r{i}") for i in range(20)]


def test_runs_that_are_over_are_listed_from_their_cards(space: FolderWorkspace, many: list[Run]) -> None:
    running = space.tracking.create_run(NewRun(project="p", params=[RunParam("lr", 1)]))
    before = repr(_from_tables(space))
    assert _all_carded(space) == 20
    assert _all_carded(space) == 0
    with mock.patch.object(cards, "values_of", wraps=keyed.values_of) as read:
        assert repr(_listed(space)) == before
    assert read.call_args.args[1] == [running.id]


def test_every_change_of_a_run_outdates_its_card(space: FolderWorkspace, many: list[Run]) -> None:
    _all_carded(space)
    first, second, third, *rest = many
    space.tracking.update_run(first.id, RunPatch(tags={"team": None, "new": "x"}))
    space.organise.edit_runs("p", BulkEdit(run_ids=[second.id, rest[0].id], set_tags={"swept": "yes"}))
    space.tracking.append(third.id, batch(1, {"loss": [(2, 0.5)]}))
    space.tracking.resume_run(rest[1].id)
    space.tracking.append(rest[1].id, Batch(client="c1", first=1, count=1, params={"lr": 7}))
    assert repr(_listed(space)) == repr(_from_tables(space))
    assert _all_carded(space) == 4  # The resumed one runs again.
    assert repr(_listed(space)) == repr(_from_tables(space))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), VALUES | st.lists(VALUES, max_size=3), max_size=4))
def test_a_card_holds_any_value(space: FolderWorkspace, params: dict[str, Any]) -> None:
    """Whole numbers of more than 64 bits have no place in a card: such a run is read from its tables."""
    while len(_listed(space)) < 9:
        _ended(space, "filling")
    _ended(space, "any", params)
    _all_carded(space)
    assert repr(_listed(space)) == repr(_from_tables(space))


def test_a_run_with_very_many_keys_has_no_card(space: FolderWorkspace, many: list[Run]) -> None:
    with mock.patch.object(cards, "MAX_VALUES", 3):
        assert _all_carded(space) == 20
    with mock.patch.object(cards, "values_of", wraps=keyed.values_of) as read:
        _listed(space)
    assert len(read.call_args.args[1]) == 20
