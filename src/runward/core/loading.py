"""What is loaded when it is first used, so that a command pays only for the rooms that it enters."""

from __future__ import annotations

import importlib
from typing import Any


def load(place: str) -> Any:
    """What stands at ``module:name``; the module is imported by the first who asks. Raises: ImportError."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
