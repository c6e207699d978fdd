"""Runs into an MLflow server, by its REST protocol and the standard library."""

from __future__ import annotations

import math
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from typing import Any

from runward.errors import InvalidError
from runward.interop.exports.mlflow import as_mlflow, usable_keys
from runward.interop.exports.model import Whole
from runward.interop.imports.mlflow_rest import MlflowClient
from runward.tracking.points import Columns

_METRICS, _PARAMS, _TAGS = 1000, 100, 100
"""What one log-batch may hold."""
_ID_TAG = "runward.exported"
"""Where a server's run says which run it is: MLflow's protocol gives new runs an id of its own."""


class MlflowServerWriter:
    """Writes to an MLflow server. Its runs have new ids; the tag ``runward.exported`` has the old one."""

    format = "mlflow"

    def __init__(self, url: str) -> None:
        self._client = MlflowClient(url)
        self.target, self.lost = self._client.url, Counter[str]()
        self._experiments: dict[str, str] = {}

    def write(self, whole: Whole) -> bool:
        """See :class:`Writer`."""
        run = as_mlflow(whole, self.lost)
        experiment = self._experiment(run.experiment)
        asked = {"experiment_ids": [experiment], "filter": f"tags.`{_ID_TAG}` = '{run.id}'", "max_results": 100}
        for there in self._client.call("runs/search", asked).get("runs", []):
            if there["info"]["status"] == run.status:
                return False
            # An export that broke off left half a run: its end was to be written last.
            self._client.call("runs/delete", {"run_id": there["info"]["run_id"]})
        body = {"experiment_id": experiment, "run_name": run.name, "user_id": run.user, "start_time": run.start}
        info = self._client.call("runs/create", body)["run"]["info"]
        run_id = str(info["run_id"])
        tags = {**run.tags, _ID_TAG: run.id}
        for part in _parts(list(run.params.items()), _PARAMS):
            self._log(run_id, params=[{"key": key, "value": value} for key, value in part])
        for part in _parts(list(tags.items()), _TAGS):
            self._log(run_id, tags=[{"key": key, "value": value} for key, value in part])
        names = usable_keys(whole.keys)
        for key, columns in whole.series():
            for part in _parts(_points(names[key], columns), _METRICS):
                self._log(run_id, metrics=part)
        self._send_artifacts(whole, str(info["artifact_uri"]))
        end = {"run_id": run_id, "status": run.status, **({"end_time": run.end} if run.end else {})}
        self._client.call("runs/update", end)
        return True

    def _log(self, run_id: str, **content: Any) -> None:
        self._client.call("runs/log-batch", {"run_id": run_id, **content})

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            try:
                found = self._client.call("experiments/get-by-name", experiment_name=name)["experiment"]
            except InvalidError:
                found = self._client.call("experiments/create", {"name": name})
            self._experiments[name] = str(found["experiment_id"])
        return self._experiments[name]

    def _send_artifacts(self, whole: Whole, uri: str) -> None:
        parts = urllib.parse.urlsplit(uri)
        if whole.detail.artifacts and parts.scheme != "mlflow-artifacts":
            self.lost[f"artifacts for {parts.scheme or 'file'}: (the server does not serve them)"] += 1
            return
        for artifact in whole.detail.artifacts:
            path = urllib.parse.quote(f"{parts.path.strip('/')}/{artifact.path}")
            data = b"".join(whole.content(artifact))
            with self._client.open(f"/api/2.0/mlflow-artifacts/artifacts/{path}", data=data, method="PUT") as answer:
                answer.read()

    def close(self) -> None:
        """See :class:`Writer`."""


def _parts(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _points(key: str, columns: Columns) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": _number(value), "timestamp": round(at * 1000), "step": step}
        for step, at, value in zip(*columns, strict=True)
    ]


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[repr(value)]
