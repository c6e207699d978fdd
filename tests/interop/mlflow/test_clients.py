"""Unmodified MLflow clients of three generations against a running server."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runward.testing.plugin import missing
from tests.interop.mlflow.conftest import Site

PROGRAM = Path(__file__).parent / "client_program.py"
PARTS = ["tracking", "datasets", "models", "traces", "prompts", "evaluation"]
OPENTELEMETRY = "opentelemetry-sdk<1.35"
"""The client of 2.22 does not work with newer ones (its span processor lacks an attribute that they read)."""


def _run(command: list[str], site: Site, tmp_path: Path, parts: list[str]) -> str:
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": site.url,
        "MLFLOW_TRACKING_TOKEN": site.tokens["owner"],
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    done = subprocess.run(
        [*command, "-W", "ignore", str(PROGRAM), *parts],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_the_newest_client_works(site: Site, tmp_path: Path, part: str) -> None:
    if importlib.util.find_spec("mlflow") is None:
        missing("mlflow is not installed: uv sync --group mlflow")
    assert f"{part}: ok" in _run([sys.executable], site, tmp_path, [part])


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.parametrize("version", ["3.6.*", "2.22.*"])
def test_older_clients_work(site: Site, tmp_path: Path, version: str) -> None:
    """They cannot share an environment with the newest one, so uv makes each its own."""
    command = ["uv", "run", "--isolated", "--no-project", "--quiet", "--python", "3.11", "--with", f"mlflow=={version}"]
    said = _run([*command, "--with", "scikit-learn<1.8", "--with", OPENTELEMETRY, "python"], site, tmp_path, PARTS)
    assert [f"{part}: ok" in said for part in PARTS] == [True] * len(PARTS)
