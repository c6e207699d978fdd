"""``runward.slices``: how a model does for each group, with intervals, and how far the groups are apart."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from runward.core.intervals import newcombe, wilson
from runward.errors import InvalidError, NotFoundError
from runward.governance.names import check_name
from runward.tracking.client import ActiveRun, active_run
from runward.tracking.slices_model import FOLDER, SLICES_TYPE, Slice, SliceGap, SliceReport, SliceValue, Slicing

_MAX_GROUPS = 200
_RESAMPLES = 1000
_MAX_DRAWS = 3_000_000
"""So many values are drawn at most for one interval; a large group is drawn less often, and needs it less."""
_MISSING = "(missing)"

Metric = Callable[[list[Any], list[Any]], float]
"""(true values, predictions) of a group -> a number."""


class _Share(NamedTuple):
    hits: int
    n: int


class _Measure(NamedTuple):
    """How one metric is computed: as a proportion, or as a number of a list of values."""

    share: Callable[[Any, Any], bool | None] | None
    """Whether an example counts as a hit; None where it does not count at all."""
    number: Metric | None = None


def slices(
    y_true: Iterable[Any],
    y_pred: Iterable[Any],
    groups: Mapping[str, Iterable[Any]],
    *,
    name: str = "slices",
    metrics: Sequence[str] | Mapping[str, Metric] = (),
    task: Literal["", "classification", "regression"] = "",
    positive: Any = None,
    min_group: int = 30,
    seed: int = 0,
    log: bool = True,
) -> SliceReport:
    """Compute metrics for each group, each with its n and a 95 % interval, and the gaps between groups.

    Proportions (accuracy and the rates) have Wilson's interval (J. Am. Stat. Assoc. 22, 1927) and their differences
    Newcombe's (Statistics in Medicine 17, 1998, method 10). Everything else has the percentile interval of a bootstrap
    within the groups (B. Efron, Ann. Statist. 7, 1979; Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    chapter 13). A gap is the largest difference among the groups that are not small; since it is chosen as the largest,
    its interval is a little too narrow. The gap of ``selection_rate`` is called demographic parity difference, that of
    ``true_positive_rate`` equal opportunity difference (M. Hardt, E. Price, N. Srebro, NeurIPS 2016).

    With a run that is active (and ``log``), the metrics ``slices/<attribute>/<group>/<metric>`` and
    ``gaps/<attribute>/<metric>`` are logged, and the whole report is attached as ``slices/<name>.json``, which model
    cards and run pages show.

    Args:
        y_true: True labels or values.
        y_pred: Predicted labels or values, one for each.
        groups: Group of each example, by attribute: ``{"sex": […], "age": […]}``. None and NaN are a group of their own.
        name: What the report is called.
        metrics: For classification of ``accuracy``, ``error_rate``, ``selection_rate``, ``true_positive_rate``,
            ``false_positive_rate``, ``precision``; for regression of ``mae``, ``rmse``, ``bias``; or functions by name. By
            default those that fit the task.
        task: By default regression where every true value is a float that is not whole, classification otherwise.
        positive: The label that the rates count as positive; by default the greater of two labels.
        min_group: Smaller groups are marked and left out of the gaps.
        seed: Of the bootstrap.
        log: Whether the active run gets the result.

    Raises:
        InvalidError: Lengths differ, nothing is there, a metric is not known, an attribute has more than 200 groups.
    """
    truth, guess = _listed(y_true), _listed(y_pred)
    labels = {check_name(by, "an attribute's name"): [_label(one) for one in _listed(of)] for by, of in groups.items()}
    _check(truth, guess, labels)
    regression = (task or _task_of(truth)) == "regression"
    one = None if regression else _positive(truth, guess, positive)
    measures = _measures(metrics, regression, one)
    draw = _Bootstrap(seed)
    report = SliceReport(
        name=check_name(name, "the report's name"),
        n=len(truth),
        min_group=min_group,
        positive="" if one is None else str(one),
        resamples=_RESAMPLES if any(measure.number for measure in measures.values()) else 0,
        overall=_values(measures, truth, guess, draw),
        slicings=[_slicing(by, of, truth, guess, measures, min_group, draw) for by, of in labels.items()],
    )
    if log:
        _log(report)
    return report


def _listed(values: Iterable[Any]) -> list[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _label(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _MISSING
    return " ".join(str(value).split())[:100] or _MISSING


def _check(truth: list[Any], guess: list[Any], labels: Mapping[str, list[str]]) -> None:
    if not truth:
        raise InvalidError("y_true is empty", hint="give at least one example")
    for what, values in (("y_pred", guess), *((f"groups[{by!r}]", of) for by, of in labels.items())):
        if len(values) != len(truth):
            raise InvalidError(f"{what} has {len(values):,} values, y_true has {len(truth):,}")
    for by, of in labels.items():
        if (found := len(set(of))) > _MAX_GROUPS:
            raise InvalidError(
                f"groups[{by!r}] has {found:,} groups, at most {_MAX_GROUPS} are compared",
                hint="put values into bands first, such as ages into decades",
            )


def _task_of(truth: list[Any]) -> str:
    """Floats that are not all whole are values; anything else is labels."""
    values = [value for value in truth if isinstance(value, float)]
    whole = all(math.isfinite(value) and value.is_integer() for value in values)
    return "regression" if len(values) == len(truth) and not whole else "classification"


def _positive(truth: list[Any], guess: list[Any], positive: Any) -> Any:
    """The label that the rates count; None where there are more than two and nobody said which."""
    if positive is not None:
        return positive
    labels = list(dict.fromkeys([*truth, *guess]))
    try:
        return max(labels) if len(labels) == 2 else None
    except TypeError:
        return None


def _measures(metrics: Sequence[str] | Mapping[str, Metric], regression: bool, one: Any) -> dict[str, _Measure]:
    if isinstance(metrics, Mapping):
        return {check_name(key, "a metric's name"): _Measure(None, function) for key, function in metrics.items()}
    known = _NUMBERS if regression else _shares(one)
    usual = list(known) if regression else [key for key in known if key not in ("error_rate", "precision")]
    for key in metrics:
        if key not in known:
            raise InvalidError(
                f"metric {key!r} cannot be computed here",
                hint=f"one of: {', '.join(known)}; rates need two labels, or positive=…; or give a function by name",
            )
    return {key: known[key] for key in metrics or usual}


def _shares(one: Any) -> dict[str, _Measure]:
    found = {"accuracy": _Measure(lambda t, p: bool(t == p)), "error_rate": _Measure(lambda t, p: bool(t != p))}
    if one is None:
        return found
    return {
        **found,
        "selection_rate": _Measure(lambda t, p: bool(p == one)),
        "true_positive_rate": _Measure(lambda t, p: bool(p == one) if t == one else None),
        "false_positive_rate": _Measure(lambda t, p: bool(p == one) if t != one else None),
        "precision": _Measure(lambda t, p: bool(t == one) if p == one else None),
    }


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


_NUMBERS: dict[str, _Measure] = {
    "mae": _Measure(None, lambda t, p: _mean([abs(a - b) for a, b in zip(t, p, strict=True)])),
    "rmse": _Measure(None, lambda t, p: math.sqrt(_mean([(a - b) ** 2 for a, b in zip(t, p, strict=True)]))),
    "bias": _Measure(None, lambda t, p: _mean([b - a for a, b in zip(t, p, strict=True)])),
}


class _Bootstrap:
    """Draws groups again with replacement; the same seed draws the same."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def of(self, metric: Metric, truth: list[Any], guess: list[Any]) -> list[float]:
        """The metric of each draw; those without a finite value are left out."""
        chance, places = random.Random(self._seed), range(len(truth))
        times = max(100, min(_RESAMPLES, _MAX_DRAWS // max(len(truth), 1)))
        drawn = (chance.choices(places, k=len(truth)) for _ in range(times))
        found = (_finite(metric, [truth[i] for i in which], [guess[i] for i in which]) for which in drawn)
        return [value for value in found if value is not None]


def _finite(metric: Metric, truth: list[Any], guess: list[Any]) -> float | None:
    """A metric's value; None where it has none for these examples."""
    try:
        value = float(metric(truth, guess))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _percentiles(values: list[float]) -> tuple[float | None, float | None]:
    if len(values) < 50:
        return None, None
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[round(0.025 * last)], ordered[round(0.975 * last)]


def _share(measure: _Measure, truth: list[Any], guess: list[Any]) -> _Share:
    assert measure.share is not None
    counted = [hit for t, p in zip(truth, guess, strict=True) if (hit := measure.share(t, p)) is not None]
    return _Share(sum(counted), len(counted))


def _values(measures: Mapping[str, _Measure], truth: list[Any], guess: list[Any], draw: _Bootstrap) -> list[SliceValue]:
    return [_value(name, measure, truth, guess, draw) for name, measure in measures.items()]


def _value(name: str, measure: _Measure, truth: list[Any], guess: list[Any], draw: _Bootstrap) -> SliceValue:
    if measure.number is None:
        hits, n = _share(measure, truth, guess)
        low, high = wilson(hits, n)
        return SliceValue(metric=name, value=hits / n if n else None, low=low, high=high, n=n)
    value = _finite(measure.number, truth, guess) if truth else None
    low, high = (None, None) if value is None else _percentiles(draw.of(measure.number, truth, guess))
    return SliceValue(metric=name, value=value, low=low, high=high, n=len(truth))


def _slicing(
    by: str,
    labels: list[str],
    truth: list[Any],
    guess: list[Any],
    measures: Mapping[str, _Measure],
    min_group: int,
    draw: _Bootstrap,
) -> Slicing:
    parts: dict[str, tuple[list[Any], list[Any]]] = {}
    for label, t, p in zip(labels, truth, guess, strict=True):
        part = parts.setdefault(label, ([], []))
        part[0].append(t)
        part[1].append(p)
    found = [
        Slice(group=label, n=len(part[0]), small=len(part[0]) < min_group, values=_values(measures, *part, draw))
        for label, part in sorted(parts.items())
    ]
    return Slicing(
        by=by, groups=found, gaps=[_gap(name, measure, found, parts, draw) for name, measure in measures.items()]
    )


def _gap(
    name: str,
    measure: _Measure,
    found: list[Slice],
    parts: Mapping[str, tuple[list[Any], list[Any]]],
    draw: _Bootstrap,
) -> SliceGap:
    values = {
        one.group: value.value
        for one in found
        for value in one.values
        if not one.small and value.metric == name and value.value is not None
    }
    if len(values) < 2:
        return SliceGap(metric=name, gap=None, low=None, high=None, ratio=None, highest="", lowest="")
    highest = max(values, key=lambda group: values[group])
    lowest = min((group for group in values if group != highest), key=lambda group: values[group])
    top, bottom = values[highest], values[lowest]
    low, high = _difference(measure, parts[highest], parts[lowest], draw)
    ratio = bottom / top if top > 0 and bottom >= 0 else None
    return SliceGap(metric=name, gap=top - bottom, low=low, high=high, ratio=ratio, highest=highest, lowest=lowest)


def _difference(
    measure: _Measure, top: tuple[list[Any], list[Any]], bottom: tuple[list[Any], list[Any]], draw: _Bootstrap
) -> tuple[float | None, float | None]:
    if measure.number is None:
        return newcombe(*_share(measure, *top), *_share(measure, *bottom))
    # Two groups of one size must not be drawn alike.
    other = _Bootstrap(draw._seed + 1)
    pairs = zip(draw.of(measure.number, *top), other.of(measure.number, *bottom), strict=False)
    return _percentiles([one - two for one, two in pairs])


def _log(report: SliceReport) -> None:
    run = _run()
    if run is None:
        return
    metrics = {
        f"slices/{slicing.by}/{one.group}/{value.metric}": value.value
        for slicing in report.slicings
        for one in slicing.groups
        for value in one.values
    }
    metrics |= {f"gaps/{slicing.by}/{gap.metric}": gap.gap for slicing in report.slicings for gap in slicing.gaps}
    run.log_metrics({key: value for key, value in metrics.items() if value is not None})
    run.log_bytes(msgspec.json.encode(report), f"{FOLDER}/{report.name}.json", SLICES_TYPE)


def _run() -> ActiveRun | None:
    try:
        return active_run()
    except NotFoundError:
        return None
