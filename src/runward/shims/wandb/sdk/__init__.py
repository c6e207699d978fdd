"""``wandb.sdk``: the names of W&B's inside that frameworks import."""
