"""W&B's client interface over Runward: ``import runward.shims.wandb as wandb``.

Covered: ``init``, ``config``, ``log``, ``summary``, ``finish``, ``define_metric``, ``save``, ``alert``, ``Image``, ``Table``,
``Histogram``, ``Audio``, ``Html``, ``Video``, ``plot``, ``Artifact`` with ``log_artifact`` and ``use_artifact``, ``sweep`` and ``agent``, ``Api``.
What is not says so by name, with the way out.
"""

from __future__ import annotations

import builtins
import importlib
import os
from collections.abc import Sequence
from enum import Enum
from typing import Any

from runward import face
from runward.errors import InvalidError, NotFoundError, StoreError
from runward.shims.wandb import errors, plot, util
from runward.shims.wandb.api import Api
from runward.shims.wandb.artifact import Artifact
from runward.shims.wandb.media import Audio, Histogram, Html, Image, Media, Plot, Table, Video
from runward.shims.wandb.opened import RUNS, current, need
from runward.shims.wandb.runs import NoRun, Run, safe_id
from runward.shims.wandb.sweeps import NOW, TAG, agent, sweep
from runward.shims.wandb.told import MODULES, NAMES, missing, once
from runward.shims.wandb.values import Config, as_mapping

__all__ = [
    "AlertLevel", "Api", "Artifact", "Audio", "Config", "Error", "Histogram", "Html", "Image", "Media", "Run", "Settings",
    "Table", "UsageError", "Video", "agent", "alert", "define_metric", "errors", "finish", "init", "log", "log_artifact",
    "log_model", "login", "plot", "plot_table", "require", "restore", "save", "setup", "sweep", "teardown", "termlog",
    "termwarn", "unwatch", "use_artifact", "use_model", "util", "watch",
]  # fmt: skip

Error, UsageError, CommError = errors.Error, errors.UsageError, errors.CommError
__version__ = "0.0-runward"


class AlertLevel(Enum):
    """How urgent an alert is."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class Settings:
    """Settings of W&B's client: those that ``init`` has arguments for count, all others have no effect."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        if name == "values" or name not in self.values:
            raise missing("Settings", name)
        return self.values[name]


def _said(value: Any, variable: str, default: str = "") -> Any:
    return value if value is not None else os.environ.get(variable, default)


