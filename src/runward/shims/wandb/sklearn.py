"""``wandb.sklearn``: what W&B's charts for scikit-learn show, as tables and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy
from sklearn import base, calibration, metrics, model_selection

from runward.interop.frameworks.session import quietly
from runward.shims.wandb import plot
from runward.shims.wandb.media import Plot
from runward.shims.wandb.opened import need

__all__ = [
    "plot_calibration_curve", "plot_class_proportions", "plot_classifier", "plot_clusterer", "plot_confusion_matrix",
    "plot_elbow_curve", "plot_feature_importances", "plot_learning_curve", "plot_outlier_candidates",
    "plot_precision_recall", "plot_regressor", "plot_residuals", "plot_roc", "plot_silhouette", "plot_summary_metrics",
]  # fmt: skip


def _table(key: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    need("log()").log({key: Plot(columns, rows)}, commit=False)


def _named(labels: Any, value: Any) -> str:
    try:
        return str(labels[int(value)]) if labels is not None else str(value)
    except (IndexError, TypeError, ValueError):
        return str(value)


def plot_classifier(
    model: Any, X_train: Any, X_test: Any, y_train: Any, y_test: Any, y_pred: Any, y_probas: Any, labels: Any,
    is_binary: bool = False, model_name: str = "Classifier", feature_names: Any = None, log_learning_curve: bool = False,
) -> None:  # fmt: skip
    """Everything about a classifier; what does not fit its model is left out with one warning."""
    need("sklearn").config.update({"model_name": model_name}, allow_val_change=True)
    parts: list[tuple[str, Callable[[], None]]] = [
        ("the summary", lambda: plot_summary_metrics(model, X_train, y_train, X_test, y_test)),
        ("the class proportions", lambda: plot_class_proportions(y_train, y_test, labels)),
        ("the confusion matrix", lambda: plot_confusion_matrix(y_test, y_pred, labels)),
        ("the ROC curve", lambda: plot_roc(y_test, y_probas, labels)),
        ("the precision-recall curve", lambda: plot_precision_recall(y_test, y_probas, labels)),
    ]
    if hasattr(model, "feature_importances_") or hasattr(model, "coef_"):
        parts.append(("the feature importances", lambda: plot_feature_importances(model, feature_names)))
    if is_binary:
        parts.append(("the calibration curve", lambda: plot_calibration_curve(model, X_test, y_test, model_name)))
    if log_learning_curve:
        parts.append(("the learning curve", lambda: plot_learning_curve(model, X_train, y_train)))
    for what, draw in parts:
        with quietly(what):
            draw()


def plot_regressor(
    model: Any, X_train: Any, X_test: Any, y_train: Any, y_test: Any, model_name: str = "Regressor"
) -> None:
    """Summary, learning curve, outliers and residuals of a regressor."""
    need("sklearn").config.update({"model_name": model_name}, allow_val_change=True)
    parts: list[tuple[str, Callable[[], None]]] = [
        ("the summary", lambda: plot_summary_metrics(model, X_train, y_train, X_test, y_test)),
        ("the learning curve", lambda: plot_learning_curve(model, X_train, y_train)),
        ("the outliers", lambda: plot_outlier_candidates(model, X_train, y_train)),
        ("the residuals", lambda: plot_residuals(model, X_train, y_train)),
    ]
    for what, draw in parts:
        with quietly(what):
            draw()


def plot_clusterer(
    model: Any, X_train: Any, cluster_labels: Any, labels: Any = None, model_name: str = "Clusterer"
) -> None:
    """Elbow curve and silhouette of a clusterer."""
    need("sklearn").config.update({"model_name": model_name}, allow_val_change=True)
    with quietly("the elbow curve"):
        if hasattr(model, "n_clusters"):
            plot_elbow_curve(model, X_train)
    with quietly("the silhouette"):
        plot_silhouette(model, X_train, cluster_labels, labels)


def plot_roc(
    y_true: Any = None,
    y_probas: Any = None,
    labels: Any = None,
    plot_micro: bool = True,
    plot_macro: bool = True,
    classes_to_plot: Any = None,
) -> None:
    """The ROC curve of each class: the table ``roc``."""
    need("log()").log({"roc": plot.roc_curve(y_true, y_probas, labels, classes_to_plot)}, commit=False)


def plot_precision_recall(
    y_true: Any = None, y_probas: Any = None, labels: Any = None, plot_micro: bool = True, classes_to_plot: Any = None
) -> None:
    """The precision-recall curve of each class: the table ``precision_recall``."""
    need("log()").log({"precision_recall": plot.pr_curve(y_true, y_probas, labels, classes_to_plot)}, commit=False)


def plot_confusion_matrix(
    y_true: Any = None,
    y_pred: Any = None,
    labels: Any = None,
    true_labels: Any = None,
    pred_labels: Any = None,
    normalize: bool = False,
) -> None:
    """How often each class was taken for each: the table ``confusion_matrix``."""
    classes = sorted({*numpy.asarray(y_true).tolist(), *numpy.asarray(y_pred).tolist()})
    counts = metrics.confusion_matrix(y_true, y_pred, labels=classes, normalize="true" if normalize else None)
    rows = [
        (_named(labels, was), _named(labels, said), counts[i, j].item())
        for i, was in enumerate(classes)
        for j, said in enumerate(classes)
    ]
    _table("confusion_matrix", ["Actual", "Predicted", "Count"], rows)


def plot_feature_importances(
    model: Any = None, feature_names: Any = None, title: str = "", max_num_features: int = 50
) -> None:
    """What the features are worth to a model: the table ``feature_importances``."""
    found = getattr(model, "feature_importances_", None)
    worth = numpy.asarray(found if found is not None else model.coef_)
    worth = worth if worth.ndim == 1 else abs(worth).mean(0)
    order = worth.argsort()[::-1][:max_num_features]
    rows = [(_named(feature_names, index), worth[index].item()) for index in order]
    _table("feature_importances", ["feature_names", "importances"], rows)


def plot_class_proportions(y_train: Any = None, y_test: Any = None, labels: Any = None) -> None:
    """How often each class is in both parts: the table ``class_proportions``."""
    rows = []
    for part, values in (("train", y_train), ("test", y_test)):
        classes, counts = numpy.unique(numpy.asarray(values), return_counts=True)
        rows += [(_named(labels, one), part, int(count)) for one, count in zip(classes, counts, strict=True)]
    _table("class_proportions", ["class", "dataset", "count"], rows)


def plot_calibration_curve(clf: Any = None, X: Any = None, y: Any = None, clf_name: str = "Classifier") -> None:
    """How true the probabilities of a binary classifier are: the table ``calibration_curve``."""
    said = clf.predict_proba(X)[:, 1]
    true, mean = calibration.calibration_curve(y, said, n_bins=10)
    rows = [(clf_name, *pair) for pair in zip(mean.tolist(), true.tolist(), strict=True)]
    _table("calibration_curve", ["model", "mean_predicted_value", "fraction_of_positives"], rows)


def plot_summary_metrics(
    model: Any = None, X: Any = None, y: Any = None, X_test: Any = None, y_test: Any = None
) -> None:
    """The usual scores of a fitted model on the test part, in the summary."""
    said = model.predict(X_test)
    if base.is_classifier(model):
        found = {
            "accuracy_score": metrics.accuracy_score(y_test, said),
            "f1_score": metrics.f1_score(y_test, said, average="weighted", zero_division=0),
            "precision": metrics.precision_score(y_test, said, average="weighted", zero_division=0),
            "recall": metrics.recall_score(y_test, said, average="weighted", zero_division=0),
        }
    else:
        found = {
            "mae": metrics.mean_absolute_error(y_test, said),
            "mse": metrics.mean_squared_error(y_test, said),
            "r2_score": metrics.r2_score(y_test, said),
        }
    need("summary").summary.update({key: float(value) for key, value in found.items()})


def plot_learning_curve(
    model: Any = None, X: Any = None, y: Any = None, cv: Any = None, shuffle: bool = False, random_state: Any = None,
    train_sizes: Any = None, n_jobs: int = 1, scoring: Any = None,
) -> None:  # fmt: skip
    """Scores by the size of the training part: the table ``learning_curve``."""
    sizes, train, test = model_selection.learning_curve(
        model, X, y, cv=cv, n_jobs=n_jobs, scoring=scoring, shuffle=shuffle, random_state=random_state,
        train_sizes=numpy.linspace(0.1, 1.0, 5) if train_sizes is None else train_sizes,
    )  # fmt: skip
    rows = [
        (name, round(float(score), 6), int(size))
        for name, scores in (("train", train.mean(1)), ("test", test.mean(1)))
        for size, score in zip(sizes, scores, strict=True)
    ]
    _table("learning_curve", ["dataset", "score", "train_size"], rows)


def plot_elbow_curve(
    clusterer: Any = None, X: Any = None, cluster_ranges: Any = None, n_jobs: int = 1, show_cluster_time: bool = True
) -> None:
    """Score and time by the number of clusters: the table ``elbow_curve``."""
    rows = []
    for number in sorted(cluster_ranges if cluster_ranges is not None else range(1, 10, 2)):
        model, began = base.clone(clusterer).set_params(n_clusters=number), time.perf_counter()
        score = float(model.fit(X).score(X))
        rows.append((number, abs(score), time.perf_counter() - began))
    _table("elbow_curve", ["cluster_ranges", "errors", "clustering_time"], rows)


def plot_silhouette(
    clusterer: Any = None,
    X: Any = None,
    cluster_labels: Any = None,
    labels: Any = None,
    metric: str = "euclidean",
    kmeans: bool = True,
) -> None:
    """How well each sample lies in its cluster: the table ``silhouette_plot``; the mean is in the summary."""
    of = numpy.asarray(cluster_labels)
    scores = metrics.silhouette_samples(X, of, metric=metric)
    _table("silhouette_plot", ["cluster", "silhouette"], zip(of.tolist(), scores.tolist(), strict=True))
    need("summary").summary["silhouette_score"] = float(scores.mean())


def plot_residuals(regressor: Any = None, X: Any = None, y: Any = None) -> None:
    """Residuals on a fifth of the data after a fit on the rest: the table ``residuals``."""
    parts = model_selection.train_test_split(X, y, test_size=0.2, random_state=0)
    fitted = base.clone(regressor).fit(parts[0], parts[2])
    rows = [
        (part, float(guess), float(guess - true))
        for part, xs, ys in (("train", parts[0], parts[2]), ("test", parts[1], parts[3]))
        for guess, true in zip(fitted.predict(xs), numpy.asarray(ys), strict=True)
    ]
    _table("residuals", ["dataset", "y_pred", "residuals"], rows)


def plot_outlier_candidates(regressor: Any = None, X: Any = None, y: Any = None) -> None:
    """Cook's distance of each sample: the table ``outlier_candidates``."""
    xs, ys = numpy.asarray(X, dtype=float), numpy.asarray(y, dtype=float)
    residuals = ys - base.clone(regressor).fit(xs, ys).predict(xs)
    leverage = (xs * numpy.linalg.pinv(xs).T).sum(1)
    spread = (residuals @ residuals) / max(len(ys) - xs.shape[1], 1)
    distance = residuals**2 / (xs.shape[1] * spread) * leverage / (1 - leverage).clip(1e-12) ** 2
    _table("outlier_candidates", ["sample", "distance"], enumerate(distance.tolist()))
