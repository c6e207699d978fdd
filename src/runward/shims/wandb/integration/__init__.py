"""``wandb.integration``: callbacks that log as W&B's do."""
