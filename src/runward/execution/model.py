"""Tasks, scripts, states and results: the values of an experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from runward.config.buildable import Buildable, Partial, as_buildable, unchecked
from runward.config.serialise import describe
from runward.core.seeding import check_seed
from runward.errors import InvalidError, NotFoundError
from runward.execution.worker import read_value
from runward.governance.names import check_name


class TaskState(StrEnum):
    """Where a task (or a whole experiment) stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"

    @property
    def is_terminal(self) -> bool:
        """Whether the state is final."""
        return self not in (TaskState.PENDING, TaskState.RUNNING)


@dataclass(frozen=True)
class Script:
    """A program to run as a task: a file, or text given to an interpreter.

    Attributes:
        path: The file (or, with ``m``, the module) to run.
        inline: The program's text instead of a file.
        args: Its arguments.
        env: Environment variables added to the driver's.
        entrypoint: What runs it; ``python`` means the driver's own interpreter.
        m: Run ``path`` as a module (``python -m``).

    Raises:
        InvalidError: Not exactly one of path and inline, or a value that is not text.
    """

    path: str = ""
    inline: str = ""
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: str = "bash"
    m: bool = False

    def __post_init__(self) -> None:
        if bool(self.path) == bool(self.inline):
            raise InvalidError("a Script needs either path or inline", hint='write Script(inline="echo hello")')
        if self.m and self.inline:
            raise InvalidError("Script(m=True) runs a module: give its name as path, not inline")
        if isinstance(self.args, str) or "\0" in "".join([*map(str, self.args), str(self.path), self.inline]):
            raise InvalidError(f"Script.args must be a list of text without NUL, got {self.args!r:.80}")
        check_env("Script.env", self.env)


def check_env(what: str, env: Mapping[str, str] | None) -> dict[str, str]:
    """Environment variables as a dict.

    Raises:
        InvalidError: A name or value is not text, or cannot be one of an environment.
    """
    for key, value in (env or {}).items():
        texts = isinstance(key, str) and isinstance(value, str)
        if not texts or not key or "=" in key or "\0" in key + value:
            raise InvalidError(f"{what}[{key!r}] must be text to text, got {value!r:.80}", hint="use str(value)")
    return dict(env or {})


def check_tags(tags: Mapping[str, Any] | Iterable[str] | None) -> dict[str, str]:
    """Tags as a dict of text; a list of words becomes tags without value.

    Raises:
        InvalidError: A tag name is empty or not text.
    """
    if isinstance(tags, str):
        raise InvalidError(f"tags must be a dict or a list, got the text {tags!r}", hint=f"write [{tags!r}]")
    pairs = tags.items() if isinstance(tags, Mapping) else [(tag, "") for tag in tags or ()]
    return {check_name(key, "the tag name"): str(value) for key, value in pairs}


