"""``import runward as run``: runs of plain scripts, and the place that experiments record to."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from runward import workspace as w
from runward.core.clock import utc_now
from runward.core.ids import RunId, new_id
from runward.core.opens import BEFORE_START
from runward.core.seeding import seed_everything
from runward.errors import InvalidError, RunwardError
from runward.tracking import client
from runward.tracking import journal as j
from runward.tracking.captor import Captor
from runward.tracking.client import ActiveRun, Hooks, RunwardWarning
from runward.tracking.model import NewProject, NewRun, RunParam
from runward.tracking.uploader import Uploader, adopt

_lock = threading.Lock()
_current: list[w.Workspace] = []
_uploaders: dict[str, Uploader] = {}
_adopted: set[str] = set()


def connect(url: str = "", token: str = "") -> w.Workspace:
    """Choose the workspace that this process works in.

    Args:
        url: A server such as ``http://host:4747``; by default ``RUNWARD_URL``, else the folder ``RUNWARD_DIR`` or the
            nearest ``.runward`` upwards.
        token: A token for the server; by default ``RUNWARD_TOKEN``.

    Raises: InvalidError, StoreError.
    """
    found = w.connect(url, token)
    with _lock:
        _current[:] = [found]
    return found


def current_workspace() -> w.Workspace:
    """The workspace in force; chosen by the environment where :func:`connect` was not called."""
    with _lock:
        if _current:
            return _current[0]
    return connect()


def uploader_of(space: w.Workspace) -> Uploader:
    """The background upload of this process to a workspace."""
    with _lock:
        found = _uploaders.get(space.place)
        if found is None:
            found = _uploaders[space.place] = Uploader(lambda: space)
        return found


def default_project() -> str:
    """``RUNWARD_PROJECT``, else the name of the repository's folder, else of the working folder."""
    if configured := os.environ.get("RUNWARD_PROJECT"):
        return configured
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
    return root.name.replace(":", "-") or "default"


class _ScriptHooks(Hooks):
    """Capture around a script's run, and its upload."""

    def __init__(self, space: w.Workspace, captor: Captor | None) -> None:
        self._space, self._captor = space, captor

    def before_end(self, run: ActiveRun) -> None:
        if self._captor is not None:
            self._captor.finish(run)

    def after_end(self, run: ActiveRun) -> None:
        if uploader_of(self._space).drain(run.folder):
            self._space.tidy()


def start(
    name: str = "",
    *,
    project: str = "",
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    seed: int | None = None,
    purpose: str = "",
    experiment_id: str | None = None,
    capture: bool = True,
) -> ActiveRun:
    """Begin a run in a plain script or notebook. Inside a task of an experiment it gives the task's own run.

    Args:
        name: What to call it; by default a short name made from its id.
        project: Path of the project, made where missing; by default :func:`default_project`.
        params: Parameters to record.
        tags: Short texts to find it by.
        seed: A seed to set for all generators (see :func:`runward.seed_everything`) and to record.
        purpose: Why it is run, in a sentence.
        experiment_id: The experiment it belongs to.
        capture: Whether to record code, environment, machine and the files that are read.

    Raises:
        InvalidError, GateClosedError, ForbiddenError: The workspace refuses the run. A server that is away is no
            error: the run is kept on disk and uploaded later.
    """
    if seed is not None:
        seed_everything(seed)
    if os.environ.get(client.JOURNAL_VARIABLE):
        return _join_task(name, params, tags)
    new = _new_run(name, project, params, tags, seed, purpose, experiment_id)
    run = _begin(new, capture, None)
    _watch_exit()
    return client.activate(run)


def begin_command(
    name: str,
    command: list[str],
    *,
    project: str = "",
    experiment_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    purpose: str = "",
    seed: int | None = None,
) -> ActiveRun:
    """Begin a run for a command of its own, captured as that command. The caller ends it. Raises: as :func:`start`."""
    return _begin(_new_run(name, project, None, tags, seed, purpose, experiment_id), True, command)


def _new_run(
    name: str,
    project: str,
    params: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
    seed: int | None,
    purpose: str,
    experiment_id: str | None,
) -> NewRun:
    for value, what in ((name, "name"), (project, "project"), (purpose, "purpose")):
        if not isinstance(value, str):
            raise InvalidError(f"{what} must be text, not {value!r:.80}", hint=f'write {what}="…"')
    return NewRun(
        id=new_id(),
        project=project or default_project(),
        name=name,
        params=[RunParam(key, client.plain(value)) for key, value in (params or {}).items()],
        tags={str(key): str(value) for key, value in (tags or {}).items()},
        seed=seed,
        purpose=purpose,
        experiment_id=experiment_id,
        started_at=utc_now(),
    )


def _begin(new: NewRun, capture: bool, command: list[str] | None) -> ActiveRun:
    before = {} if command is not None else dict(BEFORE_START.stop())
    space = current_workspace()
    _create(space, new)
    folder = space.state_dir / "journals" / new.id
    captor = Captor(space.local_blobs, space.state_dir / "cache", command, before) if capture else None
    run = ActiveRun(RunId(new.id), folder, _ScriptHooks(space, captor))
    run.journal.append([j.CREATE, msgspec.to_builtins(new)])
    if captor is not None:
        captor.start(run, {"seed": new.seed} if new.seed is not None else {})
    uploader_of(space).follow(folder)
    _adopt_once(space)
    return run


def _join_task(name: str, params: Mapping[str, Any] | None, tags: Mapping[str, str] | None) -> ActiveRun:
    run = client.active_run()
    if name:
        run.set_tag("runward.script_name", name)
    if params:
        run.log_params(params)
    for key, value in (tags or {}).items():
        run.set_tag(key, value)
    return run


def _create(space: w.Workspace, new: NewRun) -> None:
    try:
        space.tracking.create_project(NewProject(path=new.project, exist_ok=True))
        space.tracking.create_run(new)
    except RunwardError as error:
        if not error.retryable:
            raise
        warnings.warn(f"{error.message}; the run is kept on disk and uploaded later", RunwardWarning, stacklevel=3)


def _adopt_once(space: w.Workspace) -> None:
    """Take over journals that dead processes left behind, once a process, in the background."""
    with _lock:
        if space.place in _adopted:
            return
        _adopted.add(space.place)

    def work() -> None:
        time.sleep(1.0)
        adopt(space.state_dir / "journals", space)

    threading.Thread(target=work, name="runward-adopt", daemon=True).start()


def _finish_all() -> None:
    for run in list(client._active):
        run.finish()


_watching: list[bool] = []


def _watch_exit() -> None:
    """End what is still open when the interpreter ends: as failed if an exception ended it."""
    if _watching:
        return
    _watching.append(True)
    previous = sys.excepthook

    def note(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        status = "cancelled" if issubclass(kind, KeyboardInterrupt) else "failed"
        for run in list(client._active):
            run.finish(status, 130 if status == "cancelled" else 1, f"{kind.__name__}: {error}")
        previous(kind, error, trace)

    sys.excepthook = note
    atexit.register(_finish_all)


def sync() -> tuple[int, list[str]]:
    """Upload what earlier processes left on disk. Returns: journals stored, and what is in the way of others."""
    space = current_workspace()
    return adopt(space.state_dir / "journals", space)
