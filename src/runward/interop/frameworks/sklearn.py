"""scikit-learn: parameters, scores and, if asked for, the model of every estimator that is fitted."""

from __future__ import annotations

import threading
import time
from typing import Any

import cloudpickle
from sklearn import base as sklearn_base

from runward.interop.frameworks.patching import Patches
from runward.interop.frameworks.session import Session, is_inside, outermost, quietly, session, short
from runward.tracking.client import open_runs

_OTHERS = ("xgboost", "lightgbm")
"""Packages whose estimators are logged by an integration of their own."""

_inside = threading.local()


def install(patches: Patches, module: str, log_models: bool) -> None:
    """Wrap ``fit`` and ``score`` of every estimator, those included that are defined later."""
    base = sklearn_base.BaseEstimator

    def fit(original: Any, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        return _fit(log_models, original, estimator, *args, **kwargs)

    def watch(cls: type) -> None:
        others = cls.__module__.startswith(_OTHERS)
        for name, around in (("fit", _fit_of_others if others else fit), ("score", _score)):
            if callable(vars(cls).get(name)):
                patches.wrap(cls, name, around)

    def init_subclass(cls: Any, /, **kwargs: Any) -> None:
        super(base, cls).__init_subclass__(**kwargs)
        with quietly(f"the estimator {cls.__name__}"):
            watch(cls)

    patches.put(base, "__init_subclass__", classmethod(init_subclass))
    for cls in (sklearn_base.ClassifierMixin, sklearn_base.RegressorMixin, *_below(base)):
        watch(cls)


def _below(cls: type) -> list[type]:
    """All subclasses, each once."""
    found: dict[type, None] = {}
    waiting: list[type] = cls.__subclasses__()
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += one.__subclasses__()
    return list(found)


def _fit(log_models: bool, original: Any, estimator: Any, *args: Any, **kwargs: Any) -> Any:
    # A search or a pipeline fits others inside: only the outermost fit is the user's.
    with outermost("sklearn") as is_outermost:
        if not is_outermost:
            return original(estimator, *args, **kwargs)
        name = type(estimator).__name__
        with session(f"sklearn {name}") as at:
            with quietly(f"the parameters of {name}"):
                at.run.log_params(short(estimator.get_params(), f"{name}."))
            began = time.perf_counter()
            fitted = original(estimator, *args, **kwargs)
            with quietly(f"the fit of {name}"):
                at.run.log_metric(f"{name}.fit_seconds", time.perf_counter() - began)
                _describe(at, estimator, name, args, kwargs)
            if log_models:
                with quietly(f"the model {name}"):
                    at.run.log_bytes(cloudpickle.dumps(estimator), f"models/{name}.pkl")
            return fitted


def _fit_of_others(original: Any, estimator: Any, *args: Any, **kwargs: Any) -> Any:
    # They encode labels with an estimator of scikit-learn's, which is not the user's either.
    with outermost("others"):
        return original(estimator, *args, **kwargs)


def _describe(at: Session, estimator: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    given = [*args, *(kwargs[key] for key in ("X", "y") if key in kwargs)]
    if hasattr(estimator, "n_features_in_"):
        at.run.log_param(f"{name}.n_features_in", int(estimator.n_features_in_))
    if hasattr(estimator, "best_params_"):
        at.run.log_params(short(estimator.best_params_, f"{name}.best."))
        at.run.log_metric(f"{name}.best_score", estimator.best_score_)
        results = {key: list(column) for key, column in estimator.cv_results_.items() if key != "params"}
        at.run.log_table(f"{name}.cv_results", results)
    if len(given) > 1 and given[1] is not None and hasattr(estimator, "score"):
        _inside.scoring = True
        try:
            at.run.log_metric(f"{name}.training_score", estimator.score(given[0], given[1]))
        finally:
            _inside.scoring = False


def _score(original: Any, estimator: Any, *args: Any, **kwargs: Any) -> Any:
    if is_inside("sklearn") or is_inside("others") or getattr(_inside, "scoring", False):
        return original(estimator, *args, **kwargs)
    _inside.scoring = True
    try:
        score = original(estimator, *args, **kwargs)
    finally:
        _inside.scoring = False
    # A score after the fit belongs to the run that is open; it is no reason to begin one.
    if runs := open_runs():
        runs[-1].log_metric(f"{type(estimator).__name__}.score", score)
    return score
