"""Run MLflow's own REST tests against Runward: ``python -m tests.interop.mlflow_own.run CHECKOUT PYTHON``.

CHECKOUT is a folder with MLflow's ``tests``, PYTHON an interpreter that has that version of mlflow and pytest. Prints
how many passed, failed and are excluded, by file; with ``-v`` which and why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import click

from tests.interop.mlflow_own.exclusions import EXCLUDED, EXCLUDED_FIXTURES

HERE = Path(__file__).parent
FILES = ("test_rest_tracking.py", "test_model_registry.py", "test_mlflow_artifacts.py")
Results = dict[str, dict[str, Any]]


def run(checkout: Path, python: str, arguments: tuple[str, ...]) -> Results:
    """The outcome of each test by its name. Raises: SystemExit (pytest could not start)."""
    with tempfile.TemporaryDirectory() as folder:
        report, settings = Path(folder, "report.json"), Path(folder, "pytest.ini")
        settings.write_text("[pytest]\nasyncio_mode = auto\n")
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), str(checkout)]),
            "RUNWARD_SERVE": json.dumps([sys.executable, str(HERE / "serve.py")]),
            "RUNWARD_EXCLUDED": json.dumps(EXCLUDED | EXCLUDED_FIXTURES),
            "RUNWARD_REPORT": str(report),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GIT_PYTHON_REFRESH": "quiet",
        }
        files = [f"tests/tracking/{name}" for name in FILES]
        command = [python, "-m", "pytest", "-q", "-p", "runward_server", "-c", str(settings), "--rootdir", "."]
        subprocess.run(
            [*command, "--no-header", "-p", "no:randomly", *arguments, *files],
            cwd=checkout,
            env=environment,
            check=False,
        )
        if not report.exists():
            raise SystemExit("MLflow's tests did not run")
        found: Results = json.loads(report.read_text())
    return found


def summary(results: Results) -> list[str]:
    """A line per file: how many of the tests that count passed."""
    lines = []
    for name in (*FILES, ""):
        counts = Counter(result["outcome"] for test, result in results.items() if name in test)
        asked = counts["passed"] + counts["failed"]
        share = f"{100 * counts['passed'] / asked:.1f} %" if asked else "-"
        parts = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "excluded", "skipped"))
        lines.append(f"{name or 'all'}: {parts}; {share}")
    return lines


@click.command()
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("python")
@click.argument("arguments", nargs=-1)
@click.option("-v", "--verbose", is_flag=True, help="Name the tests that failed or are excluded, with the reason.")
def main(checkout: Path, python: str, arguments: tuple[str, ...], verbose: bool) -> None:
    """Run MLflow's own REST tests of CHECKOUT with PYTHON against fresh Runward servers."""
    results = run(checkout.resolve(), python, arguments)
    for test, result in results.items():
        if verbose and result["outcome"] in ("failed", "excluded", "skipped"):
            why = str(result["why"]).splitlines()
            click.echo(f"{result['outcome']}: {test}: {why[0][:300] if why else ''}")
    click.echo("\n".join(summary(results)))


if __name__ == "__main__":
    main()
