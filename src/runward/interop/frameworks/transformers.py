"""Hugging Face's Trainer: its arguments, and everything that it logs."""

from __future__ import annotations

from typing import Any

import transformers

from runward.interop.frameworks.patching import Patches
from runward.interop.frameworks.session import Session, numbers, quietly, short
from runward.tracking.client import ActiveRun


class RunwardCallback(transformers.TrainerCallback):
    """Logs what the Trainer logs, at its global step: ``Trainer(…, callbacks=[RunwardCallback()])``.

    Args:
        run: The run to log to; by default the active one, else one of its own.
        log_models: Whether the model is kept at the end of the training.
    """

    def __init__(self, run: ActiveRun | None = None, log_models: bool = False) -> None:
        self._at, self._log_models = Session("transformers", run), log_models

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Log the training's arguments and the model's size."""
        if state.is_world_process_zero:
            with quietly("the arguments of the Trainer"):
                found = short(args.to_sanitized_dict())
                model: Any = kwargs.get("model")
                if hasattr(model, "num_parameters"):
                    found["parameters"] = model.num_parameters()
                self._at.run.log_params(found)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Log numbers at the global step."""
        if state.is_world_process_zero:
            with quietly("a log of the Trainer"):
                self._at.run.log_metrics(numbers(logs or {}), state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep the model if that is wanted."""
        if state.is_world_process_zero and self._log_models:
            with quietly("the model of the Trainer"):
                kwargs["model"].save_pretrained(f"{args.output_dir}/runward-model")
                self._at.run.log_artifact(f"{args.output_dir}/runward-model", "models/transformers")


def install(patches: Patches, module: str, log_models: bool) -> None:
    """Give every Trainer the callback, and end with each call what it began."""

    def init(original: Any, trainer: Any, *args: Any, **kwargs: Any) -> None:
        original(trainer, *args, **kwargs)
        with quietly("the Trainer"):
            if _ours(trainer) is None:
                trainer.add_callback(RunwardCallback(log_models=log_models))

    def call(original: Any, trainer: Any, *args: Any, **kwargs: Any) -> Any:
        # A training evaluates inside: only the outermost call ends the run.
        outermost = not getattr(trainer, "_runward_inside", False)
        trainer._runward_inside = True
        failure: BaseException | None = None
        try:
            return original(trainer, *args, **kwargs)
        except BaseException as error:
            failure = error
            raise
        finally:
            if outermost:
                trainer._runward_inside = False
                with quietly("the end of the Trainer"):
                    if (ours := _ours(trainer)) is not None:
                        ours._at.end(failure)

    patches.wrap(transformers.Trainer, "__init__", init)
    for name in ("train", "evaluate"):
        patches.wrap(transformers.Trainer, name, call)


def _ours(trainer: Any) -> RunwardCallback | None:
    found = (one for one in trainer.callback_handler.callbacks if isinstance(one, RunwardCallback))
    return next(found, None)
