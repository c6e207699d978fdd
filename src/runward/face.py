"""``import runward as run``: runs of plain scripts, and the place that experiments record to."""

from __future__ import annotations

import atexit
import builtins
import os
import re
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
from runward.config.settings import flat_items, library_tags, origin_of, origins_in
from runward.core.clock import utc_now
from runward.core.ids import RunId, new_id
from runward.core.opens import BEFORE_START
from runward.core.seeding import seed_everything
from runward.core.usage import Meter
from runward.core.witness import torch_gpu_bytes
from runward.errors import ConflictError, InvalidError, NotFoundError, RunwardError, RunwardWarning
from runward.tracking import client
from runward.tracking import journal as j
from runward.tracking.adoption import adopt
from runward.tracking.captor import Captor
from runward.tracking.capture.preload import Shim
from runward.tracking.capture.redact import redact
from runward.tracking.client import ActiveRun
from runward.tracking.masking import told
from runward.tracking.media import plain
from runward.tracking.model import NewRun, RunDetail, RunParam
from runward.tracking.sharing import ScriptHooks, is_first_process, is_rank_0, last_steps
from runward.tracking.uploader import Uploader, create_run

_lock = threading.Lock()
_current: list[w.Workspace] = []
_tokens: dict[str, str] = {}
_parents_place: list[str] = []
_uploaders: dict[str, Uploader] = {}
_adopted: set[str] = set()
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def _forget_parent() -> None:
    """In a forked child: the parent's threads are not here, and its locks may be held by one of them."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _uploaders.clear()
    _adopted.clear()
    _parents_place.extend(space.place for space in _current)
    _current.clear()


os.register_at_fork(after_in_child=_forget_parent)


def connect(url: str = "", token: str = "") -> w.Workspace:
    """Choose the workspace that this process works in.

    Args:
        url: A server such as ``http://host:4747``; by default ``RUNWARD_URL``, else the folder ``RUNWARD_DIR`` or the
            nearest ``.runward`` upwards.
        token: A token for the server; by default ``RUNWARD_TOKEN``, else what `runward login` kept.

    Raises: InvalidError, StoreError.
    """
    found = w.connect(url, token)
    with _lock:
        _current[:] = [found]
        _tokens[found.place] = token
    return found


def current_workspace() -> w.Workspace:
    """The workspace in force; chosen by the environment where :func:`connect` was not called."""
    with _lock:
        if _current:
            return _current[0]
        place = _parents_place.pop() if _parents_place else ""
    if not place or "://" in place:
        return connect(place, _tokens.get(place, ""))
    found = w.open_folder(place)
    with _lock:
        _current[:] = [found]
    return found


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
    run_id: str = "",
    offline: bool = False,
) -> ActiveRun:
    """Begin a run in a plain script or notebook. Inside a task of an experiment it gives the task's own run.

    A second run may be begun while one is open: what is logged goes to the latest that is open. In a notebook, where
    cells are executed again, it ends the one before as finished, unless a ``with`` block holds that one.

    Args:
        name: What to call it; by default a short name made from its id.
        project: Path of the project, made where missing; by default :func:`default_project`.
        params: Parameters to record.
        tags: Short texts to find it by.
        seed: A seed to set for all generators (see :func:`runward.seed_everything`) and to record.
        purpose: Why it is run, in a sentence.
        experiment_id: The experiment it belongs to.
        capture: Whether to record code, environment, machine and the files that are read.
        run_id: A run to take up again, or that several processes write together; by default ``RUNWARD_RUN_ID``. It is
            begun where there is none of this id. Steps count on after the last ones, what was captured at its first
            start stays, and it ends with the last of the processes on this machine that began it, or with the first
            that fails.
        offline: Ask nothing of the workspace and upload nothing: the run is kept on disk until ``runward sync``, or
            until the next run that is begun here without this.

    Raises:
        InvalidError, GateClosedError, ForbiddenError: The workspace refuses the run. A server that is away is no
            error: the run is kept on disk and uploaded later.
    """
    if seed is not None:
        seed_everything(seed)
    if os.environ.get(client.JOURNAL_VARIABLE):
        return _add(client.active_run(), name, params, tags)
    run_id = _checked(run_id or os.environ.get(client.RUN_VARIABLE, ""))
    for open_run in client.open_runs():
        if run_id and open_run.id == run_id:
            return _add(open_run, "", params, tags)
    _end_earlier_cells()
    new = _new_run(name, project, params, tags, seed, purpose, experiment_id, run_id)
    begin = _keep if offline else _take_up if run_id else _begin
    run = begin(new, project, capture)
    _watch_exit()
    return client.activate(run)


def _checked(run_id: str) -> str:
    if not run_id or (isinstance(run_id, str) and _RUN_ID.fullmatch(run_id)):
        return run_id
    raise InvalidError(
        f"run id {run_id!r:.80} is not 1 to 32 letters, digits, '.', '_' or '-', the first a letter or digit",
        hint="leave it out for a new run, or take one that `runward runs list` shows",
    )


def _end_earlier_cells() -> None:
    """In a notebook: end what an earlier execution of a cell left open."""
    if hasattr(builtins, "__IPYTHON__"):
        for run in client.open_runs():
            if not run.entered:
                run.finish()


def begin_command(
    name: str,
    command: list[str],
    *,
    project: str = "",
    experiment_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    purpose: str = "",
    seed: int | None = None,
    shim: Shim | None = None,
) -> ActiveRun:
    """Begin a run for a command of its own, captured as that command. The caller ends it. Raises: as :func:`start`."""
    return _begin(_new_run(name, project, None, tags, seed, purpose, experiment_id), project, True, command, shim)


def _new_run(
    name: str,
    project: str,
    params: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
    seed: int | None,
    purpose: str,
    experiment_id: str | None,
    run_id: str = "",
) -> NewRun:
    for value, what in ((name, "name"), (project, "project"), (purpose, "purpose")):
        if not isinstance(value, str):
            raise InvalidError(f"{what} must be text, not {value!r:.80}", hint=f'write {what}="…"')
    return NewRun(
        id=run_id or new_id(),
        project=project or default_project(),
        name=redact(name),
        params=_params(params or {}),
        tags={key: told("tag", key, value) for key, value in _tags(params, tags).items()},
        seed=seed,
        purpose=redact(purpose),
        experiment_id=experiment_id,
        started_at=utc_now(),
    )


def _tags(params: Mapping[str, Any] | None, tags: Mapping[str, str] | None) -> dict[str, str]:
    return {**library_tags(params), **{str(key): str(value) for key, value in (tags or {}).items()}}


def _params(params: Mapping[str, Any]) -> list[RunParam]:
    origins = origins_in(params)
    return [
        RunParam(key, told("param", key, plain(value)), origin_of(key, origins))
        for key, value in flat_items(params).items()
    ]


def _begin(
    new: NewRun, project: str, capture: bool, command: list[str] | None = None, shim: Shim | None = None
) -> ActiveRun:
    space = current_workspace()
    is_created = _create(space, new)
    run, captor = _open(space, new, capture, command, shim=shim, is_created=is_created)
    _capture(run, captor, new)
    _adopt_once(space)
    return run


def _keep(new: NewRun, project: str, capture: bool) -> ActiveRun:
    """Begin a run, or take one up, without a word to its workspace."""
    space = current_workspace()
    steps = last_steps(space.state_dir / "journals" / new.id)
    run, captor = _open(space, new, capture and steps is None, None, uploads=False)
    if steps is not None:
        run.count_from(steps)
        run.journal.append([j.RESUME, j.now()])
        _add(run, "", {param.key: param.value for param in new.params}, new.tags)
    _capture(run, captor, new)
    return run


def _open(
    space: w.Workspace,
    new: NewRun,
    capture: bool,
    command: list[str] | None,
    *,
    uploads: bool = True,
    shim: Shim | None = None,
    is_created: bool = False,
) -> tuple[ActiveRun, Captor | None]:
    """A run's journal, with all that makes the run as its first entry, on its way into the store."""
    before = {} if command is not None else dict(BEFORE_START.stop())
    folder = space.state_dir / "journals" / new.id
    captor = Captor(space.local_blobs, space.state_dir / "cache", command, before, shim) if capture else None
    uploader = uploader_of(space) if uploads else None
    run = ActiveRun(RunId(new.id), folder, ScriptHooks(uploader, space.tidy, captor))
    run.journal.append([j.CREATE, msgspec.to_builtins(new)])
    if command is None:
        meter = Meter(os.getpid())
        run.measure = lambda: meter.stop(torch_bytes=torch_gpu_bytes())
    if uploader is not None:
        uploader.follow(folder, new.project if is_created else "")
    return run, captor


