"""``wandb.integration.keras``."""

from runward.shims.wandb.keras import *  # noqa: F403