def init(
    entity: str | None = None,
    project: str | None = None,
    dir: Any = None,
    id: str | None = None,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
    config: Any = None,
    config_exclude_keys: Sequence[str] | None = None,
    config_include_keys: Sequence[str] | None = None,
    allow_val_change: bool | None = None,
    group: str | None = None,
    job_type: str | None = None,
    mode: str | None = None,
    force: bool | None = None,
    anonymous: Any = None,
    reinit: Any = None,
    resume: Any = None,
    resume_from: str | None = None,
    fork_from: str | None = None,
    save_code: bool | None = None,
    tensorboard: bool | None = None,
    sync_tensorboard: bool | None = None,
    monitor_gym: bool | None = None,
    settings: Any = None,
) -> Run:
    """Begin a run, as ``wandb.init``: W&B's environment variables count, and arguments without a meaning here say so.

    Args:
        entity: Passed over: who writes is who the workspace knows you as.
        project: Path of the project.
        dir: Passed over: journals lie in the workspace.
        id: An id to resume a run by: 1 to 32 letters, digits, ``.``, ``_`` and ``-``.
        name: What to call it.
        notes: Why it is run.
        tags: Texts, each of which becomes a tag without a value.
        config: A dict, argparse's namespace or a YAML file.
        config_exclude_keys: Keys of it to leave out.
        config_include_keys: Keys of it to take, and no others.
        allow_val_change: Whether a config value may be set twice.
        group: Becomes the tag ``wandb.group``.
        job_type: Becomes the tag ``wandb.job_type``.
        mode: ``online``, ``offline`` (kept on disk until ``runward sync``) or ``disabled`` (nothing is logged).
        force: Passed over.
        anonymous: Passed over.
        reinit: What happens to a run that is open: ``return_previous`` (the default in scripts) gives it back,
            ``finish_previous`` or True ends it (the default in notebooks), ``create_new`` leaves it open.
        resume: ``allow``, ``must`` (it has to be there) or ``never`` (it must not).
        resume_from: Not covered.
        fork_from: Not covered.
        save_code: False to capture neither code nor environment.
        tensorboard: Not covered.
        sync_tensorboard: Not covered.
        monitor_gym: Not covered.
        settings: ``wandb.Settings`` or a dict.

    Raises: InvalidError, NotFoundError (``resume="must"``), and what :func:`runward.start` raises.
    """
    for what, value in (("resume_from", resume_from), ("fork_from", fork_from)):
        if value:
            raise InvalidError(
                f"wandb.init({what}=…) is not covered by runward.shims.wandb", hint='use id= and resume="allow"'
            )
    if tensorboard or sync_tensorboard or monitor_gym:
        once("wandb.init(sync_tensorboard=, monitor_gym=)", "runward import tensorboard reads event files")
    given = settings.values if isinstance(settings, Settings) else dict(settings or {})
    # What is not said here may be said by the settings.
    project, id, name = project or given.get("project"), id or given.get("run_id"), name or given.get("run_name")
    notes, tags = notes or given.get("run_notes"), given.get("run_tags") if tags is None else tags
    group, job_type = group or given.get("run_group"), job_type or given.get("run_job_type")
    resume, mode = resume or given.get("resume"), mode or given.get("mode")
    save_code = given.get("save_code") if save_code is None else save_code
    mode = _said(mode, "WANDB_MODE", "online")
    if str(os.environ.get("WANDB_DISABLED", "")).lower() in ("1", "true") or mode in ("disabled", "dryrun"):
        mode = "disabled" if mode != "dryrun" else "offline"
    if mode not in ("online", "offline", "disabled", "shared"):
        raise InvalidError(f"mode {mode!r} is not known", hint="online, offline or disabled")
    if (previous := _previous(reinit)) is not None:
        return previous
    values = as_mapping(config)
    if config_include_keys and config_exclude_keys:
        raise InvalidError("config_include_keys and config_exclude_keys exclude each other", hint="give one of them")
    values = {
        k: v for k, v in values.items() if k not in (config_exclude_keys or ()) and k in (config_include_keys or values)
    }
    found = _begin(
        (NOW.sweep and NOW.sweep.project) or str(_said(project, "WANDB_PROJECT")), str(_said(name, "WANDB_NAME")), safe_id(str(_said(id, "WANDB_RUN_ID"))),
        str(_said(notes, "WANDB_NOTES")), _said(resume, "WANDB_RESUME"), mode, save_code is not False,
    )  # fmt: skip
    listed = list(tags) if tags is not None else [tag for tag in os.environ.get("WANDB_TAGS", "").split(",") if tag]
    _describe(found, listed, str(_said(group, "WANDB_RUN_GROUP")), str(_said(job_type, "WANDB_JOB_TYPE")))
    object.__setattr__(found.config, "_may_change", bool(allow_val_change) or _in_notebook())
    found.config.update(values, allow_val_change=True)
    if NOW.sweep is not None:
        found._active.set_tag(TAG, NOW.sweep.id)
        found.config.settle(NOW.values)
    RUNS.append(found)
    return found


def _in_notebook() -> bool:
    return hasattr(builtins, "__IPYTHON__")


def _previous(reinit: Any) -> Run | None:
    """The open run, where that is what ``init`` gives; otherwise it is ended or left open, as ``reinit`` says."""
    open_now = current()
    if open_now is None or reinit == "create_new":
        return None
    if reinit in (True, "finish_previous", "default") or (reinit is None and _in_notebook()):
        open_now.finish()
        return None
    return open_now


def _begin(project: str, name: str, run_id: str, notes: str, resume: Any, mode: str, capture: bool) -> Run:
    project = project or face.default_project()
    if mode == "disabled":
        return Run(NoRun(), project, name or "disabled", sweep=NOW.sweep)
    if resume in ("must", "never", "allow", "auto", True) and mode != "offline" and run_id:
        step = _next_step(run_id, resume)
    else:
        step = 0
    active = face.start(
        name, project="" if step else project, purpose=notes, run_id=run_id, capture=capture, offline=mode == "offline"
    )
    shown = name or f"run-{active.id[:6]}"
    return Run(active, project, shown, step=step, resumed=step > 0, offline=mode == "offline", sweep=NOW.sweep)


def _next_step(run_id: str, resume: Any) -> int:
    """Where a stored run goes on; 0 where there is none. Raises: NotFoundError, InvalidError (as ``resume`` says)."""
    try:
        known = face.current_workspace().tracking.get_run(run_id)
    except NotFoundError:
        if resume == "must":
            raise
        return 0
    except StoreError:
        return 0  # Away: the run is kept on disk, and goes on after what is there.
    if resume == "never":
        raise InvalidError(f"run {run_id!r} is there already", hint='resume="allow" goes on with it')
    return max((metric.last_step for metric in known.metrics), default=-1) + 1


