"""The demo, from end to end: what it tells is what happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.network
@pytest.mark.slow
def test_the_demo_shows_what_its_titles_say(tmp_path: Path) -> None:
    """The whole path on real data, with an environment built by uv."""
    command = [
        sys.executable,
        "-m",
        "runward",
        "demo",
        "--exit",
        "--no-browser",
        "--json",
        "--dir",
        str(tmp_path / "d"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    results = {step["title"]: step["result"] for step in found["steps"]}
    assert found["ok"] is True
    assert len(results) == 9
    assert "14 runs finished" in results["Ann launches 14 runs, with an uncommitted change"]
    reproduced = next(text for title, text in results.items() if title.startswith("The machine reproduces"))
    assert reproduced.startswith("reproduced, level environment")
    assert results["A run without a seed does not earn it"].startswith("not reproduced, no level: no seed was recorded")
    assert "your own approval does not count" in results["Ann asks for a review; her own approval is refused"]
    assert "is a team result" in results["Ben approves: the run becomes a team result"]
