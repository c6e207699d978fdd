"""An MLflow server, by its REST protocol and the standard library."""

from __future__ import annotations

import base64
import functools
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from runward.errors import ForbiddenError, InvalidError, RunwardError, StoreError
from runward.interop.imports.mlflow import foreign_run
from runward.interop.imports.model import Broken, Distant, File, Foreign, Head, version_of
from runward.tracking.capture.redact import redact_url

API = "/api/2.0/mlflow/"
_PAGE = 1000
_TIMEOUT_S = 60


class MlflowClient:
    """Requests to an MLflow server. Signs in by ``MLFLOW_TRACKING_TOKEN`` or the user and password of its URL."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidError(
                f"{redact_url(url)!r} is no URL of an MLflow server", hint="write it like http://host:5000"
            )
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        self.url = f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
        self._headers = {"Accept": "application/json"}
        user = parts.username or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        password = parts.password or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        if token := os.environ.get("MLFLOW_TRACKING_TOKEN", ""):
            self._headers["Authorization"] = f"Bearer {token}"
        elif user:
            pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def open(self, path: str, body: Any = None, data: bytes | None = None, method: str | None = None) -> Any:
        """Send a request and return the open response. Raises: StoreError, ForbiddenError, InvalidError."""
        headers = dict(self._headers)
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(300).decode("utf-8", "replace")
            kind = ForbiddenError if error.code in (401, 403) else StoreError if error.code >= 500 else InvalidError
            hint = "set MLFLOW_TRACKING_TOKEN, or put user and password into the URL" if kind is ForbiddenError else ""
            raise kind(f"{self.url}{path.partition('?')[0]} answered {error.code}: {said}", hint=hint) from None
        except OSError as error:
            raise StoreError(f"{self.url} does not answer: {error}", hint="check that the server runs") from None

    def call(self, path: str, /, body: Any = None, **query: Any) -> dict[str, Any]:
        """A call of MLflow's API: POST with a body, else GET. Raises: as :meth:`open`."""
        given = {key: value for key, value in query.items() if value not in (None, "")}
        full = f"{API}{path}" + (f"?{urllib.parse.urlencode(given)}" if given else "")
        with self.open(full, body) as response:
            try:
                found = json.loads(response.read() or b"{}")
            except ValueError:
                raise InvalidError(f"{self.url}{API}{path} answered no JSON", hint="is it an MLflow server?") from None
        return dict(found)

    def pages(self, path: str, item: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """All items of a search, page by page."""
        token = ""
        while True:
            answer = self.call(path, {**body, "page_token": token} if token else body)
            yield from answer.get(item, [])
            token = answer.get("next_page_token", "")
            if not token:
                return


class MlflowServer:
    """The runs of an MLflow server."""

    tool = "mlflow"

    def __init__(self, url: str) -> None:
        self._client = MlflowClient(url)
        self.where, self.lost = self._client.url, Counter[str]()
        self._runs: dict[str, dict[str, Any]] = {}

    def heads(self) -> Iterator[Head | Broken]:
        """See :class:`Source`."""
        for experiment in self._client.pages("experiments/search", "experiments", {"max_results": _PAGE}):
            asked = {"experiment_ids": [experiment["experiment_id"]], "max_results": _PAGE}
            for run in self._client.pages("runs/search", "runs", asked):
                run_id = str(run["info"]["run_id"])
                self._runs[run_id] = run
                yield Head(run_id, run_id, str(experiment["name"]), version_of(run["info"], run.get("data")))

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """See :class:`Source`."""
        for head in heads:
            try:
                yield self._run(head)
            except RunwardError as error:
                if error.retryable:
                    raise
                yield Broken(head, error.message)

    def _run(self, head: Head) -> Foreign:
        run = self._runs.pop(head.id)
        info, data = run["info"], run.get("data", {})
        params = {pair["key"]: str(pair.get("value", "")) for pair in data.get("params", [])}
        tags = {pair["key"]: str(pair.get("value", "")) for pair in data.get("tags", [])}
        if count := len(run.get("inputs", {}).get("dataset_inputs", [])):
            self.lost["inputs of runs (data sets, models)"] += count
        facts = {**info, "name": info.get("run_name")}
        found = foreign_run(head, facts, params, tags, list(self._artifacts(head.id, "")))
        for metric in data.get("metrics", []):
            self._add_points(found, str(metric["key"]))
        return found

    def _add_points(self, run: Foreign, key: str) -> None:
        token = ""
        while True:
            query = {"run_id": run.head.id, "metric_key": key, "max_results": 25_000, "page_token": token}
            answer = self._client.call("metrics/get-history", **query)
            for point in answer.get("metrics", []):
                at, value = int(point.get("timestamp", 0)), float(point.get("value", 0.0))
                run.add(key, int(point.get("step", 0)), at / 1000, value)
            token = answer.get("next_page_token", "")
            if not token:
                return

    def _artifacts(self, run_id: str, below: str) -> Iterator[File]:
        for item in self._client.call("artifacts/list", run_id=run_id, path=below).get("files", []):
            path = str(item["path"])
            if item.get("is_dir"):
                yield from self._artifacts(run_id, path)
            else:
                yield File(
                    path, Distant(int(item.get("file_size") or 0), functools.partial(self._download, run_id, path))
                )

    def _download(self, run_id: str, path: str) -> Iterator[bytes]:
        query = urllib.parse.urlencode({"run_uuid": run_id, "path": path})
        with self._client.open(f"/get-artifact?{query}") as response:
            while chunk := response.read(1 << 20):
                yield chunk
