"""Real tools write, Runward reads; what they need is in the dependency groups `interop` and `mlflow`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runward.governance.model import NewToken
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.model import Report
from runward.interop.imports.opening import open_source
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.testing.plugin import missing
from runward.tracking.model import Run, Series
from runward.workspace import FolderWorkspace, Workspace, open_folder, open_url

Import = Callable[..., Report]


def need(module: str) -> None:
    """Skip (or fail, where nothing may be left out) without a module of the dependency groups."""
    if importlib.util.find_spec(module) is None:
        missing(f"{module} is not installed: uv sync --group interop --group mlflow")


def load(module: str) -> Any:
    """A module of the dependency groups."""
    need(module.partition(".")[0])
    return importlib.import_module(module)


def write_with(program: str, *arguments: object, cwd: Path, **environment: str) -> str:
    """Run a program of this folder, in which the real tool writes; in a process of its own, for tools are not tidy."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("programs") / program), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FolderWorkspace]:
    found = open_folder(tmp_path / "ws", "owner")
    yield found
    found.close()


@pytest.fixture
def remote(space: FolderWorkspace) -> Iterator[Workspace]:
    secret = space.governance.create_token(NewToken("t")).secret
    with RunningServer(space.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        yield open_url(server.url, secret)


def bring(space: Workspace, tool: str, where: object, **options: Any) -> Report:
    """Import and expect no problems."""
    report = import_runs(space, open_source(tool, str(where)), Options(**options))
    assert report.problems == []
    return report


def by_name(space: Workspace, project: str = "") -> dict[str, Run]:
    """All runs by name."""
    return {run.name: run for run in space.tracking.search_runs(project, limit=1000).runs}


def bits(value: float) -> bytes:
    """All there is to a float; NaN and -0.0 are told apart."""
    return struct.pack("<d", value)


def points(space: Workspace, run_id: str, key: str) -> list[tuple[int, float, bytes]]:
    """(step, time, bits of the value) of a series."""
    found: Series = space.tracking.series(run_id, [key]).series[0]
    values = [
        float(found.special[i]) if i in found.special else float("nan" if value is None else value)
        for i, value in enumerate(found.values)
    ]
    return [(step, at, bits(value)) for step, at, value in zip(found.steps, found.times, values, strict=True)]
