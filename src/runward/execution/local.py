"""Tasks as processes of this machine, driven by events: a thread waits for each child, nothing polls."""

from __future__ import annotations

import contextlib
import heapq
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from runward.core.clock import utc_now
from runward.core.usage import Meter, Usage, wait
from runward.errors import InvalidError, RunwardError
from runward.execution.model import TaskState

_FIRST_BACKOFF_S = 0.25
_LONGEST_BACKOFF_S = 30.0


@dataclass(frozen=True)
class Launch:
    """A process to start: its command line, its environment, and the file for its output."""

    argv: Sequence[str]
    env: Mapping[str, str]
    log_path: Path


@dataclass(frozen=True)
class Exit:
    """How an attempt ended. ``exit_code`` is ``None`` if the process never started."""

    state: TaskState
    exit_code: int | None
    error: str
    attempt: int
    started_at: str | None
    ended_at: str
    usage: Usage = field(default_factory=Usage)


class Job(Protocol):
    """A task as an executor sees it."""

    @property
    def name(self) -> str:
        """Unique among the jobs."""

    @property
    def dependencies(self) -> Sequence[str]:
        """Names of the jobs that must succeed before."""

    @property
    def retries(self) -> int:
        """How often to try again."""

    @property
    def timeout_s(self) -> float | None:
        """Seconds for one attempt."""

    @property
    def slots(self) -> int:
        """How many of the executor's slots it takes."""

    def launch(self, attempt: int) -> Launch:
        """Prepare an attempt, counted from 1, right before it starts. A RunwardError fails the attempt."""

    def started(self, attempt: int) -> None:
        """The attempt's process runs."""

    def judge(self, exit_code: int) -> tuple[TaskState, str]:
        """The state that this exit code means, and one line of explanation if it is no success."""

    def ended(self, exit: Exit, final: bool) -> None:
        """The attempt ended; ``final`` unless it will be tried again."""

    def dropped(self, state: TaskState, why: str) -> None:
        """The job will not start (again): skipped behind a failed one, or cancelled."""


class Executor(Protocol):
    """Runs jobs in the order of their dependencies."""

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs; return when each has ended or been skipped."""

    def cancel(self) -> None:
        """End everything soon. May be called from any thread or signal handler."""


class LocalExecutor:
    """Runs each job in a process group of its own, as many at once as there are slots.

    Args:
        slots: How many at once; the CPUs that this process may use when not given.
        echo: Also write the tasks' output to standard output, each line after the task's name.
        grace_s: Seconds between SIGTERM and SIGKILL.

    Raises:
        InvalidError: ``slots`` is not a positive whole number.
    """

    def __init__(self, slots: int | None = None, *, echo: bool = False, grace_s: float = 5.0) -> None:
        if slots is not None and (isinstance(slots, bool) or not isinstance(slots, int) or slots < 1):
            raise InvalidError(f"slots must be a whole number of at least 1, got {slots!r}")
        self.slots = slots or usable_cpus()
        self.echo = echo
        self.grace_s = grace_s
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs in dependency order.

        Jobs behind a failed one are skipped, the others still run. Ctrl-C and SIGTERM (in the main thread)
        end all children first, each job hears of its end, and then the interruption goes on.
        """
        loop = _Loop(jobs, self)
        with _interruptible(self._events):
            try:
                loop.run()
            except BaseException:
                loop.stop()
                raise
        if loop.interrupted_by == signal.SIGINT:
            raise KeyboardInterrupt
        if loop.interrupted_by is not None:
            raise SystemExit(128 + loop.interrupted_by)

    def cancel(self) -> None:
        """End all children (SIGTERM, then SIGKILL) and start no more."""
        self._events.put(_Event("cancel"))


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class _Event:
    kind: str
    child: _Child | None = None
    signal: int | None = None


@dataclass
class _Child:
    job: Job
    attempt: int
    process: subprocess.Popen[bytes]
    started_at: str
    reader: threading.Thread | None = None
    ending: TaskState | None = None
    exit_code: int = 0
    usage: Usage = field(default_factory=Usage)

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


