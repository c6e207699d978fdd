"""What a handler works with: the member, the arguments, and the one way into the rooms."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from runward.core.operation import Door
from runward.errors import AlreadyExistsError, NotFoundError
from runward.governance.calling import Call
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.interop.mlflow.args import Args
from runward.interop.mlflow.errors import MlflowError, invalid, missing
from runward.tracking.api import Tracking
from runward.tracking.foreign import (
    ANY_PROJECT,
    ANY_RUN,
    KnownProject,
    KnownRun,
    RunState,
    known_projects,
    known_run,
    new_journal,
    run_state,
)
from runward.tracking.model import Batch, NewProject

Found = TypeVar("Found")

DEFAULT_ID, DEFAULT_NAME = "0", "Default"
"""MLflow's experiment 0 is the project ``Default``."""


class Journals:
    """Journal ids of this server by run, each with its next frame. Thread-safe.

    MLflow's protocol has no journals; a batch is sent once. A journal is taken by one request at a time, so frames
    never have a gap, and given back after the acknowledgement.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[str, list[tuple[str, int]]] = {}

    @contextlib.contextmanager
    def take(self, run_id: str) -> Iterator[tuple[str, int]]:
        """A journal for one batch; after an error it is not used again."""
        with self._lock:
            known = self._free.get(run_id)
            client, frame = known.pop() if known else (new_journal(), 0)
        yield client, frame
        with self._lock:
            if len(self._free) > 10_000:
                self._free.clear()
            self._free.setdefault(run_id, []).append((client, frame + 1))


class Caller:
    """One request in the hands of a member."""

    def __init__(self, dispatcher: Dispatcher, actor: Actor, args: Args, journals: Journals) -> None:
        self.dispatcher, self.actor, self.args = dispatcher, actor, args
        self._journals = journals

    def do(self, operation: str, **arguments: Any) -> Any:
        """Run one of the rooms' operations."""
        return self.dispatcher.call(self.dispatcher.operations[operation], self.actor, arguments)

    def append(self, run_id: str, **content: Any) -> None:
        """Store points, params and tags durably; requests that arrive together share a commit."""
        with self._journals.take(run_id) as (client, frame):
            batch = Batch(client=client, first=frame, count=1, **content)
            self.do("tracking.append", run_id=run_id, batch=batch)

    def append_checked(
        self,
        run_id: str,
        check: Callable[[Call, str, dict[str, str]], dict[str, str]],
        *,
        params: dict[str, str],
        **rest: Any,
    ) -> None:
        """Store params after a look at the ones that are there, all in one transaction; ``check`` gives the new ones."""
        with self._journals.take(run_id) as (client, frame):
            door = Door("POST", "//api/2.0/mlflow", "run.write", "run", "params are compared with those that are there")
            with self.dispatcher.enter(door, self.actor, run_id, write=True) as call:
                batch = Batch(client=client, first=frame, count=1, params=check(call, run_id, params), **rest)
                call.use(Tracking).append(run_id, batch)

    @contextlib.contextmanager
    def on_project(self, project_id: str, may: str, *, write: bool = False, audit: str = "") -> Iterator[Call]:
        """A call on a project, deleted or not. Raises: MlflowError (not visible), ForbiddenError."""
        with self._enter(ANY_PROJECT, project_id, may, write, audit) as call:
            yield call

    @contextlib.contextmanager
    def on_run(self, run_id: str, may: str, *, write: bool = False, audit: str = "") -> Iterator[Call]:
        """A call on a run, deleted or not. Raises: MlflowError (not visible), ForbiddenError."""
        with self._enter(ANY_RUN, run_id, may, write, audit) as call:
            yield call

    @contextlib.contextmanager
    def _enter(self, kind: str, object_id: str, may: str, write: bool, audit: str) -> Iterator[Call]:
        door = Door("POST" if write else "GET", "//api/2.0/mlflow", may, kind, "MLflow's protocol")
        name = f"mlflow.{audit}" if audit else ""
        with self.dispatcher.enter(door, self.actor, object_id, write=write, audit=name) as call:
            yield call

    @contextlib.contextmanager
    def on_list(self) -> Iterator[Call]:
        """A reading call whose handler filters by what the member may see."""
        with self.dispatcher.enter(
            Door("GET", "//api/2.0/mlflow", "run.read", "@list", "filtered"), self.actor, "", write=False
        ) as call:
            yield call

    def project(self, experiment_id: str) -> KnownProject:
        """The project behind an experiment id, deleted or not. Raises: MlflowError."""
        found = self._found(experiment_id)
        if found is not None:
            return found
        # Another team's ``Default`` is nothing that this member can use or may hear of.
        with contextlib.suppress(AlreadyExistsError):
            if experiment_id == DEFAULT_ID:
                self.do("tracking.create_project", new=NewProject(path=DEFAULT_NAME, exist_ok=True))
                found = self._found(experiment_id)
        if found is None:
            raise missing(f"No Experiment with id={experiment_id} exists")
        return found

    def _found(self, experiment_id: str) -> KnownProject | None:
        with self.on_list() as call:
            return find_experiment(call, experiment_id)

    def run(self, run_id: str) -> KnownRun:
        """A run with all its content, deleted or not. Raises: MlflowError."""
        return self._of_run(run_id, known_run)

    def place(self, run_id: str) -> RunState:
        """Where a run lies, deleted or not; its content, which may be large, is not read. Raises: MlflowError."""
        return self._of_run(run_id, run_state)

    def active(self, run_id: str) -> RunState:
        """As :meth:`place`, of a run that is in sight. Raises: MlflowError."""
        found = self.place(run_id)
        if found.deleted:
            raise invalid(f"The run {run_id} must be in the 'active' state. Current state is deleted.")
        return found

    def _of_run(self, run_id: str, read: Callable[[Call, str], Found | None]) -> Found:
        with contextlib.suppress(NotFoundError), self.on_run(run_id, "run.read") as call:
            if (found := read(call, run_id)) is not None:
                return found
        raise missing(f"Run with id={run_id} not found")

    def sees_run(self, run_id: str) -> bool:
        """Whether there is a run of this id that the member may read."""
        try:
            return bool(self.place(run_id))
        except MlflowError:
            return False


def find_experiment(call: Call, experiment_id: str) -> KnownProject | None:
    """The visible project with an experiment id."""
    if experiment_id == DEFAULT_ID:
        found = known_projects(call, path=DEFAULT_NAME)
    else:
        found = known_projects(call, project_id=experiment_id) if experiment_id else []
    return found[0] if found else None


def experiment_id_of(project_id: str, path: str) -> str:
    """The id that MLflow's clients see."""
    return DEFAULT_ID if path == DEFAULT_NAME else project_id
