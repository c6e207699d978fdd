"""What an experiment needs from the rooms above: a place to record runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from runward.core.ids import new_id
from runward.core.usage import Usage
from runward.execution.model import TaskState


@dataclass(frozen=True)
class RunHandle:
    """A begun run: its id, and the environment variables by which the task finds its tracking."""

    run_id: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunEnd:
    """How an attempt of a task ended.

    Attributes:
        state: A terminal state.
        exit_code: The process's; negative is the signal that ended it; ``None`` if it never started.
        error: One line for people, "" on success.
        metrics: The numbers of the dict that the function returned.
        value_folder: Folder with ``result.bin`` (and ``value.pkl``), readable by ``worker.read_value``.
        log_path: Standard output and error, or ``None`` if it never started.
        started_at: UTC ISO text, or ``None``.
        ended_at: UTC ISO text.
        usage: What its processes used.
    """

    state: TaskState
    exit_code: int | None
    error: str
    metrics: Mapping[str, float]
    value_folder: Path | None
    log_path: Path | None
    started_at: str | None
    ended_at: str
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class RunOutcome:
    """What tracking knows of an ended run.

    Returned and logged metrics together, artifacts (name to place), verdicts of gates.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)
    gates: Mapping[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """Records experiments. A run begins right before its task starts; ends are recorded one by one in a thread."""

    def begin_experiment(self, name: str, project: str | None, about: Mapping[str, Any]) -> str:
        """Record an experiment and return its id.

        ``about`` has description, tags, metadata, seed and plan.
        """

    def work_dir(self, experiment_id: str) -> Path:
        """A folder for the experiment's files; it exists."""

    def begin_run(
        self,
        experiment_id: str,
        task_name: str,
        config: Mapping[str, Any],
        tags: Mapping[str, str],
        seed: int | None,
    ) -> RunHandle:
        """Record that an attempt of a task begins."""

    def end_run(self, run_id: str, end: RunEnd) -> RunOutcome:
        """Record how it ended and return what tracking has of it."""

    def save_metadata(self, experiment_id: str, metadata: Mapping[str, Any], version: int) -> None:
        """Keep a new version of the experiment's metadata."""

    def end_experiment(self, experiment_id: str, state: TaskState, gates: Mapping[str, Any]) -> None:
        """Record the experiment's end and the verdicts of its checks."""

    def entry_point(self, project: str | None) -> str | None:
        """The import path of the project's entry function for plain parameters, if it has one."""


class NullBackend:
    """Keeps experiments in a folder and tracks nothing; used when no other backend is set.

    Args:
        root: The workspace folder; ``RUNWARD_DIR`` or ``.runward`` in the working folder when not given.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root or os.environ.get("RUNWARD_DIR") or ".runward").absolute()

    def begin_experiment(self, name: str, project: str | None, about: Mapping[str, Any]) -> str:
        """Make a folder and return a new id."""
        experiment_id = new_id()
        self.work_dir(experiment_id)
        self.save_metadata(experiment_id, about["metadata"], 1)
        return experiment_id

    def work_dir(self, experiment_id: str) -> Path:
        """``ROOT/experiments/ID``."""
        folder = self.root / "experiments" / experiment_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def begin_run(
        self,
        experiment_id: str,
        task_name: str,
        config: Mapping[str, Any],
        tags: Mapping[str, str],
        seed: int | None,
    ) -> RunHandle:
        """A new id and no environment."""
        return RunHandle(new_id())

    def end_run(self, run_id: str, end: RunEnd) -> RunOutcome:
        """Only what the function returned."""
        return RunOutcome(end.metrics)

    def save_metadata(self, experiment_id: str, metadata: Mapping[str, Any], version: int) -> None:
        """Append a version to ``metadata.jsonl``."""
        with (self.work_dir(experiment_id) / "metadata.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"version": version, "metadata": dict(metadata)}) + "\n")

    def end_experiment(self, experiment_id: str, state: TaskState, gates: Mapping[str, Any]) -> None:
        """Nothing to do: ``state.json`` has it."""

    def entry_point(self, project: str | None) -> str | None:
        """None."""
        return None


BackendFactory = Callable[[], Backend]
_factory: list[BackendFactory] = [NullBackend]


def set_backend_factory(factory: BackendFactory | None) -> None:
    """Say what makes the backend of new experiments; ``None`` means :class:`NullBackend`.

    For detached experiments the supervisor process makes its own backend, so the factory must be picklable.
    """
    _factory[0] = factory or NullBackend


def backend_factory() -> BackendFactory:
    """The factory in force."""
    return _factory[0]
