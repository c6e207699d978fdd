"""MLflow's metrics and params: single ones and batches."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator
from typing import Any

from runward.errors import NotFoundError
from runward.interop.mlflow.args import MAX_VALUE, Args, as_integer, as_number, check_key
from runward.interop.mlflow.caller import Caller
from runward.interop.mlflow.errors import invalid, invalid_value, missing_value
from runward.interop.mlflow.logged import note_metrics
from runward.interop.mlflow.runs import NAME_TAG, as_text, checked_tags, number
from runward.tracking.api import Tracking
from runward.tracking.foreign import params_of
from runward.tracking.model import Points, RunPatch
from runward.tracking.points import Columns, pack_columns

Json = dict[str, Any]
_MOST_RUNS, _MOST_OF_A_RUN = 100, 2500


def _metric(item: Args, path: str) -> tuple[str, int, float, float]:
    """(key, step, time in seconds, value) of a metric. Raises: MlflowError."""
    at = f"{path}." if path else ""
    for name in ("key", "value", "timestamp"):
        if not item.has(name):
            raise missing_value(f"{at}{name}")
    key = check_key(item.text("key"), f"{at}name", "Metric name")
    timestamp = as_integer(f"{at}timestamp", item.values["timestamp"])
    value = as_number(f"{at}value", item.values["value"], timestamp)
    if timestamp < 0:
        hint = f"metric '{key}' (value={value}). Timestamp must be a nonnegative long (64-bit integer) "
        raise invalid_value(f"{at}timestamp", timestamp, hint)
    step = as_integer(f"{at}step", item.values["step"]) if item.has("step") else 0
    return key, step, timestamp / 1000, value


def _columns(metrics: list[tuple[str, int, float, float]]) -> list[Points]:
    found: dict[str, Columns] = {}
    for key, step, at, value in metrics:
        columns = found.setdefault(key, Columns(array("q"), array("d"), array("d")))
        columns.steps.append(step)
        columns.times.append(at)
        columns.values.append(value)
    return [pack_columns(key, columns) for key, columns in found.items()]


def log_metric(caller: Caller) -> Json:
    """Store one point."""
    run_id = caller.args.need("run_id", "run_uuid")
    metric = _metric(caller.args, "")
    with _active(caller, run_id):
        caller.append(run_id, points=_columns([metric]))
    note_metrics(caller, run_id, [caller.args])
    return {}


@contextlib.contextmanager
def _active(caller: Caller, run_id: str) -> Iterator[None]:
    """Say in MLflow's words why a run cannot be written to."""
    try:
        yield
    except NotFoundError:
        caller.active(run_id)
        raise


def log_param(caller: Caller) -> Json:
    """Store one param; a second value of a key is refused."""
    run_id, key = caller.args.need("run_id", "run_uuid"), caller.args.need("key")
    check_key(key, "key", "Param key")
    _store(caller, run_id, [], {key: caller.args.text("value")[:MAX_VALUE]}, {})
    return {}


def _store(caller: Caller, run_id: str, points: list[Points], params: dict[str, str], tags: dict[str, str]) -> None:
    """Everything of a batch, or nothing."""
    name = tags.pop(NAME_TAG, "")
    with _active(caller, run_id):
        if not params:
            caller.append(run_id, points=points, tags=tags)
        else:
            caller.append_checked(run_id, _refuse_changes, points=points, params=params, tags=tags)
    if name:
        caller.do("tracking.update_run", run_id=run_id, patch=RunPatch(name=name[:250]))


def _refuse_changes(call: Any, run_id: str, params: dict[str, str]) -> dict[str, str]:
    present = {param.key: as_text(param.value) for param in params_of(call, run_id)}
    changed = [
        {"key": key, "old_value": present[key], "new_value": value}
        for key, value in params.items()
        if present.get(key, value) != value
    ]
    if changed and len(params) == 1:
        key, value = next(iter(params.items()))
        raise invalid(
            f"Changing param values is not allowed. Param with key='{key}' was already logged with value="
            f"'{present[key]}' for run ID='{run_id}'. Attempted logging new value '{value}'."
        )
    if changed:
        raise invalid(
            f"Changing param values is not allowed. Params were already logged='{changed}' for run ID='{run_id}'."
        )
    return {key: value for key, value in params.items() if key not in present}


