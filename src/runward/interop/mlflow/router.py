"""Which handler answers which route."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from runward.errors import InvalidError, RunwardError
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.interop.mlflow import (
    artifacts,
    assessments,
    downloads,
    evaldata,
    experiments,
    issues,
    logged,
    models,
    points,
    runs,
    scorers,
    tracequery,
    traces,
)
from runward.interop.mlflow.args import Args
from runward.interop.mlflow.caller import Caller, Journals
from runward.interop.mlflow.errors import MlflowError, translated

VERSION = "3.17.0"
"""The MLflow whose protocol is spoken; clients refuse some features of an older server."""

Handler = Callable[[Caller], Any]

_PLAIN: dict[str, dict[str, Handler]] = {
    "POST": {
        "experiments/create": experiments.create,
        "experiments/search": experiments.search,
        "experiments/search-datasets": experiments.search_datasets,
        "experiments/update": experiments.rename,
        "experiments/delete": experiments.delete,
        "experiments/restore": experiments.restore,
        "experiments/set-experiment-tag": experiments.set_tag,
        "experiments/delete-experiment-tag": experiments.delete_tag,
        "runs/create": runs.create,
        "runs/update": runs.update,
        "runs/delete": runs.delete,
        "runs/restore": runs.restore,
        "runs/search": runs.search,
        "runs/set-tag": runs.set_tag,
        "runs/delete-tag": runs.delete_tag,
        "runs/log-metric": points.log_metric,
        "runs/log-parameter": points.log_param,
        "runs/log-batch": points.log_batch,
        "runs/log-inputs": runs.log_inputs,
        "runs/log-model": runs.log_model,
        "runs/outputs": runs.log_outputs,
        "traces": traces.start,
        "traces/search": tracequery.search,
        "traces/calculate-filter-correlation": tracequery.correlation,
        "traces/link-to-run": tracequery.link_to_run,
        "traces/link-prompts": traces.link_prompts,
        "traces/batchGet": traces.batch_get,
        "traces/batchGetInfos": traces.batch_get_infos,
        "traces/delete-traces": traces.delete,
        "datasets/create": evaldata.create,
        "datasets/search": evaldata.search,
        "scorers/register": scorers.register,
        "issues": issues.create,
        "issues/search": issues.search,
        "logged-models": logged.create,
        "logged-models/search": logged.search,
        "registered-models/create": models.create,
        "registered-models/rename": models.rename,
        "registered-models/get-latest-versions": models.latest,
        "registered-models/set-tag": models.set_tag,
        "registered-models/alias": models.set_alias,
        "model-versions/create": models.create_version,
        "model-versions/transition-stage": models.transition,
        "model-versions/set-tag": models.set_version_tag,
    },
    "PATCH": {
        "registered-models/update": models.update,
        "model-versions/update": models.update_version,
    },
    "DELETE": {
        "registered-models/delete": models.delete,
        "registered-models/delete-tag": models.delete_tag,
        "registered-models/alias": models.delete_alias,
        "scorers/delete": scorers.delete,
        "model-versions/delete": models.delete_version,
        "model-versions/delete-tag": models.delete_version_tag,
    },
    "GET": {
        "experiments/get": experiments.get,
        "experiments/get-by-name": experiments.get_by_name,
        "experiments/search": experiments.search,
        "runs/get": runs.get,
        "metrics/get-history": points.history,
        "metrics/get-history-bulk": points.history_bulk,
        "metrics/get-history-bulk-interval": points.history_bulk_interval,
        "get-trace-artifact": downloads.of_trace,
        "traces": tracequery.search_v2,
        "traces/get": traces.get_whole,
        "traces/batchGet": traces.batch_get,
        "traces/batchGetInfos": traces.batch_get_infos,
        "artifacts/list": artifacts.of_run,
        "registered-models/get": models.get,
        "registered-models/search": models.search,
        "registered-models/get-latest-versions": models.latest,
        "registered-models/alias": models.by_alias,
        "model-versions/get": models.get_version,
        "model-versions/search": models.search_versions,
        "model-versions/get-download-uri": models.download_uri,
        "datasets/search": evaldata.search,
        "scorers/get": scorers.get,
        "scorers/list": scorers.search,
        "scorers/versions": scorers.versions,
        "server-info": lambda caller: {"store_type": "SqlStore", "workspaces_enabled": False},
    },
}
_MODEL = r"logged-models/(?P<model_id>[^/]+)"
_TRACE = r"traces/(?P<trace_id>[^/]+)"
_DATASET = r"datasets/(?P<dataset_id>[^/]+)"
_ISSUE = r"issues/(?P<issue_id>[^/]+)"
_ASSESSMENT = rf"{_TRACE}/assessments/(?P<assessment_id>[^/]+)"
_PATTERNS: list[tuple[str, re.Pattern[str], Handler]] = [
    ("GET", re.compile(_TRACE), traces.get),
    ("PATCH", re.compile(_TRACE), traces.end_v2),
    ("GET", re.compile(rf"{_TRACE}/info"), traces.info_v2),
    ("PATCH", re.compile(rf"{_TRACE}/tags"), traces.set_tag),
    ("DELETE", re.compile(rf"{_TRACE}/tags"), traces.delete_tag),
    ("POST", re.compile(rf"{_TRACE}/assessments"), assessments.create),
    ("GET", re.compile(_ASSESSMENT), assessments.get),
    ("PATCH", re.compile(_ASSESSMENT), assessments.update),
    ("DELETE", re.compile(_ASSESSMENT), assessments.delete),
    ("GET", re.compile(_DATASET), evaldata.get),
    ("DELETE", re.compile(_DATASET), evaldata.delete),
    ("PATCH", re.compile(rf"{_DATASET}/tags"), evaldata.set_tags),
    ("DELETE", re.compile(rf"{_DATASET}/tags/(?P<key>.+)"), evaldata.delete_tag),
    ("GET", re.compile(rf"{_DATASET}/experiment-ids"), evaldata.experiment_ids),
    ("POST", re.compile(rf"{_DATASET}/add-experiments"), evaldata.add_experiments),
    ("POST", re.compile(rf"{_DATASET}/remove-experiments"), evaldata.remove_experiments),
    ("POST", re.compile(rf"{_DATASET}/records"), evaldata.upsert_records),
    ("GET", re.compile(rf"{_DATASET}/records"), evaldata.records),
    ("DELETE", re.compile(rf"{_DATASET}/records"), evaldata.delete_records),
    ("GET", re.compile(_ISSUE), issues.get),
    ("PATCH", re.compile(_ISSUE), issues.update),
    ("GET", re.compile(_MODEL), logged.get),
    ("PATCH", re.compile(_MODEL), logged.finalize),
    ("DELETE", re.compile(_MODEL), logged.delete),
    ("PATCH", re.compile(rf"{_MODEL}/tags"), logged.set_tags),
    ("DELETE", re.compile(rf"{_MODEL}/tags/(?P<key>.+)"), logged.delete_tag),
    ("POST", re.compile(rf"{_MODEL}/params"), logged.log_params),
    ("GET", re.compile(rf"{_MODEL}/artifacts/directories"), logged.directories),
    ("GET", re.compile(rf"{_MODEL}/artifacts/files"), downloads.of_logged_model),
]


class Found(NamedTuple):
    """A handler with what the path says."""

    handler: Handler
    path_values: dict[str, str]


def find(method: str, path: str) -> Found | None:
    """The handler of a path below ``/api/2.0/mlflow/`` (or ``/ajax-api/…``)."""
    path = path.strip("/")
    handler = _PLAIN.get(method, {}).get(path)
    if handler is not None:
        return Found(handler, {})
    for wanted, pattern, one in _PATTERNS:
        match = pattern.fullmatch(path) if wanted == method else None
        if match is not None:
            return Found(one, match.groupdict())
    return None


def endpoints() -> list[str]:
    """Every route that is answered, for the documentation's test."""
    plain = [f"{method} {path}" for method, paths in _PLAIN.items() for path in paths]
    return plain + [f"{method} {pattern.pattern}" for method, pattern, _ in _PATTERNS]


def answer(
    dispatcher: Dispatcher, journals: Journals, actor: Actor, method: str, path: str, values: Mapping[str, Any]
) -> Any:
    """Answer a request with a JSON value or an :class:`Attachment`. Raises: MlflowError, whatever went wrong on purpose."""
    found = find(method, path)
    if found is None:
        raise MlflowError("ENDPOINT_NOT_FOUND", f"API not found for {method} {path[:200]}")
    caller = Caller(dispatcher, actor, Args({**values, **found.path_values}), journals)
    try:
        return found.handler(caller)
    except RunwardError as error:
        raise translated(error) from error
    except RecursionError:
        raise translated(InvalidError("the request is nested too deeply")) from None
