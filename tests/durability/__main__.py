"""The full round: everything that the durability tests do, many times, counted and written to ``docs/tested.md``.

It needs root (file-system images are mounted), PostgreSQL's programs, a C compiler and libfaketime, and about an hour. With
``RUNWARD_DURABILITY_LOG=FILE`` it can be done in parts (``-k power``): the file keeps what was counted.
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
_MARKS = "<!-- durability -->", "<!-- /durability -->"
_COUNTED = ("times", "points", "artifacts", "acts", "lost", "duplicated", "torn")


def table(lines: list[str]) -> str:
    """What was done how often, and what became of what was acknowledged."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    for line in lines:
        told = json.loads(line)
        for name in _COUNTED:
            sums[told["what"]][name] += told[name]
    whole = {name: sum(of[name] for of in sums.values()) for name in _COUNTED}
    rows = [*sorted(sums.items()), ("**all**", whole)]
    cells = [f"| {what} | " + " | ".join(f"{of[name]:,}" for name in _COUNTED) + " |" for what, of in rows]
    head = "| what | times | points | artifacts | acts of people | lost | duplicated | torn |"
    return "\n".join([head, "|---|--:|--:|--:|--:|--:|--:|--:|", *cells])


def main() -> int:
    """Run it, and write the page where it passed."""
    with tempfile.TemporaryDirectory(prefix="runward-durability-") as folder:
        log = Path(os.environ.get("RUNWARD_DURABILITY_LOG") or Path(folder) / "log")
        env = {**os.environ, "RUNWARD_DURABILITY": "full", "RUNWARD_DURABILITY_LOG": str(log), "RUNWARD_TEST_ALL": "1"}
        words = [sys.executable, "-m", "pytest", "-q", "-n0", str(Path(__file__).parent), *sys.argv[1:]]
        code = subprocess.run(words, env=env, check=False).returncode
        found = table(log.read_text().splitlines()) if log.exists() else ""
    print(found)
    if code != pytest.ExitCode.OK:
        return code
    said = f"`make durability`, {datetime.date.today():%Y-%m-%d}, two cores:\n\n{found}"
    text = PAGE.read_text()
    PAGE.write_text(re.sub(rf"(?s){_MARKS[0]}.*{_MARKS[1]}", f"{_MARKS[0]}\n{said}\n{_MARKS[1]}", text))
    return code


if __name__ == "__main__":
    sys.exit(main())
