"""XGBoost: parameters, every evaluation of every round, the best round, what the features are worth."""

from __future__ import annotations

from typing import Any

import xgboost

from runward.interop.frameworks.patching import Patches
from runward.interop.frameworks.session import Session, is_inside, quietly, session, short
from runward.tracking.client import ActiveRun


class RunwardCallback(xgboost.callback.TrainingCallback):
    """Logs each evaluation as ``<data>/<metric>`` at its round: ``xgboost.train(…, callbacks=[RunwardCallback()])``.

    Args:
        run: The run to log to; by default the active one, else one of its own.
    """

    def __init__(self, run: ActiveRun | None = None) -> None:
        super().__init__()
        self._at = Session("xgboost", run)

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
        """Log the round; it never asks for the end."""
        with quietly("a round of XGBoost"):
            _log_round(self._at, epoch, evals_log)
        return False

    def after_training(self, model: Any) -> Any:
        """Log the result."""
        with quietly("the model of XGBoost"):
            _log_model(self._at, model, log_models=False)
            self._at.end()
        return model


class _Rounds(xgboost.callback.TrainingCallback):
    def __init__(self, at: Session) -> None:
        super().__init__()
        self._at = at

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
        with quietly("a round of XGBoost"):
            _log_round(self._at, epoch, evals_log)
        return False


def _log_round(at: Session, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> None:
    last = {f"{data}/{metric}": values[-1] for data, of in evals_log.items() for metric, values in of.items()}
    # With folds a value comes with its deviation.
    at.run.log_metrics({key: value[0] if isinstance(value, tuple) else value for key, value in last.items()}, epoch)


def _log_model(at: Session, model: Any, *, log_models: bool) -> None:
    if getattr(model, "best_iteration", None) is not None and model.attr("best_iteration") is not None:
        at.run.log_metrics({"best_iteration": model.best_iteration, "best_score": model.best_score})
    gains = sorted(model.get_score(importance_type="gain").items(), key=lambda item: -item[1])
    if gains:
        at.run.log_table("feature_importance", [list(pair) for pair in gains], columns=["feature", "gain"])
    if log_models:
        at.run.log_bytes(bytes(model.save_raw("json")), "models/xgboost.json")


def install(patches: Patches, module: str, log_models: bool) -> None:
    """Wrap ``xgboost.train``, which its scikit-learn estimators call too."""

    def train(original: Any, params: Any, dtrain: Any, num_boost_round: int = 10, **kwargs: Any) -> Any:
        ours = any(isinstance(callback, RunwardCallback | _Rounds) for callback in kwargs.get("callbacks") or ())
        # What a search of scikit-learn trains inside is a part of the search.
        if ours or is_inside("sklearn"):
            return original(params, dtrain, num_boost_round, **kwargs)
        with session("xgboost") as at:
            with quietly("the parameters of XGBoost"):
                at.run.log_params({**short(params), "num_boost_round": num_boost_round})
            kwargs["callbacks"] = [*(kwargs.get("callbacks") or ()), _Rounds(at)]
            model = original(params, dtrain, num_boost_round, **kwargs)
            with quietly("the model of XGBoost"):
                _log_model(at, model, log_models=log_models)
            return model

    for owner in (xgboost, xgboost.training, xgboost.sklearn):
        patches.wrap(owner, "train", train)
