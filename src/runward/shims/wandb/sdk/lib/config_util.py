"""``wandb.sdk.lib.config_util``."""

from runward.errors import InvalidError as ConfigError

__all__ = ["ConfigError"]
