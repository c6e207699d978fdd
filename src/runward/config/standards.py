"""A team's standards: defaults, required metrics, thresholds with a direction, a naming rule."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from runward.config.targets import did_you_mean
from runward.errors import InvalidError

HIGHER_IS_BETTER = frozenset(
    [
        "accuracy",
        "acc",
        "precision",
        "recall",
        "f1",
        "auc",
        "auroc",
        "auprc",
        "r2",
        "bleu",
        "rouge",
        "ndcg",
        "map",
        "throughput",
        "sensitivity",
        "specificity",
    ]
)
"""Last words of metric names whose bare threshold means "at least" (``val_accuracy``, ``macro_f1``)."""
LOWER_IS_BETTER = frozenset(
    ["loss", "error", "latency", "time", "duration", "rmse", "mae", "mse", "perplexity", "wer", "cer", "nll"]
)
"""Last words of metric names whose bare threshold means "at most" (``training_time``, ``val_loss``)."""

_WRITTEN = re.compile(r"^\s*(>=|<=|>|<)\s*(\S+)\s*$")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit on a metric: ``Threshold("accuracy", ">=", 0.95)``. The value has the metric's own unit."""

    metric: str
    op: str
    value: float

    def passes(self, measured: float | None) -> bool:
        """Whether the measured value meets the limit; a missing metric and NaN never do."""
        if measured is None or math.isnan(measured):
            return False
        if self.op == ">=":
            return measured >= self.value
        if self.op == "<=":
            return measured <= self.value
        return measured > self.value if self.op == ">" else measured < self.value

    def __str__(self) -> str:
        return f"{self.metric} {self.op} {self.value:g}"


@dataclass
class TeamConfig:
    """What a team agrees on for its experiments.

    Attributes:
        team_name: The team.
        project_name: Its project.
        default_hyperparameters: Used where neither the run, the user nor the project says otherwise.
        required_metrics: Metrics every run must report.
        performance_thresholds: Limits per metric: ``">=0.95"``, ``{"min": 0.95}``, or ``0.95``
            where the metric's name says the direction.
        review_required: Whether a result needs a review before it is shared.
        documentation_required: Whether an experiment needs documentation.
        sharing_enabled: Whether results go to the team's repository.
        naming: A regular expression that experiment and task names must match as a whole.

    Raises:
        InvalidError: A field has a wrong type, a threshold no clear direction, or ``naming`` is wrong.
    """

    team_name: str
    project_name: str
    default_hyperparameters: dict[str, Any]
    required_metrics: list[str]
    performance_thresholds: dict[str, Any] = field(default_factory=dict)
    review_required: bool = True
    documentation_required: bool = True
    sharing_enabled: bool = True
    naming: str | None = None

    def __post_init__(self) -> None:
        for name in ("team_name", "project_name"):
            _require(isinstance(getattr(self, name), str) and getattr(self, name).strip(), self, name, "text")
        for name in ("default_hyperparameters", "performance_thresholds"):
            _require(isinstance(getattr(self, name), Mapping), self, name, "a mapping with text keys")
        metrics = self.required_metrics
        listed = isinstance(metrics, list | tuple) and all(isinstance(m, str) and m for m in metrics)
        _require(listed, self, "required_metrics", "a list of metric names")
        for name in ("review_required", "documentation_required", "sharing_enabled"):
            _require(isinstance(getattr(self, name), bool), self, name, "true or false")
        _check_naming(self.naming)
        thresholds(self)

    @classmethod
    def from_object(cls, obj: Any) -> TeamConfig:
        """A TeamConfig of any object or mapping with these fields, such as a team's own dataclass.

        Raises:
            InvalidError: A required field is missing or a value is wrong.
        """
        if isinstance(obj, cls):
            return obj
        have: Mapping[str, Any] = obj if isinstance(obj, Mapping) else _attributes(obj)
        for item in fields(cls):
            optional = item.default is not MISSING or item.default_factory is not MISSING
            if item.name not in have and not optional:
                raise InvalidError(f"the team configuration has no {item.name!r}", hint=did_you_mean(item.name, have))
        return cls(**{item.name: have[item.name] for item in fields(cls) if item.name in have})


def _attributes(obj: Any) -> dict[str, Any]:
    return {item.name: getattr(obj, item.name) for item in fields(TeamConfig) if hasattr(obj, item.name)}


def _require(good: object, config: TeamConfig, name: str, kind: str) -> None:
    if not good:
        raise InvalidError(f"TeamConfig.{name} must be {kind}, got {getattr(config, name)!r:.80}")


def _check_naming(pattern: str | None) -> None:
    if pattern is None:
        return
    try:
        re.compile(pattern)
    except (re.error, TypeError) as error:
        raise InvalidError(f"TeamConfig.naming {pattern!r} is not a regular expression: {error}") from None


def thresholds(config: Any) -> list[Threshold]:
    """The thresholds of a team configuration (ours or any object with ``performance_thresholds``).

    Raises:
        InvalidError: A threshold's direction is not clear, or its value is not a finite number.
    """
    declared = getattr(config, "performance_thresholds", None) or {}
    return [limit for metric, value in declared.items() for limit in read_thresholds(str(metric), value)]


def read_thresholds(metric: str, value: Any) -> list[Threshold]:
    """The limits that one metric's value says: ``">=0.9"``, ``{"min": 0.9}``, or ``0.9`` where the name says the way.

    Raises:
        InvalidError: As :func:`thresholds`.
    """
    if isinstance(value, Threshold):
        return [value]
    if isinstance(value, str):
        written = _WRITTEN.match(value)
        if written is None:
            raise _unclear(metric, value)
        return [Threshold(metric, written[1], _number(metric, written[2]))]
    if isinstance(value, Mapping):
        return _from_bounds(metric, value)
    return [Threshold(metric, _direction(metric, value), _number(metric, value))]


def _from_bounds(metric: str, bounds: Mapping[str, Any]) -> list[Threshold]:
    if not bounds or set(bounds) - {"min", "max"}:
        raise _unclear(metric, dict(bounds))
    ops = {"min": ">=", "max": "<="}
    return [Threshold(metric, ops[bound], _number(metric, limit)) for bound, limit in bounds.items()]


def better_value(metric: str) -> Literal["higher", "lower", ""]:
    """Which values of a metric are better, by the last word of its name; empty where that does not say."""
    last = re.split(r"[\W_]+", metric.lower().strip("_"))[-1]
    if last in HIGHER_IS_BETTER:
        return "higher"
    return "lower" if last in LOWER_IS_BETTER else ""


def _direction(metric: str, value: Any) -> str:
    better = better_value(metric)
    if not better:
        raise _unclear(metric, value)
    return ">=" if better == "higher" else "<="


def _number(metric: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InvalidError(f"the threshold of {metric!r} must be a finite number, got {value!r}")
    return number


def _unclear(metric: str, value: Any) -> InvalidError:
    return InvalidError(
        f"the threshold of {metric!r} is {value!r}, which does not say in which direction",
        hint=f'write "{metric}": ">=0.9", "<=0.9", {{"min": 0.9}} or {{"max": 0.9}}',
    )
