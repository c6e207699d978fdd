"""``wandb.xgboost``: W&B's callback for XGBoost."""

from __future__ import annotations

from typing import Any

import xgboost

from runward.interop.frameworks.session import quietly
from runward.shims.wandb.opened import need

__all__ = ["WandbCallback", "wandb_callback"]


class WandbCallback(xgboost.callback.TrainingCallback):
    """Logs ``<data>-<metric>`` and ``epoch`` each round, and at the end what the features are worth."""

    def __init__(
        self,
        log_model: bool = False,
        log_feature_importance: bool = True,
        importance_type: str = "gain",
        define_metric: bool = True,
    ) -> None:
        super().__init__()
        self._log_model, self._importance = log_model, importance_type if log_feature_importance else ""

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, list[Any]]]) -> bool:
        """Log the round; it never asks for the end."""
        with quietly("a round of XGBoost"):
            last = {f"{data}-{metric}": values[-1] for data, of in evals_log.items() for metric, values in of.items()}
            need("log()").log({**last, "epoch": epoch})
        return False

    def after_training(self, model: Any) -> Any:
        """Log the result."""
        with quietly("the model of XGBoost"):
            run = need("log()")
            if self._importance:
                found = sorted(model.get_score(importance_type=self._importance).items(), key=lambda item: -item[1])
                run._active.log_table(
                    "Feature Importance", [list(pair) for pair in found], columns=["Feature", "Importance"]
                )
            if model.attr("best_score") is not None:
                run.summary.update({"best_score": float(model.best_score), "best_iteration": int(model.best_iteration)})
            if self._log_model:
                run._active.log_bytes(bytes(model.save_raw("json")), f"{run.id}_model.json")
        return model


def wandb_callback(**options: Any) -> WandbCallback:
    """The callback, by its older name."""
    return WandbCallback(**options)
