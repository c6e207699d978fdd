"""Every example runs as a script of its own, quickly, and prints what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTED = {
    "components": ["load: Read the data", "evaluate", "mean = 0.5"],
    "gates": [
        "rate_default {'rate': 0.1, 'epochs': 3}: accuracy 0.47",
        "quality_check: fail: Digits: 2 of 3 demands on metrics are met",
        "changes_requested",
        "quality_check: pass",
        "code_quality: pass",
        "documentation: pass",
        "needs_review",
    ],
    "quickstart": ["quickstart: 20 losses", "files: ['model.json'], status: finished"],
    "resume_and_compare": ["first half: rate 0.05, step 4", "second half: rate 0.2, step 9", "resumed by second half"],
    "team_knowledge": ["found: Warm up the learning rate", "supported by 1 run", "stored once: True", "not verified"],
}


def test_no_example_is_left_out() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == PRINTED.keys()


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    env = {**os.environ, "RUNWARD_DIR": str(tmp_path / "ws"), "GIT_AUTHOR_NAME": "Ann"}
    env = {key: value for key, value in env.items() if key not in ("RUNWARD_URL", "RUNWARD_TOKEN")}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    missing = [text for text in PRINTED[name] if text not in done.stdout]
    assert not missing, done.stdout


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_the_example_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) < 60
