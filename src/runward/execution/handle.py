"""An experiment that runs on without its driver: how to start its supervisor and how to find it again."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runward.errors import JobLostError, NotFoundError, TaskFailedError
from runward.execution.backend import BackendFactory
from runward.execution.model import Results, Task, TaskState
from runward.execution.runner import STATE_FILE, tail, write_atomically
from runward.execution.spec import pickle_by_value

_JOB_FILE = "detached.pkl"
_WORLD_FILE = "detached.json"
_LOCK_FILE = "supervisor.lock"
_LOG_FILE = "supervisor.log"
_RESULTS_FILE = "results.pkl"
_BOOT = (
    "import sys;sys.path.append(sys.argv.pop());"
    "from runward.execution.supervisor import main;sys.exit(main(sys.argv[1]))"
)
_PACKAGE_PARENT = str(Path(__file__).parents[2])
_LOOK_EVERY_S = 0.02


@dataclass(frozen=True)
class DetachedJob:
    """What the supervisor needs."""

    name: str
    experiment_id: str
    tasks: Sequence[Task]
    factory: BackendFactory
    slots: int
    seed: int | None


class Handle:
    """A detached experiment, found by its folder; it can be opened again from any process of this machine."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Handle:
        """The experiment of this folder.

        Raises:
            NotFoundError: No detached experiment there.
        """
        if not (Path(folder) / _LOCK_FILE).exists() or not (Path(folder) / STATE_FILE).exists():
            raise NotFoundError(f"there is no detached experiment in {str(folder)!r}")
        return cls(folder)

    @property
    def experiment_id(self) -> str:
        """The experiment's id."""
        return str(self._state()["experiment_id"])

    @property
    def state(self) -> TaskState:
        """Where the whole experiment stands; failed if its supervisor vanished."""
        alive = self._is_alive()
        state = TaskState(self._state()["state"])
        return state if state.is_terminal or alive else TaskState.FAILED

    def status(self) -> dict[str, TaskState]:
        """Where each task stands."""
        return {name: TaskState(task["state"]) for name, task in self._state()["tasks"].items()}

    def wait(self, timeout_s: float | None = None, *, raise_on_failure: bool = True) -> Results:
        """Wait for the end.

        Args:
            timeout_s: Give up waiting (not the experiment) after so many seconds.
            raise_on_failure: Raise for a failed task, as ``Experiment.run`` does.

        Raises:
            TimeoutError: It still runs after ``timeout_s``.
            TaskFailedError: A task failed.
            JobLostError: The supervisor ended without leaving results.
        """
        if not self._wait_for_end(timeout_s):
            raise TimeoutError(f"experiment {self.experiment_id} still runs after {timeout_s:g} s")
        path = self.folder / _RESULTS_FILE
        if not path.exists():
            raise JobLostError(
                f"the supervisor of experiment {self.experiment_id} ended without results",
                hint=tail(self.folder / _LOG_FILE) or "it was killed",
            )
        results: Results = pickle.loads(path.read_bytes())
        if raise_on_failure:
            check_success(results)
        return results

    def cancel(self) -> None:
        """End all tasks; returns at once. Nothing happens if the experiment is over."""
        pid = (self.folder / _LOCK_FILE).read_text(encoding="utf-8")
        if self._is_alive() and pid:
            os.kill(int(pid), signal.SIGTERM)

    def logs(self, task: str) -> str:
        """A task's output so far.

        Raises:
            NotFoundError: No such task.
        """
        return read_log(self._state()["tasks"], task)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.folder / STATE_FILE).read_text(encoding="utf-8"))
        return state

    def _is_alive(self) -> bool:
        return not self._try_lock(fcntl.LOCK_SH | fcntl.LOCK_NB)

    def _try_lock(self, how: int) -> bool:
        # The supervisor holds the lock for its whole life: no other process can be mistaken for it.
        with (self.folder / _LOCK_FILE).open("rb") as file:
            try:
                fcntl.flock(file, how)
            except BlockingIOError:
                return False
            return True

    def _wait_for_end(self, timeout_s: float | None) -> bool:
        if timeout_s is None:
            return self._try_lock(fcntl.LOCK_SH)
        deadline = time.monotonic() + timeout_s
        while self._is_alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_EVERY_S)
        return True


def read_log(tasks: dict[str, Any], task: str) -> str:
    """The output of a task by the ``tasks`` part of a state.

    Raises:
        NotFoundError: No such task.
    """
    if task not in tasks:
        raise NotFoundError(f"there is no task {task!r}", hint=f"tasks: {', '.join(tasks)}")
    path = tasks[task]["log_path"]
    if path is None or not Path(path).exists():
        return ""
    return Path(path).read_text(encoding="utf-8", errors="replace")


def check_success(results: Results) -> None:
    """Raise if a task failed, timed out or was cancelled.

    Raises:
        TaskFailedError: Names the task, its exit code and its last log lines.
    """
    bad = [task for task in results.tasks.values() if task.state is not TaskState.SUCCEEDED]
    if not bad:
        return
    first = next((task for task in bad if task.state is not TaskState.SKIPPED), bad[0])
    code = "" if first.exit_code is None else f", exit code {first.exit_code}"
    others = f" ({len(bad) - 1} more did not succeed)" if len(bad) > 1 else ""
    message = f"task {first.name!r} {first.state.replace('_', ' ')}{code}: {first.error}{others}"
    if first.log_tail:
        message += f"\n--- last lines of {first.log_path}\n{first.log_tail}"
    raise TaskFailedError(
        message,
        task=first.name,
        exit_code=first.exit_code,
        state=str(first.state),
        experiment_id=results.experiment_id,
    )


def start_supervisor(folder: Path, job: DetachedJob) -> Handle:
    """Start the process that runs the job and outlives this one.

    Raises:
        SubmitError: A task or the backend factory cannot be pickled.
    """
    functions = [task.what.fn for task in job.tasks if hasattr(task.what, "fn")]
    (folder / _JOB_FILE).write_bytes(pickle_by_value(job, *functions))
    world = {"sys_path": [entry or os.getcwd() for entry in sys.path], "cwd": os.getcwd()}
    write_atomically(folder / _WORLD_FILE, json.dumps(world))
    command = [sys.executable, "-P", "-c", _BOOT, str(folder), _PACKAGE_PARENT]
    lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    # SIGTERM stays pending until the supervisor is ready for it, so that an early cancel is not lost.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (folder / _LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,
            )
        os.write(lock, str(process.pid).encode())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(lock)
    threading.Thread(target=process.wait, daemon=True, name="runward-reap").start()
    return Handle(folder)


def load_job(folder: Path) -> DetachedJob:
    """What the driver left for the supervisor, in a world like the driver's."""
    world = json.loads((folder / _WORLD_FILE).read_text(encoding="utf-8"))
    sys.path[:] = world["sys_path"]
    os.chdir(world["cwd"])
    job: DetachedJob = pickle.loads((folder / _JOB_FILE).read_bytes())
    return job


def keep_results(folder: Path, results: Results) -> None:
    """Leave the results for ``Handle.wait``."""
    draft = folder / (_RESULTS_FILE + ".tmp")
    draft.write_bytes(pickle_by_value(results))
    draft.replace(folder / _RESULTS_FILE)
