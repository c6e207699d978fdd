"""Wrapping and giving back, watching imports, and that nothing gets into a training."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import runward
from runward import face
from runward.errors import GateClosedError, InvalidError, RunwardWarning
from runward.interop.frameworks.patching import ImportWatch, Patches
from runward.interop.frameworks.session import Session, numbers, quietly, session, short
from runward.tracking.client import open_runs
from runward.tracking.model import RunStatus
from runward.workspace import FolderWorkspace
from tests.frameworks.looking import only_run


def test_an_unknown_framework_is_named() -> None:
    with pytest.raises(InvalidError, match="'tensorlow'") as caught:
        runward.autolog(frameworks=["tensorlow"])
    assert "sklearn" in caught.value.hint


def test_autolog_loads_no_framework() -> None:
    """Neither at its call nor later for its own sake."""
    program = "import sys, runward; runward.autolog(); runward.autolog(); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    heavy = {"sklearn", "xgboost", "lightgbm", "keras", "torch", "lightning", "transformers", "numpy"}
    assert set(done.stdout.split()) & heavy == set()


# wrapping -----------------------------------------------------------------------------------------------------------


class _Base:
    def fit(self) -> str:
        """How it is told."""
        return "fitted"


class _Model(_Base):
    pass


def test_a_wrapped_function_is_given_back_as_it_was() -> None:
    """Once wrapped however often; an inherited one is inherited again."""
    patches, calls = Patches(), []

    def around(original: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return original(*args, **kwargs)

    for _ in range(3):
        patches.wrap(_Model, "fit", around)
    assert _Model().fit() == "fitted"
    assert len(calls) == 1
    assert _Model.fit.__doc__ == "How it is told."
    assert "fit" not in vars(_Base).keys() - {"fit"}
    patches.undo()
    patches.undo()
    assert "fit" not in vars(_Model)
    assert _Model().fit() == "fitted"
    assert len(calls) == 1


def test_a_module_is_watched_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told once, after it is whole; its own loader stays its loader; what is there already is told at once."""
    (tmp_path / "watched_package").mkdir()
    (tmp_path / "watched_package" / "__init__.py").write_text("from watched_package import part\nWHOLE = True\n")
    (tmp_path / "watched_package" / "part.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    seen: list[bool] = []
    watch = ImportWatch()
    watch.on("watched_package", lambda: seen.append(sys.modules["watched_package"].WHOLE))
    try:
        assert seen == []
        module = importlib.import_module("watched_package")
        assert seen == [True]
        assert type(module.__loader__).__name__ == "SourceFileLoader"
        assert module.__spec__ is not None
        assert module.__spec__.loader is module.__loader__
        watch.on("watched_package", lambda: seen.append(False))
        assert seen == [True, False]
        watch.on("no_such_package", lambda: seen.append(False))
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("no_such_package")
    finally:
        watch.stop()
        sys.modules.pop("watched_package", None)
        sys.modules.pop("watched_package.part", None)
    assert watch not in sys.meta_path
    assert len(seen) == 2


# sessions -----------------------------------------------------------------------------------------------------------


def test_what_fails_is_one_warning() -> None:
    def train() -> None:
        for _ in range(3):
            with quietly("x"):
                _ = 1 / 0

    with pytest.warns(RunwardWarning, match="x could not be logged: ZeroDivisionError") as caught:
        train()
    assert len(caught) == 1


def test_with_warnings_as_errors_it_still_does_not_reach_the_training() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with quietly("y"):
            raise KeyError("k")


def test_a_training_without_a_run_has_one_of_its_own(space: FolderWorkspace) -> None:
    """It ends with the training, and a later call of the same trainer takes it up again."""
    at = Session("mine")
    at.run.log_metric("loss", 1.0)
    at.end()
    assert only_run(space).run.status is RunStatus.FINISHED
    at.run.log_metric("loss", 0.5)
    assert only_run(space).run.status is RunStatus.RUNNING
    at.end()
    detail = only_run(space)
    assert (detail.run.name, detail.run.status, detail.run.metrics["loss"].n) == ("mine", RunStatus.FINISHED, 2)


def test_a_training_that_fails_ends_its_own_run_as_failed(space: FolderWorkspace) -> None:
    with pytest.raises(ValueError, match="diverged"), session("mine") as at:  # noqa: PT012
        at.run.log_metric("loss", 1.0)
        raise ValueError("diverged")
    run = only_run(space).run
    assert (run.status, run.error) == (RunStatus.FAILED, "ValueError: diverged")


def test_an_active_run_is_used_and_left_open(space: FolderWorkspace) -> None:
    with face.start("outer") as run:
        with session("inner") as at:
            assert at.run is run
        assert open_runs() == [run]
    assert only_run(space).run.name == "outer"


def test_a_refused_run_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workspace that takes no run costs a warning, not a request for each metric."""
    tried = []

    def refuse(*args: object, **kwargs: object) -> None:
        tried.append(args)
        raise GateClosedError("the name breaks the rule")

    monkeypatch.setattr(face, "start", refuse)
    at = Session("mine")

    def train() -> None:
        for _ in range(5):
            with quietly("a metric"):
                at.run.log_metric("loss", 1.0)

    with pytest.warns(RunwardWarning, match="breaks the rule"):
        train()
    assert len(tried) == 1


def test_numbers_and_short_values() -> None:
    """Texts and arrays are no metrics; what is no plain value is told as text."""
    assert numbers({"a": 1, "b": "2", "c": [1.0], "d": None, "e": 0.5}, "p_") == {"p_a": 1.0, "p_e": 0.5}
    assert short({"a": 1, "o": SimpleNamespace(x=1), "n": None}) == {"a": 1, "o": "namespace(x=1)", "n": None}


def test_an_integration_that_cannot_be_installed_leaves_its_framework_alone(tmp_path: Path) -> None:
    """As a version of a framework would that has moved what is wrapped."""
    (tmp_path / "xgboost.py").write_text("def train():\n    return 'trained'\n")
    program = textwrap.dedent("""
        import warnings, runward
        warnings.simplefilter("always")
        runward.autolog(frameworks=["xgboost"])
        import xgboost
        print(xgboost.train())
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "trained"
    assert "a training by xgboost could not be logged" in done.stderr
