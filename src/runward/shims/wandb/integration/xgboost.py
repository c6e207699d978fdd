"""``wandb.integration.xgboost``."""

from runward.shims.wandb.xgboost import *  # noqa: F403
