"""Experiment: tasks that run together, and what is known about them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self, overload

from runward.config.buildable import as_buildable, copy_of
from runward.config.targets import display_name
from runward.core.seeding import check_seed
from runward.errors import AlreadyExistsError, InvalidError, InvalidTransitionError, NotFoundError
from runward.execution.backend import Backend, backend_factory
from runward.execution.entry import EntryPoint, call_of, check_entry, entry_point
from runward.execution.handle import DetachedJob, Handle, check_success, read_log, start_supervisor
from runward.execution.local import Executor, LocalExecutor
from runward.execution.metadata import Metadata
from runward.execution.model import Results, Script, Task, TaskState, check_tags
from runward.execution.plan import Plan, make_plan
from runward.execution.runner import Runner
from runward.governance.names import check_name


class Experiment:
    """Tasks that run together. Usable with or without ``with``.

    Args:
        name_or_tasks: The experiment's name, or its tasks.
        name: The name of an experiment given by its tasks; that of the first task when not given.
        project: The project it belongs to.
        slots: How many tasks run at once here; the usable CPUs when not given.
        description: What it is about.
        tags: Tags of the experiment.
        entry: What plain dicts of parameters are handed to: a function or its import path.
        seed: For tasks without a seed of their own.

    Raises:
        InvalidError: A name, seed or slot count is wrong, or there is neither a name nor a task.
        AlreadyExistsError: Two tasks have one name.
    """

    def __init__(
        self,
        name_or_tasks: str | Iterable[Task] = (),
        /,
        name: str | None = None,
        *,
        project: str | None = None,
        slots: int | None = None,
        description: str = "",
        tags: Mapping[str, Any] | Iterable[str] | None = None,
        entry: EntryPoint | None = None,
        seed: int | None = None,
    ) -> None:
        tasks = _task_list(name_or_tasks, name)
        if isinstance(name_or_tasks, str):
            name = name_or_tasks
        self.name = check_name(name if name is not None else tasks[0].name, "the experiment name")
        self.project = None if project is None else check_name(project, "the project name")
        self.slots = LocalExecutor(slots).slots
        self.description = description
        self.tags = check_tags(tags)
        self.entry = None if entry is None else check_entry(entry)
        self.seed = None if seed is None else check_seed(seed)
        self.experiment_id: str | None = None
        """The id of the latest run of this experiment, ``None`` before the first."""
        self._metadata = Metadata()
        self._tasks: list[Task] = []
        self._backend: Backend | None = None
        self._runner: Runner | None = None
        self._handle: Handle | None = None
        for task in tasks:
            self._append(task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Nothing to close: ``run`` returns when everything has ended."""

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, tasks={[task.name for task in self._tasks]})"

    @property
    def tasks(self) -> list[Task]:
        """The tasks and checks in the order they were added."""
        return list(self._tasks)

    @property
    def metadata(self) -> Metadata:
        """Anything JSON-able worth knowing about the experiment; kept and versioned once it has started."""
        return self._metadata

    @metadata.setter
    def metadata(self, values: Mapping[str, Any]) -> None:
        fresh = Metadata(values)
        self._metadata.clear()
        self._metadata.update(fresh)

    def add(
        self,
        what: Any,
        name: str | None = None,
        dependencies: Iterable[str | Task] = (),
        **options: Any,
    ) -> Task:
        """Add a task.

        Args:
            what: A Task, a function, Partial, Config or Script, a check (runs after the tasks, as a
                gate), or a plain dict: parameters for the entry function (``run.set_entry_point``).
            name: The task's name; the function's name when not given.
            dependencies: Names of tasks (or tasks) that must succeed before.
            options: As for Task: retries, timeout_s, env, tags, seed, resources.

        Returns:
            The added task.

        Raises:
            InvalidError: Nothing that can run, or a dict without an entry function that takes it.
            AlreadyExistsError: The name is taken.
        """
        if isinstance(what, Task):
            if name is not None or options or dependencies:
                raise InvalidError(f"task {what.name!r} is complete: give name and options to Task(…) itself")
            return self._append(what)
        if isinstance(what, Mapping):
            return self._add_parameters(what if isinstance(what, dict) else dict(what), name, dependencies, options)
        task = Task(name or _name_of(what), what, dependencies=dependencies, **options)
        return self._append(task)

    def _add_parameters(
        self,
        parameters: dict[str, Any],
        name: str | None,
        dependencies: Iterable[str | Task],
        options: dict[str, Any],
    ) -> Task:
        kept: dict[str, Any] = copy_of(parameters)
        call = call_of(kept, self._entry_function(kept))
        task = Task(name or f"task_{len(self._tasks) + 1}", call, dependencies=dependencies, **options)
        task.parameters = kept
        return self._append(task)

    def _entry_function(self, parameters: Mapping[str, Any]) -> EntryPoint | None:
        if "_target_" in parameters:
            return None
        return self.entry or entry_point() or self._connect().entry_point(self.project)

    def _append(self, task: Task) -> Task:
        if any(known.name == task.name for known in self._tasks):
            raise AlreadyExistsError(
                f"the experiment {self.name!r} already has a task {task.name!r}", hint="give it another name="
            )
        self._tasks.append(task)
        return task

    def plan(self) -> Plan:
        """What ``run`` would do. Checks everything that can be checked before; has no side effects.

        Raises:
            InvalidError: An unknown dependency, a circle of them, a missing argument or file, or no task.
        """
        if not self._tasks:
            raise InvalidError(f"the experiment {self.name!r} has no tasks", hint="add one: exp.add(function)")
        return make_plan(self.name, self._tasks, self.slots)

    @overload
    def run(
        self,
        detach: Literal[False] = False,
        raise_on_failure: bool = True,
        *,
        echo: bool | None = None,
        executor: Executor | None = None,
    ) -> Results: ...

    @overload
    def run(self, detach: Literal[True], raise_on_failure: bool = True) -> Handle: ...

    def run(
        self,
        detach: bool = False,
        raise_on_failure: bool = True,
        *,
        echo: bool | None = None,
        executor: Executor | None = None,
    ) -> Results | Handle:
        """Run all tasks in dependency order, then the checks.

        Args:
            detach: Return at once; a supervisor process goes on even if this one ends.
            raise_on_failure: Raise if a task did not succeed, instead of only saying so in the results.
            echo: Show the tasks' output here; when not given, if standard output is a terminal.
            executor: What runs the tasks; processes of this machine when not given.

        Raises:
            InvalidError: The plan is wrong; nothing was started.
            TaskFailedError: A task failed; the message ends with its last log lines.
            SubmitError: A task cannot be handed to its process.
        """
        plan = self.plan()
        if detach and executor is not None:
            raise InvalidError("detach=True uses the local supervisor; it takes no executor")
        if executor is None:
            executor = LocalExecutor(self.slots, echo=sys.stdout.isatty() if echo is None else echo)
        runner = self._begin(plan, executor)
        if detach:
            return self._detach(runner)
        try:
            results = runner.run()
        finally:
            self._save_metadata()
        if raise_on_failure:
            check_success(results)
        return results

    def _connect(self) -> Backend:
        if self._backend is None:
            self._backend = backend_factory()()
        return self._backend

    def _begin(self, plan: Plan, executor: Executor) -> Runner:
        backend = self._connect()
        about = {
            "description": self.description,
            "tags": dict(self.tags),
            "metadata": self._metadata.snapshot(),
            "seed": self.seed,
            "plan": str(plan),
        }
        self.experiment_id = backend.begin_experiment(self.name, self.project, about)
        self._saved = about["metadata"]
        self._metadata.on_change = self._save_metadata
        by_name = {task.name: task for task in self._tasks}
        self._handle = None
        self._runner = Runner(
            self.name,
            self.experiment_id,
            [by_name[name] for name in plan.order],
            backend=backend,
            executor=executor,
            seed=self.seed,
        )
        return self._runner

    def _save_metadata(self) -> None:
        now = self._metadata.snapshot()
        if now != self._saved and self.experiment_id is not None:
            self._saved = now
            self._connect().save_metadata(self.experiment_id, now, self._metadata.version)

    def _detach(self, runner: Runner) -> Handle:
        runner.save()
        job = DetachedJob(self.name, runner.experiment_id, self._tasks, backend_factory(), self.slots, self.seed)
        self._handle = start_supervisor(runner.folder, job)
        return self._handle

    def status(self) -> dict[str, TaskState]:
        """Where each task stands."""
        if self._handle is not None:
            return self._handle.status()
        if self._runner is not None:
            return {name: result.state for name, result in self._runner.results.items()}
        return {task.name: TaskState.PENDING for task in self._tasks if not task.is_check}

    def cancel(self) -> None:
        """End all tasks of the running experiment; from another thread, or of a detached one.

        Raises:
            InvalidTransitionError: It was never started.
        """
        if self._handle is not None:
            self._handle.cancel()
        elif self._runner is not None:
            self._runner.executor.cancel()
        else:
            raise InvalidTransitionError(f"the experiment {self.name!r} has not been started")

    def logs(self, task: str) -> str:
        """A task's output so far.

        Raises:
            NotFoundError: No such task, or nothing was started.
        """
        if self._handle is not None:
            return self._handle.logs(task)
        if self._runner is None:
            raise NotFoundError(f"the experiment {self.name!r} has not been started, so there are no logs")
        return read_log({name: vars(result) for name, result in self._runner.results.items()}, task)


def _task_list(given: str | Iterable[Task], name: str | None) -> list[Task]:
    if isinstance(given, str):
        if name is not None and name != given:
            raise InvalidError(f"the experiment has two names: {given!r} and {name!r}")
        return []
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise InvalidError(
            f"an experiment starts with a name or a list of tasks, got {type(given).__name__}",
            hint='write run.Experiment("name") or run.Experiment([run.Task(…)], name="name")',
        )
    tasks = list(given)
    for task in tasks:
        _check_task(task)
    if not tasks and name is None:
        raise InvalidError("an experiment needs a name or tasks", hint='write run.Experiment("name")')
    return tasks


def _check_task(task: object) -> None:
    if not isinstance(task, Task):
        raise InvalidError(f"expected a Task, got {type(task).__name__}", hint="write Task(name, function)")


def _name_of(what: Any) -> str:
    if isinstance(what, Script):
        return (what.path or "script").rpartition("/")[2]
    fn = as_buildable(what).fn
    last = display_name(fn).rpartition(".")[2]
    return last.strip("<>()")
