"""``wandb.sdk.wandb_run``."""

from runward.shims.wandb.runs import Run

__all__ = ["Run"]