@dataclass(order=True)
class _Timer:
    at: float
    order: int
    act: Callable[[], None] = field(compare=False)


class _Loop:
    """One run of the executor: everything happens in the calling thread but waiting for children."""

    def __init__(self, jobs: Sequence[Job], executor: LocalExecutor) -> None:
        self._executor = executor
        self._events = executor._events
        self._waiting = {job.name: set(job.dependencies) for job in jobs}
        self._jobs = {job.name: job for job in jobs}
        self._ready: deque[tuple[Job, int]] = deque((job, 1) for job in jobs if not job.dependencies)
        self._running: dict[str, _Child] = {}
        self._paused: dict[str, Job] = {}
        self._timers: list[_Timer] = []
        self._cancelled = False
        self.interrupted_by: int | None = None
        self._after: list[Callable[[], None]] = []

    def run(self) -> None:
        self._start_ready()
        self._report()
        while self._running or self._paused or self._ready:
            self._handle(self._next_event())
            self._start_ready()
            self._report()

    def _next_event(self) -> _Event | None:
        wait = None if not self._timers else max(0.0, self._timers[0].at - time.monotonic())
        try:
            return self._events.get(timeout=wait)
        except queue.Empty:
            return None

    def _handle(self, event: _Event | None) -> None:
        if event is not None and event.kind == "cancel":
            self._cancel()
        elif event is not None and event.signal is not None:
            self._interrupt(event.signal)
        elif event is not None and event.child is not None:
            self._exited(event.child)
        while self._timers and self._timers[0].at <= time.monotonic():
            heapq.heappop(self._timers).act()

    def _after_s(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._timers, _Timer(time.monotonic() + seconds, len(self._timers), act))

    def _report(self) -> None:
        """Tell jobs what happened only after those behind them have started."""
        while self._after:
            self._after.pop(0)()

    # starting

    def _start_ready(self) -> None:
        while self._ready and self._fits(self._ready[0][0]):
            self._start(*self._ready.popleft())

    def _fits(self, job: Job) -> bool:
        used = sum(child.job.slots for child in self._running.values())
        return not self._running or used + job.slots <= self._executor.slots

    def _start(self, job: Job, attempt: int) -> None:
        try:
            launch = job.launch(attempt)
            child = _Child(job, attempt, _spawn(launch, self._executor.echo), utc_now().isoformat())
        except (RunwardError, OSError) as error:
            self._settle(job, Exit(TaskState.FAILED, None, str(error), attempt, None, _now()))
            return
        self._running[job.name] = child
        if self._executor.echo:
            child.reader = _thread(_copy_output, child.process, launch.log_path, job.name)
        _thread(self._wait, child)
        if job.timeout_s is not None:
            self._after_s(job.timeout_s, lambda: self._end(child, TaskState.TIMED_OUT))
        self._after.append(lambda: job.started(attempt))

    def _wait(self, child: _Child) -> None:
        meter = Meter(child.process.pid)
        child.exit_code, used = wait(child.process)
        child.usage = meter.stop(used)
        self._events.put(_Event("exit", child))

    # ending

    def _end(self, child: _Child, state: TaskState) -> None:
        if self._running.get(child.job.name) is not child or child.ending is not None:
            return
        child.ending = state
        child.signal(signal.SIGTERM)
        self._after_s(self._executor.grace_s, lambda: self._kill(child))

    def _kill(self, child: _Child) -> None:
        if self._running.get(child.job.name) is child:
            child.signal(signal.SIGKILL)

    def _exited(self, child: _Child) -> None:
        if self._running.pop(child.job.name, None) is not child:
            return
        if child.reader is not None:
            # A grandchild may hold the pipe open for longer than the task lives.
            child.reader.join(timeout=1.0)
        if child.ending is not None:
            # What ignored SIGTERM in the group does not outlive its task.
            child.signal(signal.SIGKILL)
        self._settle(child.job, self._judge(child))

    def _judge(self, child: _Child) -> Exit:
        if child.ending is None:
            state, error = child.job.judge(child.exit_code)
        else:
            late = f"it ran longer than {child.job.timeout_s} s"
            state = child.ending
            error = late if state is TaskState.TIMED_OUT else "it was cancelled"
        return Exit(state, child.exit_code, error, child.attempt, child.started_at, _now(), child.usage)

    def _settle(self, job: Job, exit: Exit) -> None:
        again = (
            exit.state in (TaskState.FAILED, TaskState.TIMED_OUT)
            and exit.attempt <= job.retries
            and not self._cancelled
        )
        self._after.append(lambda: job.ended(exit, not again))
        if again:
            self._paused[job.name] = job
            pause = min(_FIRST_BACKOFF_S * 2 ** (exit.attempt - 1), _LONGEST_BACKOFF_S)
            self._after_s(pause, lambda: self._retry(job, exit.attempt + 1))
        elif exit.state is TaskState.SUCCEEDED:
            self._release(job)
        else:
            self._skip_behind(job, f"task {job.name!r} {exit.state.replace('_', ' ')}")

    def _retry(self, job: Job, attempt: int) -> None:
        if self._paused.pop(job.name, None) is not None:
            self._ready.append((job, attempt))

    def _release(self, job: Job) -> None:
        for name, waiting in self._waiting.items():
            if job.name in waiting:
                waiting.discard(job.name)
                if not waiting:
                    self._ready.append((self._jobs[name], 1))

    def _skip_behind(self, job: Job, why: str) -> None:
        for name, waiting in self._waiting.items():
            if job.name in waiting:
                waiting.clear()
                self._drop(self._jobs[name], why)

    def _drop(self, job: Job, why: str) -> None:
        state = TaskState.CANCELLED if self._cancelled else TaskState.SKIPPED
        self._after.append(lambda: job.dropped(state, why))
        self._skip_behind(job, f"task {job.name!r} was {state}")

    def _cancel(self) -> None:
        self._cancelled = True
        for job in [*(job for job, _ in self._ready), *self._paused.values()]:
            self._drop(job, "the experiment was cancelled")
        self._ready.clear()
        self._paused.clear()
        for child in list(self._running.values()):
            self._end(child, TaskState.CANCELLED)

    def _interrupt(self, number: int) -> None:
        if self.interrupted_by is not None:
            # Asked a second time: no more grace.
            for child in self._running.values():
                child.signal(signal.SIGKILL)
        self.interrupted_by = number
        self._cancel()

    def stop(self) -> None:
        """End all children now and tell their jobs; the error that led here is already on its way."""
        self._cancel()
        while self._running or self._after:
            with contextlib.suppress(Exception):
                self.run()


@contextlib.contextmanager
def _interruptible(events: queue.SimpleQueue[_Event]) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into events: no exception falls between starting and noting a child."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    defaults: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    taken = [number for number, default in defaults.items() if signal.getsignal(number) == default]
    for number in taken:
        signal.signal(number, lambda got, _frame: events.put(_Event("signal", signal=got)))
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, defaults[number])


def _now() -> str:
    return utc_now().isoformat()


def _thread(target: Callable[..., None], *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True, name="runward-child")
    thread.start()
    return thread


def _spawn(launch: Launch, echo: bool) -> subprocess.Popen[bytes]:
    with launch.log_path.open("ab") as log:
        return subprocess.Popen(
            launch.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if echo else log,
            stderr=subprocess.STDOUT,
            env=dict(launch.env),
            start_new_session=True,
        )


def _copy_output(process: subprocess.Popen[bytes], log_path: Path, name: str) -> None:
    assert process.stdout is not None
    with log_path.open("ab", buffering=0) as log, process.stdout:
        for line in process.stdout:
            log.write(line)
            sys.stdout.write(f"{name} | {line.decode('utf-8', 'replace')}")
