"""``wandb.Run``: a run of Runward under W&B's names."""

from __future__ import annotations

import glob as globbing
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from runward import face
from runward.errors import InvalidError, RunwardError, StoreError
from runward.shims.wandb import artifact as artifacts
from runward.shims.wandb.artifact import Artifact
from runward.shims.wandb.media import Histogram, Media, Table
from runward.shims.wandb.sweeps import TAG, Sweep
from runward.shims.wandb.told import missing, once
from runward.shims.wandb.values import Config, Summary
from runward.shims.wandb.watching import watch
from runward.tracking.client import ActiveRun
from runward.tracking.model import RunPatch

ARTIFACT_TAG = artifacts.TAG


class NoRun:
    """Stands for a run where nothing is to be logged (``mode="disabled"``)."""

    id = "disabled"

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_kwargs: None


class Run:
    """A run that is being logged. ``wandb.init()`` makes it.

    Numbers become metrics at W&B's step, which grows with each ``log``; everything else becomes media or, in a summary,
    tags. What has no effect here says so once.
    """

    def __init__(
        self,
        active: ActiveRun | NoRun,
        project: str,
        name: str,
        *,
        step: int = 0,
        resumed: bool = False,
        offline: bool = False,
        sweep: Sweep | None = None,
    ) -> None:
        self._active: Any = active
        self._step, self._step_metrics = step, dict[str, str]()
        self._watched: list[tuple[str, str]] = []
        self._numbers: dict[str, int] = {}
        self._hooks: list[list[Any]] = []
        self._finished = False
        self.project, self.resumed, self.offline = project, resumed, offline
        self._name, self._notes, self._tags, self._sweep = name, "", tuple[str, ...](), sweep
        self.group, self.job_type = "", ""
        self.start_time = time.time()
        self.config = Config(lambda given: self._active.log_params(dict(_flatten(given))))
        self.summary = Summary(self._summarise)

    # who it is ------------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self._active.id)

    @property
    def step(self) -> int:
        """The step of the next ``log``."""
        return self._step

    @property
    def starting_step(self) -> int:
        """The step at which a resumed run goes on."""
        return self._step

    @property
    def entity(self) -> str:
        """Who logs it here: Runward knows teams by the project."""
        return ""

    @property
    def path(self) -> str:
        """Project and id."""
        return f"{self.project}/{self.id}"

    @property
    def url(self) -> str:
        """Its page, where the workspace is a server; else the workspace's folder."""
        if isinstance(self._active, NoRun):
            return ""
        space = face.current_workspace()
        return f"{space.place}/runs/{self.id}" if space.is_remote else space.place

    def get_url(self) -> str:
        """See :attr:`url`."""
        return self.url

    def get_project_url(self) -> str:
        """The project's page, where the workspace is a server; else the workspace's folder."""
        space = face.current_workspace()
        return f"{space.place}/projects/{self.project}" if space.is_remote else space.place

    project_url = property(get_project_url)

    def project_name(self) -> str:
        """The project's path."""
        return self.project

    @property
    def sweep_id(self) -> str:
        """The sweep that the run belongs to; empty where there is none."""
        return self._sweep.id if self._sweep is not None else ""

    def get_sweep_url(self) -> str:
        """The page of the sweep's runs, where the workspace is a server; empty without a sweep."""
        if self._sweep is None:
            return ""
        where = f'tags.`{TAG}` = "{self._sweep.id}"'
        return f"{self.get_project_url()}?{urlencode({'q': where})}"

    sweep_url = property(get_sweep_url)

    @property
    def name(self) -> str:
        """What the run is called; it can be set while the run is open."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        self._name = str(name)
        self._change("name", RunPatch(name=self._name))

    @property
    def notes(self) -> str:
        """Why it is run; it can be set while the run is open."""
        return self._notes

    @notes.setter
    def notes(self, notes: str) -> None:
        self._notes = str(notes)
        self._change("notes", RunPatch(purpose=self._notes))

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags without values. Those that are added here are set; none is taken away."""
        return self._tags

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        for tag in tags:
            if tag not in self._tags:
                self._active.set_tag(tag, "")
        self._tags = tuple(tags)

    def _change(self, what: str, patch: RunPatch) -> None:
        """Change what the stored run is called, which is not in its journal; where it is not stored yet, say so."""
        if self.disabled:
            return
        space = face.current_workspace()
        try:
            if self.offline or not face.uploader_of(space).push():
                raise StoreError("the run is not stored yet")
            space.tracking.update_run(self.id, patch)
        except RunwardError as error:
            once(f"setting run.{what} now ({error})", f"wandb.init({what}=…) names it from the start")

    def status(self) -> str:
        """Has no meaning here but that the run is open."""
        return "running"

    def __getattr__(self, name: str) -> Any:
        raise missing("Run", name)

    @property
    def dir(self) -> str:
        """A folder whose files are kept with the run when it ends."""
        if self.disabled:
            return os.getcwd()
        folder: Path = self._active.folder / "files"
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    @property
    def disabled(self) -> bool:
        """Whether nothing is logged."""
        return isinstance(self._active, NoRun)

    # logging --------------------------------------------------------------------------------------------------------

    def log(
        self, data: Any = None, step: int | None = None, commit: bool | None = None, sync: bool | None = None
    ) -> None:
        """Log values at a step.

        Args:
            data: Values by key; dicts in it are flattened with dots. Numbers become metrics; media, figures, arrays (as
                histograms), frames and texts become media.
            step: A whole number that does not shrink; without one the steps count.
            commit: Whether the step is over; by default where no step is given.
            sync: Has no effect.

        Raises: InvalidError (no dict, or a key that is no text).
        """
        data = {} if data is None else data
        if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
            raise InvalidError(f"wandb.log takes a dict with texts as keys, not {data!r:.80}", hint="wandb.log({…})")
        if step is not None and not self._move_to(step):
            return
        flat = dict(_flatten(data))
        values = {key: number for key, value in flat.items() if (number := _number(value)) is not None}
        for key, value in values.items():
            self.summary.note(key, value)
            self._active.log_metric(key, float(value), self._step_of(key, values))
        for key in flat.keys() - values.keys():
            self._log_other(key, flat[key])
        if commit if commit is not None else step is None:
            self._step += 1

    def _move_to(self, step: Any) -> bool:
        if not isinstance(step, int) or step < self._step:
            once(
                f"wandb.log(step={step!r}) after step {self._step}",
                "steps do not go back, the values are dropped (as W&B does); log an own x with define_metric",
            )
            return False
        self._step = step
        return True

    def _step_of(self, key: str, values: Mapping[str, Any]) -> int:
        """W&B's step, or that of the metric that was defined for the key, if it is a whole number."""
        chosen = next((by for pattern, by in self._step_metrics.items() if fnmatchcase(key, pattern)), "")
        value = values.get(chosen) if chosen != key else None
        return int(value) if value is not None and value == int(value) else self._step

    def _log_other(self, key: str, value: Any) -> None:
        run, at = self._active, self._step
        many = list(value) if isinstance(value, list | tuple) else [value]
        if value is None or not many:
            return
        if all(isinstance(one, Media) for one in many):
            for one in many:
                one.log_to(run, key, at)
        elif isinstance(value, Artifact):
            self.log_artifact(value)
        elif isinstance(value, str):
            run.log_text(key, value, at)
            self.summary.note(key, value)
        elif hasattr(value, "savefig") or hasattr(value, "to_plotly_json") or hasattr(value, "figure"):
            run.log_figure(key, value, at)
        elif hasattr(value, "to_dict") and hasattr(value, "columns"):
            run.log_table(key, value, at)
        elif hasattr(value, "save") and hasattr(value, "mode"):
            run.log_image(key, value, at)
        elif hasattr(value, "__array__"):
            Histogram(value).log_to(run, key, at)
        elif isinstance(value, list | tuple):
            run.log_table(key, [[one] for one in many], at, columns=["value"])
        else:
            once(f"logging a {type(value).__name__}", "log numbers, media, figures, arrays, frames or texts")

    def _summarise(self, values: dict[str, Any]) -> None:
        for key, value in _flatten(values):
            number = _number(value)
            if number is not None:
                self._active.log_metric(key, float(number), self._step)
            elif isinstance(value, Media):
                value.log_to(self._active, key, self._step)
            else:
                self._active.set_tag(f"summary.{key}", value)

    def define_metric(
        self,
        name: str,
        step_metric: Any = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> Any:
        """Say which metric is the x of others, and how a key is summarised; ``*`` in a name stands for anything."""
        if step_metric is not None:
            self._step_metrics[name] = str(getattr(step_metric, "name", step_metric))
        if summary is not None:
            best = "max" if goal == "maximize" else "min"
            modes = [mode.strip() for mode in summary.split(",")]
            self.summary.define(name, tuple({"best": best, "copy": "last"}.get(mode, mode) for mode in modes))
        return _Metric(name)

    def watch(
        self,
        models: Any,
        criterion: Any = None,
        log: str | None = "gradients",
        log_freq: int = 1000,
        idx: int | None = None,
        log_graph: bool = False,
    ) -> None:
        """Log histograms of PyTorch models' ``gradients``, ``parameters`` or ``all``, every so many batches."""
        if log_graph:
            once("wandb.watch(log_graph=True)", "log the model's summary as a text")
        if not self.disabled:
            self._hooks += watch(self, models, log, log_freq, len(self._hooks) if idx is None else idx)

    def unwatch(self, models: Any = None) -> None:
        """Log no more of them; of all models, whichever is named."""
        for handle in (handle for hooks in self._hooks for handle in hooks):
            handle.remove()
        self._hooks = []

    def alert(self, title: str, text: str, level: Any = None, wait_duration: Any = None) -> None:
        """Note an alert on the run: the tag ``alert`` has the last one, the output all."""
        self._active.set_tag("alert", f"{title}: {text}")
        self._active.log_output("stderr", f"ALERT {getattr(level, 'value', level) or 'INFO'} {title}: {text}\n")

    def log_code(self, *args: Any, **kwargs: Any) -> None:
        """Has no effect: the code was captured when the run began, and is shown on its page."""

    def _label(self, *args: Any, **kwargs: Any) -> None:
        """Has no effect: frameworks' loggers tell W&B by it who they are."""

    def mark_preempting(self) -> None:
        """Has no effect: a run that is cut off is taken up by its id."""

    # files ----------------------------------------------------------------------------------------------------------

    def save(self, glob_str: Any = None, base_path: Any = None, policy: str = "live") -> list[str]:
        """Keep files that fit a pattern, now and, unless ``policy="now"``, as they are when the run ends."""
        if glob_str is None:
            return []
        pattern = os.fspath(glob_str)
        base = os.fspath(base_path) if base_path is not None else ("" if os.path.isabs(pattern) else os.getcwd())
        found = []
        for path in sorted(globbing.glob(pattern, recursive=True)):
            name = os.path.relpath(path, base) if base else os.path.basename(path)
            name = os.path.basename(path) if name.startswith("..") else name
            self._active.log_artifact(path, name)
            found.append(path)
            if policy != "now":
                self._watched.append((path, name))
        return found

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,
        aliases: Sequence[str] | None = None,
        tags: Any = None,
    ) -> Artifact:
        """Keep a named set of files. See :class:`Artifact`."""
        found = artifacts.as_artifact(artifact_or_path, name or f"run-{self.id}", type or "unspecified")
        found._project = self.project
        number = self._numbers[found.base_name] = self._numbers.get(found.base_name, -1) + 1
        artifacts.log(self._active, found, number, list(aliases or ()))
        return found

    def log_model(self, path: Any, name: str | None = None, aliases: Sequence[str] | None = None) -> Artifact:
        """Keep a model's files as an artifact."""
        return self.log_artifact(path, name or f"run-{self.id}-{Path(path).name}", "model", aliases)

    def use_artifact(
        self, artifact_or_name: Any, type: str | None = None, aliases: Any = None, use_as: Any = None
    ) -> Artifact:
        """An artifact that a run of the project has logged: ``name:latest``, ``name:v2`` or ``name:alias``.

        Raises: NotFoundError.
        """
        if isinstance(artifact_or_name, Artifact):
            return artifact_or_name if artifact_or_name.source else self.log_artifact(artifact_or_name)
        found = artifacts.find(artifact_or_name, self.project)
        self._active.set_tag(f"used.{found.base_name}", found.source)
        return found

    def use_model(self, name: str) -> str:
        """The folder into which a model was downloaded."""
        return self.use_artifact(name, "model").download()

    # the end --------------------------------------------------------------------------------------------------------

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:
        """End the run: as failed with an exit code other than 0."""
        if self._finished:
            return
        self._finished = True
        self.unwatch()
        self._keep_files()
        self._active.finish("failed" if exit_code else "finished", exit_code)

    def _keep_files(self) -> None:
        if self.disabled:
            return
        for path, name in self._watched:
            if Path(path).exists():
                self._active.log_artifact(path, name)
        folder = self._active.folder / "files"
        if folder.is_dir():
            for file in sorted(p for p in folder.rglob("*") if p.is_file()):
                self._active.log_artifact(file, file.relative_to(folder).as_posix())
            shutil.rmtree(folder, ignore_errors=True)

    def join(self, exit_code: int | None = None) -> None:
        """See :meth:`finish`."""
        self.finish(exit_code)

    def __enter__(self) -> Run:
        """The run itself."""
        if not self.disabled:
            self._active.entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run; as failed if an exception passes through."""
        if not self._finished:
            self._finished = True
            self.unwatch()
            self._keep_files()
            if not self.disabled:
                self._active.__exit__(kind, error, trace)


class _Metric:
    """What ``define_metric`` gives: a name for other calls."""

    def __init__(self, name: str) -> None:
        self.name = name


def _flatten(values: Mapping[Any, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _flatten(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found


def _number(value: Any) -> Any:
    """A number, also from an array or tensor of one element; None for all else."""
    if isinstance(value, bool | int | float):
        return value
    if hasattr(value, "item") and (getattr(value, "ndim", 1) == 0 or getattr(value, "shape", None) == (1,)):
        found = value.item()
        return found if isinstance(found, bool | int | float) else None
    return None


def safe_id(run_id: str) -> str:
    """A W&B id as Runward takes it. Raises: InvalidError naming what is not possible."""
    if run_id and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", run_id):
        raise InvalidError(f"run id {run_id!r:.80} has more than letters, digits, '.', '_', '-', or is longer than 32")
    return run_id


__all__ = ["Run", "Table"]
