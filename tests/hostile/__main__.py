"""The full round: 1,000 inputs for each operation and for each route of MLflow's protocol, and every path trick at every route.

All of it on a folder and on PostgreSQL. The counts are written to ``docs/tested.md``. It takes hours; with
``RUNWARD_HOSTILE_LOG=FILE`` it can be done in parts (``-k "sqlite and tracking"``): the file keeps what was counted, and an
input that broke the server, word by word.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tested.md"
_MARKS = "<!-- hostile -->", "<!-- /hostile -->"
_KINDS = {
    "document": "operations, by the OpenAPI document",
    "mlflow": "routes of MLflow's protocol",
    "doors": "routes written by hand",
    "paths": "path tricks",
}
_COUNTED = ("inputs", "taken", "refused", "broken")


def table(lines: list[str]) -> str:
    """How many inputs of each kind went where, and what became of them."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    reached: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        told = json.loads(line)
        reached[told["kind"]].add(told["what"])
        for name in _COUNTED:
            sums[told["kind"]][name] += told.get(name, 0)
    cells = [
        f"| {said} | {len(reached[kind])} | " + " | ".join(f"{sums[kind][name]:,}" for name in _COUNTED) + " |"
        for kind, said in _KINDS.items()
        if kind in sums
    ]
    return "\n".join(
        ["| what | of them | inputs | taken | refused | server errors |", "|---|--:|--:|--:|--:|--:|", *cells]
    )


def main() -> int:
    """Run it, and write the page where it passed."""
    with tempfile.TemporaryDirectory(prefix="runward-hostile-") as folder:
        log = Path(os.environ.get("RUNWARD_HOSTILE_LOG") or Path(folder) / "log")
        env = {"RUNWARD_HOSTILE_INPUTS": "1000", **os.environ, "RUNWARD_HOSTILE_LOG": str(log), "RUNWARD_TEST_ALL": "1"}
        words = [sys.executable, "-m", "pytest", "-q", str(Path(__file__).parent), *sys.argv[1:]]
        code = subprocess.run(words, env=env, check=False).returncode
        found = table(log.read_text().splitlines()) if log.exists() else ""
    print(found)
    if code != pytest.ExitCode.OK:
        return code
    said = f"`python -m tests.hostile`, {datetime.date.today():%Y-%m-%d}:\n\n{found}"
    text = PAGE.read_text()
    PAGE.write_text(re.sub(rf"(?s){_MARKS[0]}.*{_MARKS[1]}", lambda _: f"{_MARKS[0]}\n{said}\n{_MARKS[1]}", text))
    return code


if __name__ == "__main__":
    sys.exit(main())
