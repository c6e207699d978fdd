"""Keras: what an epoch reports, the optimizer, and the model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras

from runward.interop.frameworks.patching import Patches
from runward.interop.frameworks.session import Session, numbers, quietly, short
from runward.tracking.client import ActiveRun


class RunwardCallback(keras.callbacks.Callback):
    """Logs what each epoch reports: ``model.fit(…, callbacks=[RunwardCallback()])``; ``evaluate`` and its like too.

    Args:
        run: The run to log to; by default the active one, else one of its own.
        log_models: Whether the trained model is kept.
    """

    def __init__(self, run: ActiveRun | None = None, log_models: bool = False) -> None:
        super().__init__()
        self._at, self._log_models = Session("keras", run), log_models
        self._is_fitting = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Log the parameters of the training and of its optimizer."""
        self._is_fitting = True
        with quietly("the parameters of Keras"):
            found = {**short(self.params or {}), "parameters": self.model.count_params()}
            optimizer = getattr(self.model, "optimizer", None)
            if optimizer is not None:
                found |= short(optimizer.get_config(), "optimizer.")
            self._at.run.log_params({key: value for key, value in found.items() if key != "verbose"})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the epoch."""
        with quietly("an epoch of Keras"):
            self._at.run.log_metrics(numbers(logs or {}), epoch)

    def on_train_end(self, logs: Any = None) -> None:
        """Keep the model if that is wanted; end a run of its own."""
        self._is_fitting = False
        with quietly("the model of Keras"):
            if self._log_models:
                with tempfile.TemporaryDirectory() as folder:
                    self.model.save(Path(folder) / "model.keras")
                    self._at.run.log_artifact(Path(folder) / "model.keras", "models/model.keras")
        with quietly("the end of Keras"):
            self._at.end()

    def on_test_end(self, logs: Any = None) -> None:
        """Log an evaluation that is not a training's own."""
        if not self._is_fitting:
            with quietly("an evaluation by Keras"):
                self._at.run.log_metrics(numbers(logs or {}, "test_"))
                self._at.end()


def install(patches: Patches, module: str, log_models: bool) -> None:
    """Give every ``fit`` the callback."""

    def fit(original: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.get("callbacks")
        callback = RunwardCallback(log_models=log_models)
        # A list of callbacks that Keras has made itself is left as it is.
        if len(args) < 6 and (given is None or isinstance(given, list | tuple)):
            listed = list(given or ())
            if not any(isinstance(one, RunwardCallback) for one in listed):
                kwargs["callbacks"] = [*listed, callback]
        try:
            return original(model, *args, **kwargs)
        except BaseException as error:
            with quietly("the end of Keras"):
                callback._at.end(error)
            raise

    patches.wrap(keras.Model, "fit", fit)
