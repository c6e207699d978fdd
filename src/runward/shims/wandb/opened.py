"""The runs that ``wandb.init`` has begun and nobody has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runward.errors import RunwardError
from runward.tracking.client import open_runs

if TYPE_CHECKING:
    from runward.shims.wandb.runs import Run

RUNS: list[Run] = []


def current() -> Run | None:
    """The latest of them, or None."""
    # Runward ends a run itself in a notebook's cell, or after an exception: it is then none of these.
    open_now = open_runs()
    RUNS[:] = [run for run in RUNS if not run._finished and (run.disabled or run._active in open_now)]
    return RUNS[-1] if RUNS else None


def need(what: str) -> Run:
    """The latest. Raises: RunwardError (there is none)."""
    found = current()
    if found is None:
        raise RunwardError(f"You must call wandb.init() before wandb.{what}")
    return found