def _capture(run: ActiveRun, captor: Captor | None, new: NewRun) -> None:
    if captor is not None:
        captor.start(run, {"seed": new.seed} if new.seed is not None else {})


def _take_up(new: NewRun, project: str, capture: bool) -> ActiveRun:
    """Begin a run of a given id, or join it, or go on with it: whichever it needs."""
    space = current_workspace()
    folder = space.state_dir / "journals" / new.id
    steps = last_steps(folder)
    known = _known(space, new, project)
    if known is not None or steps is not None:
        return _join(space, new, known, steps or {}, capture)
    try:
        return _begin(new, project, capture and is_first_process())
    except ConflictError:
        # Another process of the run was quicker, or the id is another's.
        known = _known(space, new, project)
        if known is None:
            raise
        return _join(space, new, known, {}, capture)


def _known(space: w.Workspace, new: NewRun, project: str) -> RunDetail | None:
    """The run if it is there, taken up again if it was over; None also while the store is away."""
    run_id = new.id
    try:
        found = space.tracking.get_run(run_id)
        if project and project not in (found.run.project, found.run.project_id):
            raise InvalidError(
                f"run {run_id} is of project {found.run.project!r}, not {project!r}", hint="leave project out"
            )
        # By this machine's clock, as the end will be.
        space.tracking.resume_run(run_id, new.started_at)
    except NotFoundError:
        return None
    except RunwardError as error:
        if not error.retryable:
            raise
        return None
    return found


