"""Early stopping for any training loop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runward.config.standards import HIGHER_IS_BETTER
from runward.errors import InvalidError

_MODES = ("auto", "min", "max")


class EarlyStoppingCallback:
    """Says when a training run no longer gets better.

    In a plain loop: ``if stop.should_stop(loss, step, model.state_dict()): break``. As a Keras-like
    callback it reads ``logs[monitor]`` at the end of each epoch and sets ``model.stop_training``.

    Args:
        monitor: The metric to watch.
        patience: How many values without improvement are waited for before stopping; 0 stops at the first.
        restore_best_weights: Keep the best state, and give it back to a Keras-like model at the stop.
        mode: ``min`` or ``max``; ``auto`` takes max for accuracy-like names, otherwise min.
        min_delta: By how much a value must be better to count.

    Raises:
        InvalidError: An argument is out of range.

    Attributes:
        best: The best value so far, or ``None``.
        best_step: Its step.
        best_state: The state given with it (only if ``restore_best_weights``).
        stopped_reason: Why it stopped; "" while it has not.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        restore_best_weights: bool = False,
        mode: str = "auto",
        min_delta: float = 0.0,
    ) -> None:
        _check(monitor, patience, mode, min_delta)
        last_word = monitor.lower().replace("-", "_").split("_")[-1]
        self.monitor = monitor
        self.patience = patience
        self.restore_best_weights = restore_best_weights
        self.mode = mode if mode != "auto" else ("max" if last_word in HIGHER_IS_BETTER else "min")
        self.min_delta = abs(float(min_delta))
        self.model: Any = None
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.best_step: int | None = None
        self.best_state: Any = None
        self.stopped_reason = ""
        self._step = -1
        self._waited = 0

    def should_stop(self, value: float, step: int | None = None, state: Any = None) -> bool:
        """Take the next value; true from the moment that training should end.

        Args:
            value: The monitored metric now. NaN is no improvement.
            step: Its step; counted from 0 when not given.
            state: What to keep if this is the best, such as a copy of the weights.
        """
        value = float(value)
        self._step = self._step + 1 if step is None else step
        if self._is_better(value):
            self.best, self.best_step, self._waited = value, self._step, 0
            self.best_state = state if self.restore_best_weights else None
            return bool(self.stopped_reason)
        self._waited += 1
        if self._waited >= max(self.patience, 1) and not self.stopped_reason:
            self.stopped_reason = self._reason(value)
        return bool(self.stopped_reason)

    def _is_better(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        if self.mode == "min":
            return value < self.best - self.min_delta
        return value > self.best + self.min_delta

    def _reason(self, value: float) -> str:
        last = f"the last value is {'not a number (NaN)' if math.isnan(value) else f'{value:g}'}"
        if self.best is None:
            return f"{self.monitor} never had a usable value in {self._waited} checks; {last}"
        return (
            f"{self.monitor} did not improve on {self.best:g} (step {self.best_step}) for {self._waited} checks; {last}"
        )

    # The Keras callback protocol

    def set_model(self, model: Any) -> None:
        """Keras hands its model here."""
        self.model = model

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_"):
            return lambda *_args, **_kwargs: None  # Keras calls every hook of its protocol
        raise AttributeError(name)

    def set_params(self, params: Any) -> None:
        """Keras hands its training parameters here; they are not needed."""

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Start anew."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at ``logs[monitor]``; stop the model if it is time.

        Raises:
            InvalidError: ``logs`` does not have the monitored metric.
        """
        if self.monitor not in (logs or {}):
            raise InvalidError(
                f"early stopping watches {self.monitor!r}, but the epoch reported {sorted(logs or {})}",
                hint="set monitor= to one of these",
            )
        value = float((logs or {})[self.monitor])
        keep = self.restore_best_weights and self.model is not None and self._is_better(value)
        if self.should_stop(value, epoch, self.model.get_weights() if keep else None):
            self._stop_model()

    def _stop_model(self) -> None:
        if self.model is None:
            return
        self.model.stop_training = True
        if self.restore_best_weights and self.best_state is not None:
            self.model.set_weights(self.best_state)


def _check(monitor: Any, patience: Any, mode: Any, min_delta: Any) -> None:
    if not isinstance(monitor, str) or not monitor:
        raise InvalidError(f"monitor must be the name of a metric, got {monitor!r}")
    if isinstance(patience, bool) or not isinstance(patience, int) or patience < 0:
        raise InvalidError(f"patience must be a whole number of at least 0, got {patience!r}")
    if mode not in _MODES:
        raise InvalidError(f"mode must be one of {', '.join(_MODES)}, got {mode!r}")
    if not isinstance(min_delta, int | float) or not math.isfinite(min_delta):
        raise InvalidError(f"min_delta must be a finite number, got {min_delta!r}")
