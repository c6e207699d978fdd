"""The source text of what tasks call, for checks that read code. Nothing is imported or run for it."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from runward.config.buildable import Buildable, as_buildable, is_buildable
from runward.errors import InvalidError
from runward.execution.experiment import Experiment
from runward.execution.model import Results, Script, Task, TaskResult

_SNAPSHOT = "source.py"


class Sources(NamedTuple):
    """Python files by path, and the tasks whose source is not at hand, each with the reason."""

    files: dict[str, str]
    absent: dict[str, str]


def sources_of(subject: Any) -> Sources:
    """The source files of results, an experiment, a task, a configuration or a function.

    A function's whole file where Python knows it, as its module is what a reviewer reads; else the text of the
    function alone, as it was kept when it was sent to its process.

    Raises:
        InvalidError: Nothing that has source code.
    """
    if isinstance(subject, Results):
        return _collect({name: _of_result(task) for name, task in subject.tasks.items()})
    if isinstance(subject, Experiment):
        return _collect({task.name: _of_task(task) for task in subject.tasks if not task.is_check})
    if isinstance(subject, Task):
        return _collect({subject.name: _of_task(subject)})
    if is_buildable(subject) or callable(subject):
        call = as_buildable(subject)
        return _collect({getattr(call.fn, "__name__", "function"): _of_call(call)})
    raise InvalidError(
        f"there is no source code in {type(subject).__name__}", hint="give results, an experiment, a task or a function"
    )


_Found = tuple[str, str] | str
"""(path, text), or why there is none."""


def _collect(found: Mapping[str, _Found]) -> Sources:
    files = {item[0]: item[1] for item in found.values() if isinstance(item, tuple)}
    return Sources(files, {name: item for name, item in found.items() if isinstance(item, str)})


def _of_task(task: Task) -> _Found:
    if isinstance(task.what, Script):
        return _python_file(task.what.path)
    return _of_call(task.what)


def function_of(call: Buildable) -> Any:
    """The function behind a call, without wrappers."""
    fn = call.fn
    while isinstance(fn, functools.partial):
        fn = fn.func
    return inspect.unwrap(fn) if callable(fn) else fn


def _of_call(call: Buildable) -> _Found:
    fn = function_of(call)
    try:
        path = inspect.getsourcefile(fn)
        lines, _ = inspect.getsourcelines(fn)
    except (OSError, TypeError):
        return "Python does not have its source text"
    if path and Path(path).is_file():
        return path, Path(path).read_text(encoding="utf-8", errors="replace")
    return _snapshot(f"{getattr(fn, '__name__', 'function')}.py", "".join(lines))


def _of_result(task: TaskResult) -> _Found:
    if "script" in task.config:
        return _python_file(str(task.config["script"]))
    kept = _kept_source(task)
    if kept is None:
        return "its source text was not kept: Python did not have it"
    for module in _modules_named_in(task.config):
        path = getattr(sys.modules.get(module), "__file__", None)
        if path and Path(path).is_file():
            text = Path(path).read_text(encoding="utf-8", errors="replace")
            if kept in text:
                return path, text
    return _snapshot(f"{task.name}/{_SNAPSHOT}", kept)


def _kept_source(task: TaskResult) -> str | None:
    path = Path(task.folder or "") / _SNAPSHOT
    return path.read_text(encoding="utf-8") if task.folder and path.is_file() else None


def _modules_named_in(config: Mapping[str, Any]) -> list[str]:
    target = config.get("_target_", "")
    name = target["_callable_"]["name"] if isinstance(target, dict) else str(target)
    parts = name.split(".")
    return [*(".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)), "__main__"]


def _python_file(path: str) -> _Found:
    if not path.endswith(".py") or not Path(path).is_file():
        return "it is a program that is not a Python file"
    return path, Path(path).read_text(encoding="utf-8", errors="replace")


def _snapshot(path: str, text: str) -> _Found:
    text = textwrap.dedent(text)
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return "it is an expression in the middle of a line, which cannot be read alone"
    return path, text
