"""One site for each database, and what the hostile tests count."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.permissions.conftest import opened
from tests.permissions.test_mlflow import things

__all__ = ["opened", "things"]

Told = Callable[[str, str, dict[str, Any]], None]


@pytest.fixture
def told(report: Callable[[str], None]) -> Told:
    """Says how many inputs of a kind went to one thing, and how many of them the server answered in which way."""

    def tell(kind: str, what: str, counts: dict[str, Any]) -> None:
        if path := os.environ.get("RUNWARD_HOSTILE_LOG"):
            with Path(path).open("a") as log:
                log.write(json.dumps({"kind": kind, "what": what, **counts}) + "\n")

    return tell
