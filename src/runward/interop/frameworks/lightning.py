"""PyTorch Lightning, as ``lightning.pytorch`` and as ``pytorch_lightning``: a logger that its Trainer feeds."""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path
from typing import Any

from runward.interop.frameworks.patching import Patches
from runward.interop.frameworks.session import Session, numbers, quietly, short
from runward.tracking.client import ActiveRun
from runward.tracking.media import plain


@functools.cache
def logger_class(package: str) -> Any:
    """The logger for one of the two packages, which share no class."""
    loggers: Any = importlib.import_module(f"{package}.loggers.logger")
    rank_zero: Any = importlib.import_module(f"{package}.utilities.rank_zero").rank_zero_only

    class RunwardLogger(loggers.Logger):
        """Logs what a LightningModule logs, and its hyperparameters: ``Trainer(logger=RunwardLogger())``.

        Args:
            run: The run to log to; by default the active one, else one of its own.
            log_models: Whether the best checkpoint is kept.
        """

        def __init__(self, run: ActiveRun | None = None, log_models: bool = False) -> None:
            super().__init__()
            self._at, self._log_models = Session("lightning", run), log_models
            self._best = ""

        @property
        def name(self) -> str:
            """The logger's name, a folder's name to Lightning."""
            return "runward"

        @property
        def version(self) -> str:
            """The run's id, once there is one."""
            return self._at._own_id or "active"

        @rank_zero
        def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
            """Log a module's hyperparameters."""
            with quietly("the hyperparameters of Lightning"):
                found = params if isinstance(params, dict) else vars(params)
                self._at.run.log_params(short(plain(found)))

        @rank_zero
        def log_metrics(self, metrics: Any, step: int | None = None) -> None:
            """Log metrics at the trainer's step."""
            with quietly("metrics of Lightning"):
                self._at.run.log_metrics(numbers(metrics), step)

        def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
            """Note which checkpoint is the best."""
            self._best = str(getattr(checkpoint_callback, "best_model_path", ""))

        @rank_zero
        def finalize(self, status: str) -> None:
            """Keep the best checkpoint if that is wanted; end a run of its own."""
            with quietly("the end of Lightning"):
                if self._log_models and self._best and Path(self._best).is_file():
                    self._at.run.log_artifact(self._best, f"models/{Path(self._best).name}")
                failure = None if status in ("success", "finished") else RuntimeError(f"Lightning ended with {status}")
                self._at.end(failure)

    return RunwardLogger


def __getattr__(name: str) -> Any:
    if name != "RunwardLogger":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return logger_class("pytorch_lightning" if "lightning" not in sys.modules and _has_old() else "lightning.pytorch")


def _has_old() -> bool:
    return "pytorch_lightning" in sys.modules


def install(patches: Patches, module: str, log_models: bool) -> None:
    """Give every Trainer the logger beside its own."""
    package: Any = importlib.import_module(module)
    ours = logger_class(module)

    def init(original: Any, trainer: Any, *args: Any, **kwargs: Any) -> None:
        original(trainer, *args, **kwargs)
        with quietly("Lightning's trainer"):
            if not any(isinstance(logger, ours) for logger in trainer.loggers):
                trainer.loggers = [*trainer.loggers, ours(log_models=log_models)]

    patches.wrap(package.Trainer, "__init__", init)
