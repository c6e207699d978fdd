"""``wandb.Api``: runs that are stored, read back."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runward import face
from runward.shims.wandb import artifact as artifacts
from runward.shims.wandb.artifact import Artifact
from runward.shims.wandb.filters import field_of, search_of
from runward.shims.wandb.told import missing, once
from runward.tracking import encoding
from runward.tracking.model import Run as Stored

_STATES = {
    "finished": "finished",
    "running": "running",
    "failed": "failed",
    "cancelled": "killed",
    "timed_out": "failed",
}


class Api:
    """Reads what the workspace in force has. A W&B entity in a path is passed over."""

    def __init__(self, overrides: Any = None, timeout: Any = None, api_key: Any = None) -> None:
        self.default_project = str((overrides or {}).get("project", "")) or face.default_project()

    def run(self, path: str) -> ApiRun:
        """A run by ``[entity/][project/]id``. Raises: NotFoundError."""
        space = face.current_workspace()
        return ApiRun(space.tracking.resolve_run(str(path).rstrip("/").rpartition("/")[2]))

    def runs(self, path: str = "", filters: Any = None, order: str = "-created_at", per_page: int = 50) -> list[ApiRun]:
        """The runs of ``[entity/]project`` that fit MongoDB's filters, newest first or in order of another field.

        Raises: InvalidError (a filter that is not covered, or a key that no run has).
        """
        where = search_of(filters or {})
        field = field_of(order.lstrip("+-"))
        sort = f"-{field}" if order.startswith("-") else field
        space, found, cursor = face.current_workspace(), list[ApiRun](), None
        while True:
            project = str(path).rpartition("/")[2] or self.default_project
            page = space.tracking.search_runs(project, where, sort, limit=1000, cursor=cursor)
            found += [ApiRun(run) for run in page.runs]
            cursor = page.next_cursor
            if cursor is None:
                return found

    def artifact_versions(self, type_name: str, name: str, per_page: int = 50) -> list[Artifact]:
        """All versions of ``[entity/][project/]name``, the newest first."""
        place, _, base = name.rpartition("/")
        project = place.rpartition("/")[2] or self.default_project
        count = len(artifacts.versions(base, project))
        return [artifacts.find(f"{base}:v{number}", project) for number in reversed(range(count))]

    def artifact(self, name: str, type: str | None = None) -> Artifact:
        """An artifact by ``[entity/][project/]name:version``. Raises: NotFoundError."""
        return artifacts.find(name, self.default_project)

    def __getattr__(self, name: str) -> Any:
        raise missing("Api()", name)


class ApiSummary(dict[str, Any]):
    """What a stored run's summary has. It is read; what is set here is not stored, which is said."""

    @property
    def _json_dict(self) -> dict[str, Any]:
        return dict(self)

    def __setitem__(self, key: str, value: Any) -> None:
        once("changing the summary of a stored run", "log it while the run is open, or take the run up again by its id")
        super().__setitem__(key, value)

    def update(self, *given: Any, **more: Any) -> None:
        """See ``summary[key] = value``."""
        for key, value in dict(*given, **more).items():
            self[key] = value


class ApiRun:
    """A stored run under W&B's names."""

    def __init__(self, run: Stored) -> None:
        self._run = run
        self.id, self.name, self.project = run.id, run.name, run.project
        self.state = _STATES[run.status]
        self.config = dict(run.params)
        self.notes, self.user = run.purpose, run.created_by
        self.created_at = run.created_at.isoformat()
        self.tags = sorted(key for key, value in run.tags.items() if not value)
        self.group, self.job_type = run.tags.get("wandb.group"), run.tags.get("wandb.job_type")
        self.path = [run.project, run.id]

    def __getattr__(self, name: str) -> Any:
        raise missing("Api().run()", name)

    @property
    def lastHistoryStep(self) -> int:  # noqa: N802
        """The greatest step; -1 without a metric."""
        known = face.current_workspace().tracking.get_run(self.id).metrics
        return max((metric.last_step for metric in known), default=-1)

    @functools.cached_property
    def summary(self) -> ApiSummary:
        """The last value of each metric, and the texts that a summary was given."""
        texts = {k.removeprefix("summary."): v for k, v in self._run.tags.items() if k.startswith("summary.")}
        numbers = {key: float(m.last_special) if m.last_special else m.last for key, m in self._run.metrics.items()}
        return ApiSummary({**texts, **numbers})

    @property
    def url(self) -> str:
        """Its page, where the workspace is a server."""
        space = face.current_workspace()
        return f"{space.place}/runs/{self.id}" if space.is_remote else space.place

    def scan_history(self, keys: list[str] | None = None, **_: Any) -> Iterator[dict[str, Any]]:
        """A row for each step; with ``keys`` only the steps that have all of them."""
        wanted = list(keys) if keys is not None else list(self._run.metrics)
        rows: dict[int, dict[str, Any]] = {}
        for series in face.current_workspace().tracking.series(self.id, [k for k in wanted if k != "_step"]).series:
            for index, step in enumerate(series.steps):
                value = series.values[index]
                special = series.special.get(index)
                rows.setdefault(step, {"_step": step})[series.key] = float(special) if special else value
        for step in sorted(rows):
            if keys is None or all(key in rows[step] for key in keys):
                yield rows[step]

    def history(
        self, samples: int = 500, keys: list[str] | None = None, x_axis: str = "_step", pandas: bool = True
    ) -> Any:
        """All steps, as a frame of pandas or as rows."""
        rows = list(self.scan_history(keys))
        if not pandas:
            return rows
        columns = list(dict.fromkeys(key for row in rows for key in row))
        return encoding.as_frame([[row.get(column) for column in columns] for row in rows], columns)

    def files(self) -> list[ApiFile]:
        """The run's files."""
        found = face.current_workspace().tracking.get_run(self.id).artifacts
        return [ApiFile(self.id, artifact.path, artifact.size) for artifact in found]

    def file(self, name: str) -> ApiFile:
        """One of the run's files; whether it is there shows when it is downloaded."""
        return ApiFile(self.id, name, 0)

    def logged_artifacts(self) -> list[Artifact]:
        """The artifacts that it logged."""
        names = {key.removeprefix(artifacts.TAG) for key in self._run.tags if key.startswith(artifacts.TAG)}
        references = [
            f"{name}:v{number}"
            for name in sorted(name for name in names if ":" not in name)
            for number, (source, _) in enumerate(artifacts.versions(name, self.project))
            if source.partition(":")[0] == self.id
        ]
        return [artifacts.find(reference, self.project) for reference in references]


class ApiFile:
    """A stored file."""

    def __init__(self, run_id: str, name: str, size: int) -> None:
        self._run_id, self.name, self.size = run_id, name, size

    def download(self, root: str = ".", replace: bool = False, exist_ok: bool = False) -> Any:
        """Write it into a folder; returns the file, open. Raises: NotFoundError, FileExistsError."""
        target = Path(root) / self.name
        if target.exists() and exist_ok:
            return open(target, encoding="utf-8")
        target.parent.mkdir(parents=True, exist_ok=True)
        pieces = face.current_workspace().files.artifact(self._run_id, self.name)
        with open(target, "wb" if replace else "xb") as file:
            for piece in pieces:
                file.write(piece)
        return open(target, encoding="utf-8")
