"""What the durability tests count, for the summary and for the full round."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.durability.site import Verdict

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
