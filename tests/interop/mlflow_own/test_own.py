"""Running MLflow's own tests: what it needs works, and with a checkout at hand so do they."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runward.testing.postgres import free_port
from tests.interop.mlflow_own.run import HERE, run, summary
from tests.server.http import Client

CHECKOUT, PYTHON = "RUNWARD_MLFLOW_TESTS", "RUNWARD_MLFLOW_PYTHON"


def test_servers_are_started_and_stopped_on_request() -> None:
    port = free_port()
    command = [sys.executable, str(HERE / "serve.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(question: str) -> str:
            print(question, file=process.stdin, flush=True)
            return str(process.stdout.readline()).strip()  # type: ignore[union-attr]

        url = f"http://127.0.0.1:{port}"
        token = ask(f"start {port}")
        assert Client(url, token).get("/api/2.0/mlflow/experiments/search").status == 200
        assert ask(f"stop {port}") == "done"
        with pytest.raises(ConnectionRefusedError):
            Client(url, token).get("/health")
        assert ask(f"start {port}") != token
        process.stdin.close()
        assert process.wait(30) == 0


def test_the_share_counts_what_failed_and_not_what_was_left_out() -> None:
    outcomes = ["passed"] * 3 + ["failed", "excluded", "skipped"]
    results = {f"tests/tracking/test_model_registry.py::test_{i}": {"outcome": o} for i, o in enumerate(outcomes)}
    said = dict(line.split(": ", 1) for line in summary(results))
    assert said["all"] == said["test_model_registry.py"] == "3 passed, 1 failed, 1 excluded, 1 skipped; 75.0 %"
    assert said["test_rest_tracking.py"].endswith("; -")


@pytest.mark.slow
@pytest.mark.skipif(
    not (os.environ.get(CHECKOUT) and os.environ.get(PYTHON)),
    reason=f"{CHECKOUT} (a checkout of MLflow) and {PYTHON} (with that mlflow) are not set; see docs/mlflow.md",
)
def test_nearly_all_of_mlflows_own_rest_tests_pass() -> None:
    results = run(Path(os.environ[CHECKOUT]), os.environ[PYTHON], ())
    failed = [test for test, result in results.items() if result["outcome"] == "failed"]
    passed = [test for test, result in results.items() if result["outcome"] == "passed"]
    assert len(passed) >= 0.95 * (len(passed) + len(failed)), failed
