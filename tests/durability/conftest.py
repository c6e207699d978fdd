"""What the durability tests count, for the summary and for the full round."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runward.testing.plugin import missing
from tests.durability.site import HERE, Verdict

Told = Callable[[str, int, Verdict], None]


@pytest.fixture
def told(report: Callable[[str], None]) -> Told:
    """Says how often what was done to a server, and what became of all that it had acknowledged."""

    def tell(what: str, times: int, verdict: Verdict) -> None:
        report(f"durability: {times} × {what}, {verdict.told}")
        if path := os.environ.get("RUNWARD_DURABILITY_LOG"):
            with Path(path).open("a") as log:
                log.write(json.dumps({"what": what, "times": times, **verdict._asdict()}) + "\n")

    return tell


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes writes and syncs fail, or kills at one of them, on request."""
    compiler = shutil.which("cc")
    if compiler is None:
        missing("there is no C compiler for the library that injects faults")
    built = tmp_path_factory.mktemp("faults") / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(built), str(HERE / "faults.c"), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return built