def _join(space: w.Workspace, new: NewRun, known: RunDetail | None, steps: dict[str, int], capture: bool) -> ActiveRun:
    if known is None:
        _warn_kept(f"{space.place} cannot be reached")
    else:
        new = msgspec.structs.replace(new, project=known.run.project)
        steps = {**steps, **{m.key: max(m.last_step, steps.get(m.key, m.last_step)) for m in known.metrics}}
    # Rank 0 describes the run, also when another rank was there first.
    capture = capture and known is not None and not known.captures and is_rank_0()
    run, captor = _open(space, new, capture, None)
    run.count_from(steps, [artifact.path for artifact in known.artifacts] if known else ())
    run.journal.append([j.RESUME, j.now()])
    _capture(run, captor, new)
    return _add(run, "", {param.key: param.value for param in new.params}, new.tags)


def _add(run: ActiveRun, name: str, params: Mapping[str, Any] | None, tags: Mapping[str, str] | None) -> ActiveRun:
    if name:
        run.set_tag("runward.script_name", name)
    if params:
        run.log_params(params)
    for key, value in (tags or {}).items():
        run.set_tag(key, value)
    return run


def _create(space: w.Workspace, new: NewRun) -> bool:
    """Whether the store has the run now; if it is away, the journal's first entry creates it later."""
    try:
        create_run(space.tracking, new)
    except RunwardError as error:
        if not error.retryable:
            raise
        _warn_kept(error.message)
        return False
    return True


def _warn_kept(reason: str) -> None:
    warnings.warn(f"{reason}; the run is kept on disk and uploaded later", RunwardWarning, stacklevel=4)


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
    for run in client.open_runs():
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
        for run in client.open_runs():
            run.finish(status, 130 if status == "cancelled" else 1, f"{kind.__name__}: {error}")
        previous(kind, error, trace)

    sys.excepthook = note
    atexit.register(_finish_all)


def sync() -> tuple[int, list[str]]:
    """Upload what earlier processes left on disk. Returns: journals stored, and what is in the way of others."""
    space = current_workspace()
    return adopt(space.state_dir / "journals", space)
