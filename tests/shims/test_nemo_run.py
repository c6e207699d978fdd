"""The name nemo_run is taken only if nobody else has it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import runward
from runward import shims
from runward.errors import ConflictError


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    sys.modules.pop("nemo_run", None)


def test_the_import_gives_our_face() -> None:
    shims.install()
    shims.install()
    found = importlib.import_module("nemo_run")
    assert found.Config is runward.Config
    assert set(runward.__all__) <= set(dir(found))
    with pytest.raises(AttributeError, match="no attribute 'SlurmExecutor'"):
        found.SlurmExecutor  # noqa: B018


def test_the_name_is_given_back() -> None:
    shims.install()
    shims.uninstall()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nemo_run")
    shims.uninstall()


def test_an_installed_nemo_run_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nemo_run.py").write_text("REAL = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConflictError, match="installed"):
        shims.install()
    assert importlib.import_module("nemo_run").REAL
    with pytest.raises(ConflictError, match="imported"):
        shims.install()


def test_force_takes_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nemo_run", ModuleType("nemo_run"))
    shims.install(force=True)
    assert importlib.import_module("nemo_run").Partial is runward.Partial
