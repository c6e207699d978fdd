"""LightGBM: parameters, every evaluation of every round, the best round, what the features are worth."""

from __future__ import annotations

from typing import Any

import lightgbm

from runward.interop.frameworks.patching import Patches
from runward.interop.frameworks.session import Session, is_inside, quietly, session, short
from runward.tracking.client import ActiveRun


class RunwardCallback:
    """Logs each evaluation as ``<data>/<metric>`` at its round: ``lightgbm.train(…, callbacks=[RunwardCallback()])``.

    Args:
        run: The run to log to; by default the active one, else one that stays open until ``runward.finish()``.
    """

    # After early stopping's own (30), whose exception would keep the last round out, this could not be called.
    order = 25
    before_iteration = False

    def __init__(self, run: ActiveRun | None = None) -> None:
        self._at = Session("lightgbm", run)

    def __call__(self, env: Any) -> None:
        """Log one round."""
        with quietly("a round of LightGBM"):
            # (data, metric, value, higher is better[, deviation])
            values = {f"{found[0]}/{found[1]}": found[2] for found in env.evaluation_result_list or ()}
            if values:
                self._at.run.log_metrics(values, env.iteration)


def _log_model(at: Session, model: Any, *, log_models: bool) -> None:
    if model.best_iteration > 0:
        at.run.log_metric("best_iteration", model.best_iteration)
        best = {f"{data}/{metric}": value for data, of in model.best_score.items() for metric, value in of.items()}
        at.run.log_metrics({f"best/{key}": value for key, value in best.items()})
    gains = zip(model.feature_name(), model.feature_importance("gain").tolist(), strict=True)
    rows = [[name, gain] for name, gain in sorted(gains, key=lambda pair: -pair[1])]
    at.run.log_table("feature_importance", rows, columns=["feature", "gain"])
    if log_models:
        at.run.log_bytes(model.model_to_string().encode(), "models/lightgbm.txt", "text/plain")


def install(patches: Patches, module: str, log_models: bool) -> None:
    """Wrap ``lightgbm.train``, which its scikit-learn estimators call too."""

    def train(original: Any, params: Any, train_set: Any, num_boost_round: int = 100, *args: Any, **kwargs: Any) -> Any:
        ours = any(isinstance(callback, RunwardCallback) for callback in kwargs.get("callbacks") or ())
        # What a search of scikit-learn trains inside is a part of the search.
        if ours or is_inside("sklearn"):
            return original(params, train_set, num_boost_round, *args, **kwargs)
        with session("lightgbm") as at:
            with quietly("the parameters of LightGBM"):
                at.run.log_params({**short(params), "num_boost_round": num_boost_round})
            callback = RunwardCallback()
            callback._at = at
            kwargs["callbacks"] = [*(kwargs.get("callbacks") or ()), callback]
            model = original(params, train_set, num_boost_round, *args, **kwargs)
            with quietly("the model of LightGBM"):
                _log_model(at, model, log_models=log_models)
            return model

    for owner in (lightgbm, lightgbm.engine, lightgbm.sklearn):
        patches.wrap(owner, "train", train)
