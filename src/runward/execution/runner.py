"""Runs a checked experiment: begins runs, starts tasks, keeps the state on disk, evaluates the checks."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from runward.config.buildable import Buildable
from runward.core.clock import utc_now
from runward.core.seeding import chosen_seed
from runward.execution.backend import Backend, RunEnd
from runward.execution.local import Executor, Exit, Launch
from runward.execution.model import (
    Results,
    Script,
    Task,
    TaskResult,
    TaskState,
    Unevaluated,
    merge_named,
)
from runward.execution.plan import script_command
from runward.execution.spec import upstream_parameters, worker_command, write_source, write_spec
from runward.execution.worker import RESULT_FILE, read_plain, write_plain
from runward.tracking.capture.preload import shim
from runward.tracking.capture.watch import preloaded, seeding_environment, watched_environment

STATE_FILE = "state.json"
COMMAND_FILE = "command.bin"
"""What a task's process was told beside its call: the environment variables of its own, and a script's argv."""
TAIL_LINES = 20
_TAIL_BYTES = 64 * 1024


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's content so that a reader sees the old or the new, never a part."""
    draft = path.with_suffix(path.suffix + ".tmp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, "" if there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    return "\n".join(text.splitlines()[-lines:])


class Runner:
    """One execution of an experiment.

    Args:
        name: The experiment's name.
        experiment_id: Its id.
        tasks: All tasks in starting order, checks included.
        backend: Where runs are recorded.
        executor: What runs the tasks.
        seed: For tasks that have none of their own.
    """

    def __init__(
        self,
        name: str,
        experiment_id: str,
        tasks: Sequence[Task],
        *,
        backend: Backend,
        executor: Executor,
        seed: int | None = None,
    ) -> None:
        self.name = name
        self.experiment_id = experiment_id
        self.backend = backend
        self.executor = executor
        self.seed = seed
        self.folder = backend.work_dir(experiment_id)
        self.state = TaskState.PENDING
        self.gates: dict[str, Any] = {}
        self._tracked_gates: dict[str, Any] = {}
        self.checks = [task for task in tasks if task.is_check]
        ordinary = [task for task in tasks if not task.is_check]
        self.results = {task.name: TaskResult(task.name, config=task.config) for task in ordinary}
        self._jobs = [_TaskJob(self, task, index) for index, task in enumerate(ordinary)]
        self._lock = threading.Lock()
        self.recorder = _Recorder(on_error=executor.cancel)

    def run(self) -> Results:
        """Run all tasks, then the checks. A failed task is a state here, not an exception."""
        self.state = TaskState.RUNNING
        try:
            try:
                self.executor.run(self._jobs)
            finally:
                self.recorder.close()
        finally:
            self.state = self._verdict()
            try:
                self._evaluate_checks()
            finally:
                self.save()
                self.backend.end_experiment(self.experiment_id, self.state, self.gates)
        return self._make_results()

    def _verdict(self) -> TaskState:
        states = {result.state for result in self.results.values()}
        if states <= {TaskState.SUCCEEDED}:
            return TaskState.SUCCEEDED
        return TaskState.CANCELLED if TaskState.CANCELLED in states else TaskState.FAILED

    def _evaluate_checks(self) -> None:
        evaluated: dict[str, Any] = dict(self._tracked_gates)
        self.gates = dict(evaluated)
        results = self._make_results()
        # Whoever interrupts a check that hangs has no verdict of it, nor of those that were to come: that is recorded.
        for check in self.checks:
            self.gates[check.name] = Unevaluated(check.name, "interrupted before there was a verdict")
        for check in self.checks:
            evaluated[check.name] = self.gates[check.name] = self._evaluate(check, results)
            results.gates = dict(evaluated)

    def _evaluate(self, check: Task, results: Results) -> Any:
        if not results.succeeded:
            return Unevaluated(check.name, f"not evaluated: the tasks {results.status}", state="skipped")
        assert isinstance(check.what, Buildable)
        try:
            return check.what.build()(results=results)
        except (Exception, SystemExit) as error:  # noqa: BLE001  border to the user's check: no verdict is never a pass
            return Unevaluated(check.name, f"could not be evaluated: {type(error).__name__}: {error}")

    def _make_results(self) -> Results:
        tasks = self.results
        configs = {name: result.config for name, result in tasks.items()}
        return Results(
            experiment_id=self.experiment_id,
            name=self.name,
            status=self.state,
            timestamp=utc_now().isoformat(),
            metrics=merge_named({name: result.metrics for name, result in tasks.items()}),
            config=next(iter(configs.values())) if len(configs) == 1 else configs,
            artifacts=merge_named({name: result.artifacts for name, result in tasks.items()}),
            gates=dict(self.gates),
            tasks=dict(tasks),
        )

    def save(self) -> None:
        """Write ``state.json``: what another process may know of this execution."""
        tasks = {name: vars(result) for name, result in self.results.items()}
        state = {
            "experiment_id": self.experiment_id,
            "name": self.name,
            "state": self.state,
            "pid": os.getpid(),
            "updated_at": utc_now().isoformat(),
            "tasks": tasks,
            "checks": [check.name for check in self.checks],
        }
        with self._lock:
            write_atomically(self.folder / STATE_FILE, json.dumps(state, default=str))

    def note_gates(self, gates: Mapping[str, Any]) -> None:
        """Keep verdicts that tracking reports for a run."""
        self._tracked_gates.update(gates)


class _Recorder:
    """Records ended runs one after the other in a thread, so that no task waits for the storing of another."""

    def __init__(self, on_error: Callable[[], None]) -> None:
        self._on_error = on_error
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def put(self, work: Callable[[], None]) -> None:
        """Record later. Raises: what an earlier recording raised, which ends the experiment."""
        if self._error is not None:
            raise self._error
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="runward-record", daemon=True)
            self._thread.start()
        self._work.put(work)

    def _loop(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again in the experiment's own thread
                self._error = self._error or error
                self._on_error()

    def close(self) -> None:
        """Wait until everything is recorded. Raises: what a recording raised."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()
        if self._error is not None:
            raise self._error


class _TaskJob:
    """A task as the executor's job: one folder and one run for each attempt."""

    def __init__(self, runner: Runner, task: Task, index: int) -> None:
        self.name = task.name
        self.dependencies = task.dependencies
        self.retries = task.retries
        self.timeout_s = task.timeout_s
        self.slots = task.slots
        self._runner = runner
        self._task = task
        self._seed = chosen_seed(runner.seed if task.seed is None else task.seed)
        self._place = f"{index:03d}-{re.sub(r'[^A-Za-z0-9_.-]', '_', task.name)[:40]}"
        self._folder = Path()
        self._result = runner.results[task.name]

    def launch(self, attempt: int) -> Launch:
        self._folder = self._runner.folder / "tasks" / (self._place if attempt == 1 else f"{self._place}.{attempt}")
        self._folder.mkdir(parents=True)
        argv = self._prepare()
        env = {**os.environ, **self._begin_run(attempt)}
        env |= seeding_environment(self._seed, env)
        # A function's process notes by itself what Python opens; what native code opens, only the shim sees.
        watch = watched_environment if isinstance(self._task.what, Script) else preloaded
        env |= watch(self._folder, env, shim())
        log = self._folder / "log.txt"
        self._result.folder, self._result.log_path = str(self._folder), str(log)
        return Launch(argv, env, log)

    def _prepare(self) -> list[str]:
        what = self._task.what
        script = script_command(what) if isinstance(what, Script) else []
        write_plain(str(self._folder / COMMAND_FILE), {"argv": script, "env": self._own_variables()})
        if not isinstance(what, Buildable):
            return script
        sources = {
            parameter: Path(self._runner.results[dependency].folder or "")
            for parameter, dependency in upstream_parameters(what, self.dependencies).items()
        }
        write_spec(self._folder, what, sources, self._seed)
        return worker_command(self._folder)

    def _own_variables(self) -> dict[str, str]:
        script = self._task.what.env if isinstance(self._task.what, Script) else {}
        return {**script, **self._task.env}

    def _begin_run(self, attempt: int) -> dict[str, str]:
        task = self._task
        tags = task.tags if attempt == 1 else {**task.tags, "runward.attempt": str(attempt)}
        run = self._runner.backend.begin_run(
            self._runner.experiment_id, task.name, self._result.config, tags, self._seed
        )
        self._result.run_id = run.run_id
        self._result.attempts = attempt
        return {**run.env, **self._own_variables()}

    def started(self, attempt: int) -> None:
        if not self._result.state.is_terminal:
            self._result.state = TaskState.RUNNING
            self._result.started_at = utc_now().isoformat()
            self._runner.save()
        if isinstance(self._task.what, Buildable):
            write_source(self._folder, self._task.what)

    def judge(self, exit_code: int) -> tuple[TaskState, str]:
        left = self._left_behind()
        if exit_code == 0 and (isinstance(self._task.what, Script) or left is not None):
            return TaskState.SUCCEEDED, ""
        if left is not None and "error" in left:
            return TaskState.FAILED, str(left["error"]["message"])
        if exit_code < 0:
            return TaskState.FAILED, _killed_by(-exit_code)
        return TaskState.FAILED, f"it ended with exit code {exit_code}" + (" and no result" if not exit_code else "")

    def _left_behind(self) -> dict[str, Any] | None:
        path = self._folder / RESULT_FILE
        if not path.exists():
            return None
        left: dict[str, Any] = read_plain(str(path))
        return left

    def ended(self, exit: Exit, final: bool) -> None:
        result, log = self._result, self._folder / "log.txt"
        result.exit_code, result.error = exit.exit_code, exit.error
        result.started_at, result.ended_at = exit.started_at, exit.ended_at
        result.log_tail = tail(log)
        left = self._left_behind() if exit.state is TaskState.SUCCEEDED else None
        result.has_value = left is not None
        end = RunEnd(
            state=exit.state,
            exit_code=exit.exit_code,
            error=exit.error,
            metrics=(left or {}).get("metrics", {}),
            value_folder=self._folder if left else None,
            log_path=log if log.exists() else None,
            started_at=exit.started_at,
            ended_at=exit.ended_at,
            usage=exit.usage,
        )
        if result.run_id is not None:
            self._runner.recorder.put(partial(self._record, result.run_id, end))
        result.state = exit.state if final else TaskState.PENDING
        self._runner.save()

    def _record(self, run_id: str, end: RunEnd) -> None:
        outcome = self._runner.backend.end_run(run_id, end)
        self._result.metrics, self._result.artifacts = dict(outcome.metrics), dict(outcome.artifacts)
        self._runner.note_gates(outcome.gates)

    def dropped(self, state: TaskState, why: str) -> None:
        self._result.state, self._result.error = state, why
        self._result.ended_at = utc_now().isoformat()
        self._runner.save()


def _killed_by(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"it was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
