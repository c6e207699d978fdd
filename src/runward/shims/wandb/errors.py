"""``wandb.errors``: W&B's names for errors of Runward."""

from __future__ import annotations

from runward.errors import InvalidError, RunwardError, StoreError

Error = RunwardError
UsageError = InvalidError
CommError = StoreError
