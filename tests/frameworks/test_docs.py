"""The examples of docs/frameworks.md train."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.extras import needs

PAGE = Path(__file__).parents[2] / "docs" / "frameworks.md"


def test_the_examples_train(tmp_path: Path) -> None:
    """All blocks in order, in one interpreter."""
    needs("sklearn.datasets")
    needs("xgboost")
    blocks = re.findall(r"^```(?:python|py)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    environment = {**os.environ, "RUNWARD_DIR": str(tmp_path / "ws")}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
