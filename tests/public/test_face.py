"""The public face: exact, documented, and light to import."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

import runward
from runward import team

HEAVY = ("sqlite3", "starlette", "uvicorn", "numpy", "torch", "yaml", "rich", "click", "cloudpickle", "nemo_run")


def test_all_is_exact() -> None:
    """What ``__all__`` names is there, once, sorted after its head, and ``dir`` shows it."""
    assert len(set(runward.__all__)) == len(runward.__all__)
    assert set(runward.__all__) <= set(dir(runward))
    assert set(runward.__all__) == {"RunwardError", "__version__", *runward._LAZY}


@pytest.mark.parametrize("name", sorted(runward.__all__))
def test_every_name_is_there_and_explained(name: str) -> None:
    found = getattr(runward, name)
    if inspect.isclass(found) or inspect.isfunction(found):
        doc = inspect.getdoc(found) or ""
        assert len(doc.split()) >= 3, f"{name} has no docstring"
        assert doc.strip()[0].isupper()


def test_every_name_of_the_team_is_on_the_face() -> None:
    """The package, its module and the face give the same object, whatever was imported before."""
    for name, module in team.NAMES.items():
        assert getattr(runward, name) is getattr(import_module(module), name)
        assert getattr(team, name) is getattr(runward, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = team.no_such_name
    assert set(team.NAMES) <= set(dir(team))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'SlurmExecutor'"):
        _ = runward.SlurmExecutor


@pytest.mark.parametrize("module", ["runward", "runward.team", "runward.shims"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