def log_batch(caller: Caller) -> Json:
    """Store metrics, params and tags together."""
    args, run_id = caller.args, caller.args.need("run_id")
    metrics, params, tags = args.objects("metrics"), args.objects("params"), args.objects("tags")
    _check_sizes(len(metrics), len(params), len(tags))
    points = _columns([_metric(item, f"metrics[{i}]") for i, item in enumerate(metrics)])
    checked: dict[str, str] = {}
    doubled = []
    for index, item in enumerate(params):
        if not item.has("key"):
            raise missing_value(f"params[{index}].key")
        key = check_key(item.text("key"), f"params[{index}].key", "Param key")
        value = item.text("value")[:MAX_VALUE]
        if checked.setdefault(key, value) != value or key in [p.text("key") for p in params[:index]]:
            doubled.append(key)
    if doubled:
        raise invalid(
            f"Duplicate parameter keys have been submitted: {doubled}. Please ensure the request contains only one "
            "param value per param key."
        )
    named: dict[str, str] = {}
    for index, item in enumerate(tags):
        if not item.has("key"):
            raise missing_value(f"tags[{index}].key")
        named |= checked_tags({item.text("key"): item.text("value")}, f"tags[{index}].key")
    _store(caller, run_id, points, checked, named)
    note_metrics(caller, run_id, metrics)
    return {}


def _check_sizes(metrics: int, params: int, tags: int) -> None:
    total = metrics + params + tags
    limits = (("metrics", 1000, metrics), ("params", 100, params), ("tags", 100, tags))
    for what, limit, length in (*limits, ("metrics, params, and tags", 1000, total)):
        if length > limit:
            raise invalid(
                f"A batch logging request can contain at most {limit} {what}. Got {length} {what}. Please split up "
                f"{what} across multiple requests and try again."
            )


def _history(caller: Caller, run_id: str, key: str) -> list[Json]:
    caller.place(run_id)
    with caller.on_run(run_id, "run.read") as call:
        series = call.use(Tracking).series(run_id, [key]).series[0]
    return [
        {
            "key": key,
            "value": number(value, series.special.get(index, "")),
            "timestamp": round(series.times[index] * 1000),
            "step": series.steps[index],
        }
        for index, value in enumerate(series.values)
    ]


def history(caller: Caller) -> Json:
    """All points of one metric."""
    args = caller.args
    found = _history(caller, args.need("run_id", "run_uuid"), args.need("metric_key"))
    if not args.has("max_results") and not args.text("page_token"):
        return {"metrics": found}
    size, offset = args.page(25_000, 2**31)
    answer: Json = {"metrics": found[offset : offset + size]}
    if offset + size < len(found):
        answer["next_page_token"] = str(offset + size)
    return answer


def history_bulk(caller: Caller) -> Json:
    """All points of one metric of several runs, for charts."""
    request, run_ids = "GetMetricHistoryBulk request", caller.args.texts("run_id")
    if not run_ids:
        raise invalid(f"{request} must specify at least one run_id.")
    if len(run_ids) > _MOST_RUNS:
        raise invalid(f"{request} cannot specify more than {_MOST_RUNS} run_ids. Received {len(run_ids)} run_ids.")
    if not caller.args.has("metric_key"):
        raise invalid(f"{request} must specify a metric_key.")
    key = caller.args.text("metric_key")
    size = min(max(caller.args.integer("max_results", 25_000), 1), 25_000)
    points = [{**point, "run_id": run_id} for run_id in sorted(run_ids) for point in _history(caller, run_id, key)]
    return {"metrics": points[:size]}


def history_bulk_interval(caller: Caller) -> Json:
    """Points of one metric of several runs, at most so many of each run, its last one among them."""
    args = caller.args
    run_ids = args.texts("run_ids")
    if not run_ids:
        raise missing_value("run_ids")
    if len(run_ids) > _MOST_RUNS:
        raise invalid(
            f"GetMetricHistoryBulkInterval request must specify at most {_MOST_RUNS} run_ids. Received"
            f" {len(run_ids)} run_ids."
        )
    key, size = args.need("metric_key"), args.integer("max_results", _MOST_OF_A_RUN)
    if not 0 < size <= _MOST_OF_A_RUN:
        raise invalid(f"max_results must be between 1 and {_MOST_OF_A_RUN}.")
    steps = _step_range(args)
    points = []
    for run_id in run_ids:
        inside = [point for point in _history(caller, run_id, key) if steps is None or point["step"] in steps]
        points += [{**point, "run_id": run_id} for point in _spread(inside, size)]
    return {"metrics": points}


def _step_range(args: Args) -> range | None:
    if args.has("start_step") != args.has("end_step"):
        raise invalid("If either start step or end step are specified, both must be specified.")
    if not args.has("start_step"):
        return None
    start, end = args.integer("start_step"), args.integer("end_step")
    if start > end:
        raise invalid(f"end_step must be greater than start_step. Found start_step={start} and end_step={end}.")
    return range(start, end + 1)


def _spread(points: list[Json], most: int) -> list[Json]:
    """Not more than so many of the points, evenly, and always the last one."""
    if len(points) <= most:
        return points
    return [points[index * len(points) // most] for index in range(most - 1)] + [points[-1]]
