"""``wandb.integration.lightgbm``."""

from runward.shims.wandb.lightgbm import *  # noqa: F403
