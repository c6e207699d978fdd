"""XGBoost and LightGBM, trained for real."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import runward
from runward.tracking.model import RunStatus
from runward.workspace import FolderWorkspace
from tests.extras import needs
from tests.frameworks.looking import document, only_run, paths, values


@pytest.fixture
def data() -> tuple[Any, Any]:
    x, y = needs("sklearn.datasets").load_breast_cancer(return_X_y=True)
    return x, y


def test_xgboost_logs_each_round(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """What it reports itself, bit for bit; its parameters, the best round, what the features are worth."""
    xgboost = needs("xgboost")
    runward.autolog(log_models=True)
    matrix = xgboost.DMatrix(*data)
    told: dict[str, Any] = {}
    params = {"objective": "binary:logistic", "max_depth": 2, "eval_metric": ["logloss", "auc"]}
    model = xgboost.train(
        params, matrix, 6, evals=[(matrix, "train")], evals_result=told, early_stopping_rounds=3, verbose_eval=False
    )
    detail = only_run(space)
    assert (detail.run.name, detail.run.status) == ("xgboost", RunStatus.FINISHED)
    assert (detail.run.params["max_depth"], detail.run.params["num_boost_round"]) == (2, 6)
    for metric in ("logloss", "auc"):
        assert values(space, detail, f"train/{metric}") == told["train"][metric]
    assert values(space, detail, "best_iteration") == [model.best_iteration]
    table = document(space, detail, "media/feature_importance/0.json")
    assert dict(table["data"]) == pytest.approx(model.get_score(importance_type="gain"))
    stored = b"".join(space.files.artifact(detail.run.id, "models/xgboost.json"))
    assert xgboost.Booster(model_file=bytearray(stored)).num_boosted_rounds() == model.num_boosted_rounds()


def test_xgboosts_estimators_log_once(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """They are scikit-learn's too, but their rounds are what is logged."""
    xgboost = needs("xgboost")
    runward.autolog()
    xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(*data, eval_set=[data], verbose=False)
    detail = only_run(space)
    assert detail.run.name == "xgboost"
    assert len(values(space, detail, "validation_0/logloss")) == 3


def test_the_callback_of_xgboost_alone(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """Into a run that it is given, and not twice beside autolog."""
    xgboost = needs("xgboost")
    ours = importlib.import_module("runward.interop.frameworks.xgboost")
    matrix = xgboost.DMatrix(*data)
    runward.autolog()
    with runward.start("mine", capture=False) as run:
        xgboost.train(
            {}, matrix, 4, evals=[(matrix, "train")], verbose_eval=False, callbacks=[ours.RunwardCallback(run)]
        )
    detail = only_run(space)
    assert len(values(space, detail, "train/rmse")) == 4
    assert paths(detail) == {"media/feature_importance/0.json"}


def test_lightgbm_logs_each_round(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """What it reports itself, bit for bit; the best round, what the features are worth, the model."""
    lightgbm = needs("lightgbm")
    runward.autolog(log_models=True)
    train = lightgbm.Dataset(*data)
    told: dict[str, Any] = {}
    callbacks = [lightgbm.record_evaluation(told), lightgbm.early_stopping(2, verbose=False)]
    params = {"objective": "binary", "num_leaves": 4, "verbose": -1, "metric": ["binary_logloss", "auc"]}
    valid = lightgbm.Dataset(*data, reference=train)
    model = lightgbm.train(params, train, 5, valid_sets=[valid], callbacks=callbacks)
    detail = only_run(space)
    assert (detail.run.name, detail.run.status) == ("lightgbm", RunStatus.FINISHED)
    assert (detail.run.params["num_leaves"], detail.run.params["num_boost_round"]) == (4, 5)
    for metric in ("binary_logloss", "auc"):
        assert values(space, detail, f"valid_0/{metric}") == told["valid_0"][metric]
    assert values(space, detail, "best_iteration") == [model.best_iteration]
    assert len(document(space, detail, "media/feature_importance/0.json")["data"]) == 30
    stored = b"".join(space.files.artifact(detail.run.id, "models/lightgbm.txt")).decode()
    assert lightgbm.Booster(model_str=stored).num_trees() == model.num_trees()


def test_lightgbms_estimators_log_once(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    lightgbm = needs("lightgbm")
    runward.autolog()
    model = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1)
    model.fit(*data, eval_X=(data[0],), eval_y=(data[1],))
    detail = only_run(space)
    assert detail.run.name == "lightgbm"
    assert len(values(space, detail, "valid_0/binary_logloss")) == 3


def test_the_callback_of_lightgbm_alone(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    lightgbm = needs("lightgbm")
    ours = importlib.import_module("runward.interop.frameworks.lightgbm")
    train = lightgbm.Dataset(*data)
    runward.autolog()
    with runward.start("mine", capture=False) as run:
        params = {"objective": "binary", "verbose": -1}
        lightgbm.train(params, train, 4, valid_sets=[train], callbacks=[ours.RunwardCallback(run)])
    assert len(values(space, only_run(space), "training/binary_logloss")) == 4


def test_a_training_that_fails_fails_as_before(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    xgboost = needs("xgboost")
    runward.autolog()
    with pytest.raises(xgboost.core.XGBoostError):
        xgboost.train({"objective": "no such"}, xgboost.DMatrix(*data), 2)
    assert only_run(space).run.status is RunStatus.FAILED


@pytest.mark.parametrize("package", ["xgboost", "lightgbm"])
def test_a_search_over_them_is_one_fit(space: FolderWorkspace, data: tuple[Any, Any], package: str) -> None:
    """The rounds of every fold would be one series of nothing."""
    module = needs(package)
    more = {"verbose": -1} if package == "lightgbm" else {}
    estimator = (module.XGBClassifier if package == "xgboost" else module.LGBMClassifier)(n_estimators=2, **more)
    runward.autolog()
    needs("sklearn.model_selection").GridSearchCV(estimator, {"max_depth": [1, 2]}, cv=2).fit(*data)
    detail = only_run(space)
    assert detail.run.name == "sklearn GridSearchCV"
    assert set(detail.run.metrics) == {f"GridSearchCV.{key}" for key in ("best_score", "fit_seconds", "training_score")}
