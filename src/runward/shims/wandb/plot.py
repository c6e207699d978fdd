"""``wandb.plot``: what a chart shows is logged as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from runward.errors import InvalidError
from runward.shims.wandb.media import Plot, Table


def _columns_of(table: Table, *names: str) -> Plot:
    return Plot(names, list(zip(*(table.get_column(name) for name in names), strict=True)))


def line(table: Table, x: str, y: str, stroke: str | None = None, title: str = "", split_table: bool = False) -> Plot:
    """A line over two columns of a table."""
    return _columns_of(table, x, y, *([stroke] if stroke else ()))


def scatter(table: Table, x: str, y: str, title: str = "", split_table: bool = False) -> Plot:
    """Points over two columns of a table."""
    return _columns_of(table, x, y)


def bar(table: Table, label: str, value: str, title: str = "", split_table: bool = False) -> Plot:
    """A bar for each row."""
    return _columns_of(table, label, value)


def histogram(table: Table, value: str, title: str = "", split_table: bool = False) -> Plot:
    """The values of a column."""
    return _columns_of(table, value)


def line_series(
    xs: Iterable[Any],
    ys: Iterable[Iterable[Any]],
    keys: Iterable[str] | None = None,
    title: str = "",
    xname: str = "x",
    split_table: bool = False,
) -> Plot:
    """Several lines: rows of (x, line, y)."""
    lines, places = [list(y) for y in ys], list(xs)
    shared = not places or (not isinstance(places[0], list | tuple) and not hasattr(places[0], "__len__"))
    names = list(keys) if keys is not None else [f"line_{number}" for number in range(len(lines))]
    rows = [
        (x, name, y)
        for number, (name, values) in enumerate(zip(names, lines, strict=True))
        for x, y in zip(places if shared else places[number], values, strict=False)
    ]
    return Plot([xname, "lineKey", "lineVal"], rows)


def confusion_matrix(
    probs: Sequence[Sequence[float]] | None = None,
    y_true: Sequence[Any] | None = None,
    preds: Sequence[Any] | None = None,
    class_names: Sequence[str] | None = None,
    title: str = "Confusion Matrix Curve",
    split_table: bool = False,
) -> Plot:
    """How often each class was taken for each. Raises: InvalidError (no truth, or not one of predictions and probs)."""
    if y_true is None or (probs is None) == (preds is None):
        raise InvalidError("a confusion matrix needs y_true and one of preds and probs")
    said = [int(max(range(len(row)), key=row.__getitem__)) for row in probs] if probs is not None else list(preds or ())
    pairs = Counter((str(truth), str(guess)) for truth, guess in zip(y_true, said, strict=True))
    if class_names is not None:
        pairs = Counter({(class_names[int(a)], class_names[int(b)]): n for (a, b), n in pairs.items()})
    names = list(class_names) if class_names is not None else sorted({name for pair in pairs for name in pair})
    return Plot(["Actual", "Predicted", "nPredictions"], [(a, b, pairs[a, b]) for a in names for b in names])


def _ranked(
    y_true: Sequence[Any], y_probas: Sequence[Sequence[float]], index: int, label: Any
) -> list[tuple[float, bool]]:
    pairs = [(float(row[index]), truth == label) for truth, row in zip(y_true, y_probas, strict=True)]
    return sorted(pairs, key=lambda pair: -pair[0])


def _labels(
    y_true: Sequence[Any], labels: Sequence[str] | None, wanted: Sequence[Any] | None
) -> list[tuple[int, Any, str]]:
    """(column of the probabilities, class, its name) of the classes to show."""
    classes = sorted(set(y_true))
    named = [(i, c, str(labels[i]) if labels is not None else str(c)) for i, c in enumerate(classes)]
    return [one for one in named if wanted is None or one[1] in wanted]


def roc_curve(
    y_true: Sequence[Any],
    y_probas: Sequence[Sequence[float]],
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    title: str = "ROC Curve",
    split_table: bool = False,
) -> Plot:
    """Rows of (class, false positive rate, true positive rate) for each class against the rest."""
    rows: list[tuple[str, float, float]] = []
    for index, label, name in _labels(list(y_true), labels, classes_to_plot):
        ranked = _ranked(list(y_true), list(y_probas), index, label)
        positives = sum(hit for _, hit in ranked) or 1
        negatives = len(ranked) - sum(hit for _, hit in ranked) or 1
        rows += [(name, false / negatives, true / positives) for true, false in _steps(ranked)]
    return Plot(["class", "fpr", "tpr"], rows)


def pr_curve(
    y_true: Sequence[Any],
    y_probas: Sequence[Sequence[float]],
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[Any] | None = None,
    interp_size: int = 21,
    title: str = "Precision-Recall Curve",
    split_table: bool = False,
) -> Plot:
    """Rows of (class, recall, precision) for each class against the rest, at every threshold."""
    rows: list[tuple[str, float, float]] = []
    for index, label, name in _labels(list(y_true), labels, classes_to_plot):
        ranked = _ranked(list(y_true), list(y_probas), index, label)
        positives = sum(hit for _, hit in ranked) or 1
        rows += [
            (name, true / positives, true / (true + false) if true + false else 1.0) for true, false in _steps(ranked)
        ]
    return Plot(["class", "recall", "precision"], rows)


def _steps(ranked: list[tuple[float, bool]]) -> list[tuple[int, int]]:
    """(true positives, false positives) above each threshold, from none on; equal probabilities are one step."""
    found, true, false = [(0, 0)], 0, 0
    for position, (probability, hit) in enumerate(ranked):
        true, false = true + hit, false + (not hit)
        if position + 1 == len(ranked) or ranked[position + 1][0] != probability:
            found.append((true, false))
    return found
