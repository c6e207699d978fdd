"""scikit-learn's estimators, fitted for real."""

from __future__ import annotations

import threading
from typing import Any

import cloudpickle
import pytest

import runward
from runward.errors import RunwardWarning
from runward.tracking.model import RunStatus
from runward.workspace import FolderWorkspace
from tests.extras import needs
from tests.frameworks.looking import document, only_run, paths, values


@pytest.fixture
def data() -> tuple[Any, Any]:
    needs("sklearn.ensemble")
    x, y = needs("sklearn.datasets").load_iris(return_X_y=True)
    return x, y


def test_a_fit_is_a_run(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """Parameters and the training's score; no model unless it is asked for."""
    runward.autolog()
    model = needs("sklearn.linear_model").LogisticRegression(C=0.5, max_iter=500).fit(*data)
    detail = only_run(space)
    assert (detail.run.name, detail.run.status) == ("sklearn LogisticRegression", RunStatus.FINISHED)
    assert detail.run.params["LogisticRegression.C"] == 0.5
    assert detail.run.params["LogisticRegression.n_features_in"] == 4
    assert values(space, detail, "LogisticRegression.training_score") == [model.score(*data)]
    assert paths(detail) == set()


def test_a_score_belongs_to_the_run_that_is_open(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """Each of them once, also where a class inherits how it is scored."""
    runward.autolog()
    tree = needs("sklearn.tree").DecisionTreeClassifier(max_depth=1)
    with runward.start("mine", capture=False):
        tree.fit(*data)
        scores = [tree.score(*data), tree.score(data[0][:100], data[1][:100])]
    assert values(space, only_run(space), "DecisionTreeClassifier.score") == scores


def test_a_search_is_one_fit(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """With its best parameters and the table of what was tried; the fits inside are not the user's."""
    runward.autolog()
    search = needs("sklearn.model_selection").GridSearchCV(
        needs("sklearn.svm").SVC(), {"C": [0.1, 1.0, 10.0]}, cv=3, n_jobs=1
    )
    search.fit(*data)
    detail = only_run(space)
    assert detail.run.params["GridSearchCV.best.C"] == search.best_params_["C"]
    assert values(space, detail, "GridSearchCV.best_score") == [search.best_score_]
    table = document(space, detail, "media/GridSearchCV.cv_results/0.json")
    assert len(table["data"]) == 3
    assert "mean_test_score" in table["columns"]
    assert not [key for key in detail.run.params if key.startswith("SVC.")]


def test_a_pipeline_and_threads_inside_are_one_fit(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    runward.autolog()
    scaler = needs("sklearn.preprocessing").StandardScaler()
    forest = needs("sklearn.ensemble").RandomForestClassifier(n_estimators=4, n_jobs=2, random_state=0)
    needs("sklearn.pipeline").make_pipeline(scaler, forest).fit(*data)
    assert only_run(space).run.params["Pipeline.randomforestclassifier__n_estimators"] == 4


def test_a_model_is_kept_if_it_is_wanted(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    runward.autolog(log_models=True)
    model = needs("sklearn.linear_model").LinearRegression().fit(*data)
    stored = b"".join(space.files.artifact(only_run(space).run.id, "models/LinearRegression.pkl"))
    assert (cloudpickle.loads(stored).predict(data[0]) == model.predict(data[0])).all()


def test_an_estimator_that_is_defined_later_logs_too(space: FolderWorkspace) -> None:
    """With no targets, and without a score."""
    estimator: Any = needs("sklearn.base").BaseEstimator
    runward.autolog()

    class Mine(estimator):
        def __init__(self, depth: int = 3) -> None:
            self.depth = depth

        def fit(self, X: Any, y: Any = None) -> Mine:  # noqa: N803
            return self

    assert isinstance(Mine().fit([[1]]), Mine)
    assert only_run(space).run.params == {"Mine.depth": 3}


def test_a_fit_that_fails_fails_as_before(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    runward.autolog()
    with pytest.raises(ValueError, match="C"):
        needs("sklearn.svm").SVC(C=-1.0).fit(*data)
    assert only_run(space).run.status is RunStatus.FAILED
    needs("sklearn.svm").SVC().fit(*data)


def test_what_fails_while_logging_does_not_reach_the_fit(space: FolderWorkspace) -> None:
    estimator: Any = needs("sklearn.base").BaseEstimator
    runward.autolog()

    class Broken(estimator):
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            raise RuntimeError("no params")

        def score(self, X: Any, y: Any) -> float:  # noqa: N803
            raise RuntimeError("no score")

        def fit(self, X: Any, y: Any = None) -> str:  # noqa: N803
            return "fitted"

    with pytest.warns(RunwardWarning, match="could not be logged") as caught:
        assert Broken().fit([[1]], [1]) == "fitted"
    assert len(caught) == 2


def test_it_can_be_taken_back(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """Twice on, once off: the classes are what they were."""
    module = needs("sklearn.linear_model")
    base = needs("sklearn.base")
    before = module.LogisticRegression.fit, base.ClassifierMixin.score, "__init_subclass__" in vars(base.BaseEstimator)
    runward.autolog()
    runward.autolog(frameworks=["sklearn"])
    assert module.LogisticRegression.fit is not before[0]
    runward.autolog(disable=True)
    after = module.LogisticRegression.fit, base.ClassifierMixin.score, "__init_subclass__" in vars(base.BaseEstimator)
    assert after == before
    module.LogisticRegression(max_iter=500).fit(*data)
    assert space.tracking.search_runs().total == 0


def test_a_fit_in_a_thread_beside_another_goes_on(space: FolderWorkspace, data: tuple[Any, Any]) -> None:
    """The first one logs; neither waits for the other."""
    estimator: Any = needs("sklearn.base").BaseEstimator
    runward.autolog()
    inside, done = threading.Event(), threading.Event()

    class Slow(estimator):
        def fit(self, X: Any, y: Any = None) -> Slow:  # noqa: N803
            inside.set()
            assert done.wait(20)
            return self

    thread = threading.Thread(target=lambda: Slow().fit([[1]]))
    thread.start()
    assert inside.wait(20)
    needs("sklearn.tree").DecisionTreeClassifier().fit(*data)
    done.set()
    thread.join()
    assert only_run(space).run.name == "sklearn Slow"
