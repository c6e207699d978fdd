"""What an experiment would do: its tasks in order, checked before anything starts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runward.config.buildable import Buildable, missing
from runward.config.targets import did_you_mean, display_name
from runward.errors import InvalidError
from runward.execution.model import Script, Task
from runward.execution.spec import upstream_parameters

_SUMMARY_WIDTH = 60


@dataclass(frozen=True)
class PlannedTask:
    """One row of a plan. ``wave`` counts from 1: all tasks of a wave may run at the same time."""

    name: str
    wave: int
    kind: str
    dependencies: tuple[str, ...]
    slots: int
    summary: str


@dataclass(frozen=True)
class Plan:
    """An experiment's tasks in the order they may start; ``str(plan)`` is a table."""

    name: str
    slots: int
    rows: tuple[PlannedTask, ...]

    @property
    def order(self) -> list[str]:
        """Task names in starting order, checks last."""
        return [row.name for row in self.rows]

    @property
    def waves(self) -> list[list[str]]:
        """Task names by wave."""
        last = max((row.wave for row in self.rows), default=0)
        return [[row.name for row in self.rows if row.wave == wave] for wave in range(1, last + 1)]

    def __str__(self) -> str:
        head = ("wave", "task", "kind", "after", "slots", "configuration")
        table = [head] + [
            (str(r.wave), r.name, r.kind, ", ".join(r.dependencies) or "-", str(r.slots), r.summary) for r in self.rows
        ]
        widths = [max(len(line[column]) for line in table) for column in range(len(head))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in table]
        return "\n".join([f"{self.name}: {len(self.rows)} tasks, {self.slots} at once", *lines])


def make_plan(name: str, tasks: Sequence[Task], slots: int) -> Plan:
    """Check tasks and put them into starting order.

    Raises:
        InvalidError: An unknown dependency, a cycle (shown), a missing argument or file.
    """
    by_name = {task.name: task for task in tasks}
    for task in tasks:
        _check_task(task, by_name)
    waves = _waves(by_name)
    rows = [
        PlannedTask(task.name, waves[task.name], _kind(task), task.dependencies, task.slots, _summary(task))
        for task in tasks
    ]
    return Plan(name, slots, tuple(sorted(rows, key=lambda row: row.wave)))


def _check_task(task: Task, by_name: dict[str, Task]) -> None:
    for dependency in task.dependencies:
        if dependency not in by_name:
            raise InvalidError(
                f"task {task.name!r} depends on {dependency!r}, which is not in the experiment",
                hint=did_you_mean(dependency, [name for name in by_name if name != task.name]),
            )
        if by_name[dependency].is_check and not task.is_check:
            raise InvalidError(f"task {task.name!r} cannot depend on the check {dependency!r}: checks run last")
    if isinstance(task.what, Script):
        _check_script(task.name, task.what)
    else:
        _check_arguments(task, task.what)


def _check_arguments(task: Task, call: Buildable) -> None:
    supplied = {"results"} if task.is_check else set(upstream_parameters(call, task.dependencies))
    absent = missing(call, frozenset(supplied))
    if absent:
        # A check of results that nobody marked as one is taken for a task.
        mark = "mark it as a check with @runward.check, " if absent == ["results"] else ""
        raise InvalidError(
            f"task {task.name!r}: {display_name(call.fn)}() misses {', '.join(map(repr, absent))}",
            hint=f"{mark}give it in the Partial ({absent[0]}=…), or name a dependency {absent[0]!r}",
        )


def _check_script(name: str, script: Script) -> None:
    if script.path and not script.m and not Path(script.path).is_file():
        raise InvalidError(
            f"task {name!r}: there is no script {script.path!r}", hint="paths start at the working folder"
        )
    if script.entrypoint != "python" and shutil.which(script.entrypoint) is None:
        raise InvalidError(f"task {name!r}: the program {script.entrypoint!r} is not on PATH")


def script_command(script: Script) -> list[str]:
    """The command line of a script."""
    program = sys.executable if script.entrypoint == "python" else script.entrypoint
    if script.inline:
        # A shell takes the word after the text as its own name.
        own_name = [] if program == sys.executable or "python" in Path(program).name else [program]
        return [program, "-c", script.inline, *own_name, *map(str, script.args)]
    return [program, *(["-m"] if script.m else []), str(script.path), *map(str, script.args)]


def _waves(by_name: dict[str, Task]) -> dict[str, int]:
    waves: dict[str, int] = {}
    last_wave = 0
    for name in _topological(by_name):
        waves[name] = 1 + max((waves[item] for item in by_name[name].dependencies), default=0)
        if not by_name[name].is_check:
            last_wave = max(last_wave, waves[name])
    return {name: last_wave + 1 if by_name[name].is_check else wave for name, wave in waves.items()}


def _topological(by_name: dict[str, Task]) -> list[str]:
    order: list[str] = []
    done: set[str] = set()
    for start, first in by_name.items():
        stack = [] if start in done else [(start, iter(first.dependencies))]
        trail = [start]
        while stack:
            name, rest = stack[-1]
            step = next((item for item in rest if item not in done), None)
            if step is None:
                stack.pop()
                trail.pop()
                done.add(name)
                order.append(name)
            elif step in trail:
                cycle = [*trail[trail.index(step) :], step]
                raise InvalidError(f"the dependencies go in a circle: {' -> '.join(cycle)}", hint="remove one of them")
            else:
                trail.append(step)
                stack.append((step, iter(by_name[step].dependencies)))
    return order


def _kind(task: Task) -> str:
    if isinstance(task.what, Script):
        return "script"
    return "check" if task.is_check else "function"


def _summary(task: Task) -> str:
    text = repr(task.what if task.parameters is None else task.parameters)
    return text if len(text) <= _SUMMARY_WIDTH else text[: _SUMMARY_WIDTH - 1] + "…"
