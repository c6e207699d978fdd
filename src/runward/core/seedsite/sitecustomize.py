"""Looks after a command that Runward started, then gives way to the environment's own ``sitecustomize``.

Python imports the first module of this name that it finds; ``runward run`` puts this folder first. It seeds the
generators where a seed is asked for, and has the process leave a testimony of what it read and used. It stands
before the command's first line: what it needs is loaded by itself, without the package, and late where that will do.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_here = os.path.dirname(os.path.abspath(__file__))
_core = os.path.dirname(_here)
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _here]


def _load(name: str) -> Any:
    module: Any = type(sys)(f"_runward_{name}")
    SourceFileLoader(module.__name__, os.path.join(_core, f"{name}.py")).exec_module(module)
    return module


def _note_process(folder: str) -> None:
    """Leave this process's id: one that is killed, as workers are, says nothing at its end, and may have printed it."""
    try:
        log = os.open(os.path.join(folder, "processes.pids"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(log, b"%d\n" % os.getpid())
        finally:
            os.close(log)
    except OSError:
        return  # the folder is gone, or the disk is full: nobody's command fails for that


def _look_after() -> None:
    folder = os.environ.get("RUNWARD_READS", "")
    if os.environ.get("RUNWARD_SEED", "").isdigit():
        lazily = _load("lazyseed")
        lazily.seed_when_needed(lazily.seed_of_process(int(os.environ["RUNWARD_SEED"]), folder))
    elif os.environ.get("RUNWARD_DETERMINISTIC") == "1":
        _load("lazyseed").seed_when_needed(None)
    if folder:
        import atexit

        opens = _load("opens")
        _note_process(folder)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _note_process(folder))
        opens.BEFORE_START.start()
        opens.VARIABLES.start()
        noted = opens.BEFORE_START, opens.VARIABLES
        atexit.register(lambda: _load("witness").leave_testimony(folder, *noted))


try:
    _look_after()
except Exception as _error:  # noqa: BLE001
    # Whatever this Python is, and however old: the command itself must run.
    sys.stderr.write(f"runward: not looked after: {type(_error).__name__}: {_error}\n")

_spec = PathFinder.find_spec("sitecustomize", sys.path)
if _spec is not None and _spec.loader is not None:
    import importlib.util

    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))
