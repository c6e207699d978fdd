"""``wandb.keras``: W&B's callbacks for Keras."""

from __future__ import annotations

from typing import Any

import keras

from runward.interop.frameworks.session import numbers, quietly
from runward.shims.wandb.opened import need
from runward.shims.wandb.told import once

__all__ = ["WandbCallback", "WandbMetricsLogger", "WandbModelCheckpoint"]


class WandbMetricsLogger(keras.callbacks.Callback):
    """Logs ``epoch/<metric>``; with ``log_freq`` ``"batch"`` or a number also ``batch/<metric>`` every so many batches."""

    def __init__(self, log_freq: str | int = "epoch", initial_global_step: int = 0) -> None:
        super().__init__()
        self._every = 0 if log_freq == "epoch" else 1 if log_freq == "batch" else int(log_freq)
        self._batch = initial_global_step

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the epoch."""
        with quietly("an epoch of Keras"):
            need("log()").log({**numbers(logs or {}, "epoch/"), "epoch/epoch": epoch})

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Log the batch, if it is its turn."""
        self._batch += 1
        if self._every and batch % self._every == 0:
            with quietly("a batch of Keras"):
                need("log()").log({**numbers(logs or {}, "batch/"), "batch/batch_step": self._batch - 1})


class WandbCallback(keras.callbacks.Callback):
    """The older callback: logs what an epoch reports, and ``epoch``. Its other arguments say once that they do nothing."""

    def __init__(self, monitor: str = "val_loss", **options: Any) -> None:
        super().__init__()
        for name in sorted(options):
            once(f"WandbCallback({name}=)", "log it yourself, or use run.autolog(log_models=True) of runward")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the epoch."""
        with quietly("an epoch of Keras"):
            need("log()").log({**numbers(logs or {}), "epoch": epoch})


class WandbModelCheckpoint(keras.callbacks.ModelCheckpoint):
    """Keras' checkpoints, each of which is a version of the artifact ``run_<id>_model``."""

    def _save_model(self, *args: Any, **kwargs: Any) -> None:
        super()._save_model(*args, **kwargs)
        with quietly("a checkpoint of Keras"):
            run = need("log_model()")
            logs = kwargs.get("logs", args[-1] if args else None)
            epoch = kwargs.get("epoch", args[0] if args else 0)
            run.log_model(self._get_file_path(epoch, None, logs), f"run_{run.id}_model")
