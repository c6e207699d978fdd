"""``wandb.integration.sklearn``."""

from runward.shims.wandb.sklearn import *  # noqa: F403
