"""``wandb.sdk.lib``."""

from runward.shims.wandb.runs import NoRun as RunDisabled

__all__ = ["RunDisabled"]
