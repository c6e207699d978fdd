"""``wandb.lightgbm``: W&B's callback for LightGBM."""

from __future__ import annotations

from typing import Any

from runward.interop.frameworks.session import quietly
from runward.shims.wandb.opened import need

__all__ = ["log_summary", "wandb_callback"]


class _Callback:
    order = 25
    before_iteration = False

    def __init__(self, log_params: bool) -> None:
        self._log_params = log_params

    def __call__(self, env: Any) -> None:
        with quietly("a round of LightGBM"):
            run = need("log()")
            if self._log_params and env.iteration == env.begin_iteration:
                run.config.update(env.params, allow_val_change=True)
            values = {f"{found[0]}_{found[1]}": found[2] for found in env.evaluation_result_list or ()}
            run.log({**values, "iteration": env.iteration})


def wandb_callback(log_params: bool = True, define_metric: bool = True) -> Any:
    """A callback that logs ``<data>_<metric>`` and ``iteration`` each round, and the parameters at the first."""
    return _Callback(log_params)


def log_summary(model: Any, feature_importance: bool = True, save_model_checkpoint: bool = False) -> None:
    """Log the best round and scores, what the features are worth and, if asked for, the model."""
    run = need("log_summary()")
    with quietly("the model of LightGBM"):
        run.summary["best_iteration"] = model.best_iteration
        run.summary["best_score"] = {data: dict(of) for data, of in model.best_score.items()}
        if feature_importance:
            found = zip(model.feature_name(), model.feature_importance("gain").tolist(), strict=True)
            rows = [list(pair) for pair in sorted(found, key=lambda pair: -pair[1])]
            run._active.log_table("Feature Importance", rows, columns=["Feature", "Importance"])
        if save_model_checkpoint:
            run._active.log_bytes(model.model_to_string().encode(), f"model_{run.id}.txt", "text/plain")
