"""``import nemo_run`` as the public face of Runward: every name is looked up there."""

from __future__ import annotations

from typing import Any

import runward as _face


def __getattr__(name: str) -> Any:
    return getattr(_face, name)


def __dir__() -> list[str]:
    return dir(_face)