def _describe(run: Run, tags: list[str], group: str, job_type: str) -> None:
    run.tags, run.group, run.job_type = tuple(tags), group, job_type
    for key, value in (("group", group), ("job_type", job_type)):
        if value:
            run._active.set_tag(f"wandb.{key}", value)


def log(data: Any = None, step: int | None = None, commit: bool | None = None, sync: bool | None = None) -> None:
    """Log values. See :meth:`Run.log`."""
    need("log()").log(data, step, commit, sync)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the run; without one nothing happens."""
    if (found := current()) is not None:
        found.finish(exit_code)


join = finish


def define_metric(name: str, step_metric: Any = None, **more: Any) -> Any:
    """See :meth:`Run.define_metric`."""
    return need("define_metric()").define_metric(name, step_metric, **more)


def save(glob_str: Any = None, base_path: Any = None, policy: str = "live") -> list[str]:
    """See :meth:`Run.save`."""
    return need("save()").save(glob_str, base_path, policy)


def watch(
    models: Any,
    criterion: Any = None,
    log: str | None = "gradients",
    log_freq: int = 1000,
    idx: int | None = None,
    log_graph: bool = False,
) -> None:
    """See :meth:`Run.watch`."""
    need("watch()").watch(models, criterion, log, log_freq, idx, log_graph)


def unwatch(models: Any = None) -> None:
    """See :meth:`Run.unwatch`."""
    need("unwatch()").unwatch(models)


def alert(title: str, text: str, level: Any = None, wait_duration: Any = None) -> None:
    """See :meth:`Run.alert`."""
    need("alert()").alert(title, text, level, wait_duration)


def log_artifact(
    artifact_or_path: Any, name: str | None = None, type: str | None = None, aliases: Any = None, tags: Any = None
) -> Artifact:
    """See :meth:`Run.log_artifact`."""
    return need("log_artifact()").log_artifact(artifact_or_path, name, type, aliases)


def log_model(path: Any, name: str | None = None, aliases: Any = None) -> Artifact:
    """See :meth:`Run.log_model`."""
    return need("log_model()").log_model(path, name, aliases)


def use_artifact(artifact_or_name: Any, type: str | None = None, aliases: Any = None) -> Artifact:
    """See :meth:`Run.use_artifact`."""
    return need("use_artifact()").use_artifact(artifact_or_name, type)


def use_model(name: str) -> str:
    """See :meth:`Run.use_model`."""
    return need("use_model()").use_model(name)


def restore(name: str, run_path: str | None = None, replace: bool = False, root: Any = None) -> Any:
    """A stored file of a run, by default of the open one, written into its folder and open for reading.

    Args:
        name: Its path in the run.
        run_path: ``[entity/][project/]id`` of another run.
        replace: Whether a file that is there already is written anew.
        root: The folder; by default ``run.dir``, without a run the working folder.

    Raises: NotFoundError (the run has no such file).
    """
    open_now = current()
    if run_path is None and open_now is None:
        need("restore()")
    face.uploader_of(face.current_workspace()).push()
    found = Api().run(run_path if run_path is not None else need("restore()").id)
    folder = root if root is not None else (open_now.dir if open_now is not None else ".")
    return found.file(name).download(str(folder), replace=replace, exist_ok=True)


def plot_table(
    vega_spec_name: str, data_table: Table, fields: Any, string_fields: Any = None, split_table: bool = False
) -> Any:
    """A chart of one's own: its table is logged, how it would be drawn is not."""
    return Plot(data_table.columns, data_table.data, str((string_fields or {}).get("title", "")))


def login(*args: Any, **kwargs: Any) -> bool:
    """True: who you are is known by ``RUNWARD_TOKEN``, or by owning the folder."""
    return True


def setup(settings: Any = None) -> None:
    """Has no effect."""


def require(requirement: Any = None, experiment: Any = None) -> None:
    """Has no effect: W&B's clients turned features on by it."""


def teardown(exit_code: int | None = None) -> None:
    """End what is open."""
    while (found := current()) is not None:
        found.finish(exit_code)


def termlog(string: str = "", *args: Any, **kwargs: Any) -> None:
    """Note a line in the run's output, if there is a run."""
    if (found := current()) is not None:
        found._active.log_output("stderr", f"{string}\n")


termwarn = termerror = termlog


def __getattr__(name: str) -> Any:
    if name == "run":
        return current()
    if name in ("config", "summary"):
        return getattr(need(name), name)
    if name in MODULES:
        return importlib.import_module(f"{__package__}.{name}")
    if name in NAMES:
        raise AttributeError(f"wandb.{name} is not covered by runward.shims.wandb: {NAMES[name]}")
    raise AttributeError(f"module 'wandb' (runward.shims.wandb) has no attribute {name!r}")
