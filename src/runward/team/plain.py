"""Values of any kind as plain JSON data, as shared pages keep them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runward.config.serialise import describe
from runward.execution.model import Results


def to_data(value: Any) -> Any:
    """The value as JSON-able data for people to read: NaN and ±inf become text, objects a short description."""
    if isinstance(value, Results):
        return to_data(summary_of(value))
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): to_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [to_data(item) for item in items]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value) if isinstance(value, str) else describe(value)


def summary_of(results: Results) -> dict[str, Any]:
    """What a team wants to know of results: experiment, performance, configuration, time, runs."""
    return {
        "experiment_id": results.experiment_id,
        "experiment": results.name,
        "status": str(results.status),
        "performance": dict(results.metrics),
        "configuration": results.config,
        "timestamp": results.timestamp,
        "runs": [task.run_id for task in results.tasks.values() if task.run_id],
    }
