"""The workspace that all machines act in: each example in a team of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from runward.governance.signin import actor_by_token
from runward.testing.worlds import World
from runward.workspace import FolderWorkspace, Workspace, open_folder
from tests.permissions.site import acting

Drive = Callable[[Callable[[World], RuleBasedStateMachine]], None]
EXAMPLES, STEPS = (500, 60) if os.environ.get("RUNWARD_MACHINES") == "full" else (6, 25)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderWorkspace]:
    with contextlib.closing(open_folder(tmp_path_factory.mktemp("machines"), "owner")) as space:
        yield space


@pytest.fixture
def drive(owner: FolderWorkspace) -> Drive:
    """Drives a machine of a fresh world through sequences of steps; what fails is made as short as can be."""

    def hold(secret: str) -> Workspace:
        return FolderWorkspace(
            owner.dispatcher, owner.place, owner.state_dir, actor_by_token(owner.dispatcher.database, secret)
        )

    def driven(machine: Callable[[World], RuleBasedStateMachine]) -> None:
        run_state_machine_as_test(
            lambda: machine(World(owner, lambda name, _: acting(owner, name), hold)),  # type: ignore[arg-type]
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )

    return driven