class Task:
    """One unit of work of an experiment, run in a process of its own.

    A task whose function has a parameter named like one of its dependencies (characters that no
    identifier has replaced by ``_``), and no value for it, gets the value that the dependency returned.
    A returned dict's numbers count as metrics of the task.

    Args:
        name: Unique in the experiment.
        what: A function, a Partial or Config (fiddle's and nemo_run's too), or a Script.
        dependencies: Names of tasks (or tasks) that must succeed before.
        retries: How often to try again after a failure or timeout, with growing pauses.
        timeout_s: Seconds for one attempt; then SIGTERM and, 5 s later, SIGKILL.
        env: Environment variables added to the driver's.
        tags: Tags of the task's run.
        seed: Seeds Python, numpy and torch in the task; the experiment's seed when not given.
        resources: What an executor should provide. Locally ``{"slots": n}`` counts as n tasks.

    Raises:
        InvalidError: A name, number or type is wrong.
    """

    def __init__(
        self,
        name: str,
        what: Any,
        *,
        dependencies: Iterable[str | Task] = (),
        retries: int = 0,
        timeout_s: float | None = None,
        env: Mapping[str, str] | None = None,
        tags: Mapping[str, Any] | Iterable[str] | None = None,
        seed: int | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = check_name(name, "the task name")
        self.what: Buildable | Script = what if isinstance(what, Script) else _as_call(what, name)
        self.dependencies = _dependency_names(name, dependencies)
        self.retries = _whole("retries", retries)
        self.timeout_s = _seconds("timeout_s", timeout_s)
        self.env = check_env("env", env)
        self.tags = check_tags(tags)
        self.seed = None if seed is None else check_seed(seed)
        self.resources = dict(resources or {})
        self.slots = _whole("resources['slots']", self.resources.get("slots", 1), least=1)
        self.parameters: dict[str, Any] | None = None
        """The plain dict this task was made from, where it was one."""

    @property
    def is_check(self) -> bool:
        """Whether this is a gate: a check of the results, called in the driver after the ordinary tasks."""
        return isinstance(self.what, Buildable) and is_check(self.what.fn)

    @property
    def config(self) -> dict[str, Any]:
        """What the task was configured with, as plain data."""
        if self.parameters is not None:
            return dict(self.parameters)
        if isinstance(self.what, Script):
            return {"script": self.what.path or self.what.inline, "args": list(self.what.args)}
        described: dict[str, Any] = describe(self.what)
        return described

    def __repr__(self) -> str:
        return f"Task({self.name!r}, {self.what!r})"


def is_check(fn: Any) -> bool:
    """Whether a function is marked as a check of results (``fn.__runward_check__ = True``)."""
    return getattr(fn, "__runward_check__", False) is True


def _as_call(what: Any, name: str) -> Buildable:
    try:
        made = as_buildable(what)
    except InvalidError as error:
        raise InvalidError(f"task {name!r}: {error.message}", hint=error.hint) from None
    # A Config as a task means the same call: it happens in the task's process.
    return made if isinstance(made, Partial) else unchecked(Partial, made.fn, made.__positional__, made.arguments)


def _dependency_names(name: str, dependencies: Iterable[str | Task]) -> tuple[str, ...]:
    if isinstance(dependencies, str):
        raise InvalidError(
            f"dependencies of task {name!r} must be a list, got the text {dependencies!r}",
            hint=f"write dependencies=[{dependencies!r}]",
        )
    names = [item.name if isinstance(item, Task) else item for item in dependencies]
    return tuple(dict.fromkeys(check_name(item, "the dependency name") for item in names))


def _whole(what: str, value: Any, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidError(f"{what} must be a whole number of at least {least}, got {value!r}")
    return value


def _seconds(what: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise InvalidError(f"{what} must be a positive number of seconds, got {value!r}")
    return float(value)


@dataclass
class TaskResult:
    """How one task went. Times are UTC ISO texts; ``value`` is read from disk when asked for."""

    name: str
    state: TaskState = TaskState.PENDING
    exit_code: int | None = None
    run_id: str | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    log_tail: str = ""
    error: str = ""
    started_at: str | None = None
    ended_at: str | None = None
    attempts: int = 0
    folder: str | None = None
    log_path: str | None = None
    has_value: bool = False

    @property
    def value(self) -> Any:
        """What the task's function returned (``None`` for scripts and for tasks that did not succeed).

        Raises:
            NotFoundError: The task returned something that could not be kept, or its files are gone.
        """
        if not self.has_value or self.folder is None:
            return None
        try:
            return read_value(self.folder)
        except (ValueError, OSError) as error:
            raise NotFoundError(f"the value of task {self.name!r} is not there: {error}") from error


@dataclass
class Results:
    """What came out of an experiment.

    Attributes:
        experiment_id: The experiment's id.
        name: The experiment's name.
        status: ``succeeded`` only if every task succeeded.
        timestamp: When it ended, UTC, ISO 8601.
        metrics: The tasks' metrics in one dict; what several tasks report is ``task.metric`` for each.
        config: The configuration of the only task, or ``{task: configuration}`` of several.
        artifacts: Name to place, merged like ``metrics``.
        gates: Verdict of each check by its name.
        tasks: A :class:`TaskResult` by task name.
    """

    experiment_id: str
    name: str
    status: TaskState
    timestamp: str
    metrics: dict[str, float]
    config: dict[str, Any]
    artifacts: dict[str, str]
    gates: dict[str, Any]
    tasks: dict[str, TaskResult]

    @property
    def outputs(self) -> dict[str, Any]:
        """What the tasks' functions returned, by task name (read from disk now). Raises: NotFoundError."""
        return {name: task.value for name, task in self.tasks.items()}

    @property
    def succeeded(self) -> bool:
        """Whether every task succeeded."""
        return self.status is TaskState.SUCCEEDED


@dataclass(frozen=True)
class Unevaluated:
    """The verdict of a check that could not be evaluated: never a pass."""

    name: str
    reason: str
    state: str = "error"
    passed: bool = False

    def __bool__(self) -> bool:
        return False


def merge_named(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge each task's mapping; a key of several tasks becomes ``task.key`` for each: none hides another."""
    count: dict[str, int] = {}
    for part in parts.values():
        for key in part:
            count[key] = count.get(key, 0) + 1
    return {
        key if count[key] == 1 else f"{name}.{key}": value
        for name, part in parts.items()
        for key, value in part.items()
    }
