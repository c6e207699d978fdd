"""Which run a process works for, without taking it up."""

from __future__ import annotations

import os

from runward.tracking.client import ACTIVE_VARIABLE, JOURNAL_VARIABLE, RUN_VARIABLE, open_runs


def run_under_way() -> str:
    """The id of the run that this process works for: its own, its task's, or its parent's; empty where it works for none."""
    if runs := open_runs():
        return runs[-1].id
    if os.environ.get(JOURNAL_VARIABLE):
        return os.environ.get(RUN_VARIABLE, "")
    return os.environ.get(ACTIVE_VARIABLE, "").partition(":")[0]
