"""Where experiments record to: a workspace, one capture an experiment, one journal a run."""

from __future__ import annotations

import contextlib
import copy
import os
import sys
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from runward import face
from runward.config.serialise import flatten_plain
from runward.config.settings import library_tags, origin_of, origins_in
from runward.core.clock import utc_now
from runward.core.ids import new_id
from runward.core.usage import Usage
from runward.defaults import filled
from runward.errors import GateClosedError, InvalidError, NotFoundError, RunwardError, RunwardWarning
from runward.execution import experiment as execution
from runward.execution.backend import RunEnd, RunHandle, RunOutcome, set_backend_factory
from runward.execution.local import Executor
from runward.execution.model import Task, TaskState
from runward.execution.plan import Plan
from runward.execution.runner import COMMAND_FILE, Runner
from runward.execution.spec import PAYLOAD_FILE, SOURCE_FILE, SPEC_FILE, given_name
from runward.execution.worker import GPU_FILE, READS_FILE, RESULT_FILE, VALUE_FILE, read_plain
from runward.review.feedback_model import CiVerdict, NewCiResult
from runward.review.gates import name_problem
from runward.review.model import GateReport, Standards
from runward.tracking import journal as j
from runward.tracking.captor import Part, kept_reads, parts_of
from runward.tracking.capture.background import Background
from runward.tracking.capture.folders import folders_before
from runward.tracking.capture.model import decode_path, encode_path
from runward.tracking.capture.reads import ReadRecorder
from runward.tracking.capture.redact import Lines, find_secrets, mask_file, redact, redact_argv, redact_variables
from runward.tracking.capture.snapshot import PendingCapture, start_capture
from runward.tracking.capture.watch import hear
from runward.tracking.client import JOURNAL_VARIABLE, RUN_VARIABLE, ActiveRun
from runward.tracking.masking import masked_params, masked_tags
from runward.tracking.media import plain
from runward.tracking.model import NewExperiment, NewProject, NewRun, RunParam, RunStatus
from runward.tracking.pylocks import EnvironmentLock

_STATUS = {
    TaskState.SUCCEEDED: RunStatus.FINISHED,
    TaskState.FAILED: RunStatus.FAILED,
    TaskState.CANCELLED: RunStatus.CANCELLED,
    TaskState.SKIPPED: RunStatus.CANCELLED,
    TaskState.TIMED_OUT: RunStatus.TIMED_OUT,
}
_MAX_OUTPUT_BYTES = 8 << 20
KEEP_VALUES_VARIABLE = "RUNWARD_KEEP_VALUES"
"""Up to how many MiB a value that another task returned is kept with the run that took it."""
_KEPT_VALUES_MIB = "64"
_CAPTURE_S = 120.0
_LOCK_S = 0.5
"""So long a task's end waits for the lock of an environment that was not seen before."""
PLAN_VARIABLE = "RUNWARD_PLAN"
_STATE_FILE = "recording.json"


class GateVerdict(NamedTuple):
    """A run's gates against the team's standards, as :attr:`Results.gates` holds them."""

    name: str
    passed: bool
    message: str
    report: GateReport

    def __bool__(self) -> bool:
        """Whether the gate is open."""
        return self.passed


class _State(msgspec.Struct):
    """What a supervisor needs to know of an experiment that its driver began."""

    experiment: NewExperiment
    tags: dict[str, str]
    standards: Standards
    origins: dict[str, dict[str, str]]


_KEPT: dict[str, CiVerdict] = {"pass": "pass", "warn": "pass", "fail": "fail"}


def kept_verdict(name: str, found: Any) -> NewCiResult:
    """What is stored of a check's verdict: that of a team's check, or whatever a function of one's own returned.

    A truth value, or what it has under ``passed``, is a yes or a no; anything else that names no verdict is undecided.
    """
    passed = found.get("passed") if isinstance(found, Mapping) else getattr(found, "passed", found)
    by_truth = {True: "pass", False: "fail"}.get(passed) if isinstance(passed, bool) else None
    said = _KEPT.get(str(getattr(found, "state", by_truth)), "undecided")
    message = str(getattr(found, "message", "") or getattr(found, "reason", "") or f"returned {found!r:.200}")
    return NewCiResult(name, said, message[:4000])


def _kept_value_bytes() -> int:
    text = os.environ.get(KEEP_VALUES_VARIABLE, _KEPT_VALUES_MIB)
    if not text.isdecimal():
        raise InvalidError(
            f"{KEEP_VALUES_VARIABLE} must be a whole number of MiB, got {text!r}", hint="for example 256; 0 keeps none"
        )
    return int(text) << 20


class WorkspaceBackend:
    """Records an experiment in the workspace in force. See :class:`runward.execution.backend.Backend`."""

    def __init__(self) -> None:
        self.space = face.current_workspace()
        self.uploader = face.uploader_of(self.space)
        self._project = ""
        self._tags: dict[str, str] = {}
        self._runs: dict[str, ActiveRun] = {}
        self._experiment_of: dict[str, str] = {}
        self._pending: Background[PendingCapture] | None = None
        self._lock = EnvironmentLock(self.space.local_blobs, self.space.state_dir / "cache")
        self._standards = Standards()
        self._experiment = NewExperiment(project="", name="")
        self._parts: list[Part] | None = None
        self._root: Path | None = None
        self._kept_value_bytes = _kept_value_bytes()
        self._seeds: dict[str, int | None] = {}
        self._hidden: dict[str, list[bytes]] = {}
        """Values that were masked in a run's params: they are in no other document of it either."""
        self.origins: dict[str, dict[str, str]] = {}
        """Where the values of a task's parameters came from, by task and dotted key."""

    def begin_experiment(self, name: str, project: str | None, about: Mapping[str, Any]) -> str:
        """Note an experiment; it is stored beside the start of its first task, not before it.

        Raises: GateClosedError: the name breaks the project's rule.
        """
        self._project = project or face.default_project()
        self._standards = self._standards_in_force()
        self._check_name(name)
        self._experiment = NewExperiment(
            id=new_id(),
            project=self._project,
            name=name,
            description=str(about.get("description") or ""),
            metadata=plain(about["metadata"]),
            plan=str(about.get("plan", "")),
        )
        self._tags = {str(key): str(value) for key, value in dict(about.get("tags") or {}).items()}
        self._pending = Background(self._start_capture)
        state = _State(self._experiment, self._tags, self._standards, self.origins)
        (self.work_dir(self._experiment.id) / _STATE_FILE).write_bytes(msgspec.json.encode(state))
        return self._experiment.id

    def _take_over(self, experiment_id: str) -> None:
        """Go on with an experiment that another process began: the supervisor of a detached one."""
        if self._experiment.id == experiment_id:
            return
        data = (self.work_dir(experiment_id) / _STATE_FILE).read_bytes()
        state = msgspec.json.decode(data, type=_State)
        self._experiment, self._tags, self._standards = state.experiment, state.tags, state.standards
        self.origins, self._project = state.origins, state.experiment.project
        self._pending = Background(self._start_capture)

    def _start_capture(self) -> PendingCapture:
        # The first task's process is being started now; a moment later the capture no longer competes with that.
        time.sleep(0.02)
        pending = start_capture(Path.cwd(), self.space.local_blobs, self.space.state_dir / "cache")
        early = pending.early(_CAPTURE_S)
        self._lock.begin(early.environment, early.code.files)
        return pending

    def _standards_in_force(self) -> Standards:
        try:
            return self.space.review.get_standards(self._project).standards
        except RunwardError:
            return Standards()

    def _check_name(self, name: str) -> None:
        """Refuse before anything starts what the store would refuse afterwards."""
        if problem := name_problem(name, self._standards):
            raise GateClosedError(problem, hint=f"the rule is {self._standards.naming!r}", gates=["naming"])

    def _store_experiment(self, experiment_id: str) -> None:
        self._take_over(experiment_id)
        self.space.tracking.create_project(NewProject(path=self._project, exist_ok=True))
        self.space.tracking.create_experiment(self._experiment)

    def work_dir(self, experiment_id: str) -> Path:
        """``experiments/ID`` in the workspace's folder on this machine."""
        folder = self.space.state_dir / "experiments" / experiment_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def begin_run(
        self, experiment_id: str, task_name: str, config: Mapping[str, Any], tags: Mapping[str, str], seed: int | None
    ) -> RunHandle:
        """Open the run's journal, whose first entry creates it. Raises: GateClosedError (naming), StoreError (disk)."""
        self._take_over(experiment_id)
        self._check_name(task_name)
        run_id = new_id()
        new = NewRun(
            id=run_id,
            project=self._project,
            name=task_name,
            experiment_id=experiment_id,
            params=masked_params(given := self._params(task_name, config)),
            tags=masked_tags({**self._tags, **{str(k): str(v) for k, v in tags.items()}}),
            seed=seed,
            purpose=self._purpose(),
            started_at=utc_now(),
        )
        folder = self.space.state_dir / "journals" / run_id
        run = self._runs[run_id] = ActiveRun(run_id, folder)
        self._hidden[run_id] = [
            str(before.value).encode() for before, kept in zip(given, new.params, strict=True) if before != kept
        ]
        run.journal.append([j.CREATE, msgspec.to_builtins(new), msgspec.to_builtins(self._experiment)])
        self._seeds[run_id], self._experiment_of[run_id] = seed, experiment_id
        self.uploader.follow(folder)
        return RunHandle(run_id, {RUN_VARIABLE: run_id, JOURNAL_VARIABLE: str(folder)})

    def _purpose(self) -> str:
        """``metadata["purpose"]`` of the experiment: restricted data are handed out to its tasks for that."""
        said = (self._experiment.metadata or {}).get("purpose", "")
        return redact(said) if isinstance(said, str) else ""

    def _params(self, task_name: str, config: Mapping[str, Any]) -> list[RunParam]:
        origins = self.origins.get(task_name, {})
        flat = flatten_plain(dict(config))
        return [
            RunParam(key, plain(value), origin_of(key, origins)) for key, value in flat.items() if key != "_partial_"
        ]

    def _captured(self) -> list[Part]:
        """The experiment's capture, made once for all of its runs."""
        if self._parts is None and self._pending is not None:
            capture = self._pending.result(_CAPTURE_S).finish(timeout_s=_CAPTURE_S)
            self._root = Path(os.fsdecode(decode_path(capture.code.root)))
            early, late = (parts_of(self.space.local_blobs, capture, final=final) for final in (False, True))
            self._parts = [*early, *(part for part in late if part[0] not in ("reads", "machine"))]
        return self._parts or []

    def end_run(self, run_id: str, end: RunEnd) -> RunOutcome:
        """Write captures, output and end into the journal and upload it; returns what the store then has."""
        run = self._runs.pop(run_id)
        try:
            lock = self._lock.parts(_LOCK_S)
            hidden = self._hidden.pop(run_id, [])
            run.note_captures([*self._captured(), *lock, *self._spec(end, hidden), *self._reads(run, end)])
        except (OSError, RunwardError) as error:
            # A capture that failed is said on the run, and costs nobody a result.
            run.set_tag("runward.capture", f"failed: {error}")
        self._note_output(run, end)
        self._note_returned(run, end)
        used = msgspec.to_builtins(_with_gpu(end.usage, run.gpu_bytes))
        run._write([j.END, _STATUS[end.state], end.exit_code, redact(end.error), j.now(), used])
        run.journal.close()
        if not self.uploader.drain(run.folder):
            refused = self.uploader.refused.get(run.folder)
            why = f"the store refuses this run: {refused.message}" if refused else "the server is away"
            message = f"{why}; what was logged is kept in {run.folder}, and `runward sync` tries again"
            warnings.warn(message, RunwardWarning, stacklevel=2)
            return RunOutcome(end.metrics)
        self.space.tidy()
        return self._outcome(run_id, end)

    def _outcome(self, run_id: str, end: RunEnd) -> RunOutcome:
        detail = self.space.tracking.get_run(run_id)
        metrics = {m.key: float(m.last_special or (m.last if m.last is not None else "nan")) for m in detail.metrics}
        artifacts = {artifact.path: f"{run_id}/{artifact.path}" for artifact in detail.artifacts}
        gates: dict[str, GateVerdict] = {}
        with contextlib.suppress(NotFoundError):
            report = self.space.review.gates(run_id)
            closed = [gate.message for gate in report.results if gate.verdict not in ("pass", "warn")]
            name = f"standards of {detail.run.name}"
            gates[name] = GateVerdict(name, report.passed, "; ".join(closed) or "all gates pass", report)
        return RunOutcome({**end.metrics, **metrics}, artifacts, gates)

    def _note_returned(self, run: ActiveRun, end: RunEnd) -> None:
        """Numbers that the function returned count as metrics, unless the task logged them itself."""
        logged: set[str] = set()
        for path in j.journals_in(run.folder):
            reader = j.JournalReader(path)
            for frame in reader.frames(10_000_000):
                if frame.kind == j.POINTS:
                    logged.update(frame.fields[2])
            reader.close()
        returned = {key: value for key, value in end.metrics.items() if key not in logged}
        if returned:
            run.log_metrics(returned)

    def _note_output(self, run: ActiveRun, end: RunEnd) -> None:
        if end.log_path is None:
            return
        with end.log_path.open("rb") as file:
            data = file.read(_MAX_OUTPUT_BYTES)
            cut = file.read(1) != b""
        text, lines, masked = data.decode("utf-8", errors="replace"), Lines(), False
        for start in range(0, len(text), 60_000):
            whole = lines.feed(text[start : start + 60_000])
            masked |= run.log_output("stdout", whole)
        masked |= run.log_output("stdout", lines.rest())
        if masked:
            mask_file(end.log_path)
        if cut:
            run.log_output("stderr", f"\n… output beyond {_MAX_OUTPUT_BYTES >> 20} MiB was not kept\n")

    def _spec(self, end: RunEnd, hidden: Sequence[bytes]) -> list[Part]:
        """What the task's process was told, so that a verification can tell another one the same.

        What holds a secret is left out: the run is then one that cannot be called again, and says why.
        """
        if end.log_path is None:
            return []
        folder, blobs = end.log_path.parent, self.space.local_blobs
        if not (folder / COMMAND_FILE).exists():
            return []
        command = read_plain(str(folder / COMMAND_FILE))
        env = redact_variables(command["env"].items())
        if not (folder / SPEC_FILE).exists():
            argv = [encode_path(word) for word in redact_argv(command["argv"])]
            script = {"format": 1, "kind": "script", "argv": argv, "env": env}
            return [("spec", blobs.put_bytes(msgspec.json.encode(script)), {"script": " ".join(argv)[:200]})]
        spec = read_plain(str(folder / SPEC_FILE))
        names = {name: folder / name for name in (SPEC_FILE, PAYLOAD_FILE, SOURCE_FILE)}
        left_out: dict[str, int] = {}
        # The values of other tasks that it took, without which it cannot be called again.
        for name, place in spec["upstream"].items():
            files = {given_name(name, file): Path(place, file) for file in (RESULT_FILE, VALUE_FILE)}
            size = sum(path.stat().st_size for path in files.values() if path.exists())
            if size <= self._kept_value_bytes:
                names |= files
            else:
                left_out[name] = size
        secret = [name for name, path in names.items() if path.exists() and _is_secret(path, hidden)]
        kept = {name: blobs.put_file(path) for name, path in names.items() if path.exists() and name not in secret}
        told = {key: spec[key] for key in ("function", "upstream", "cwd", "sys_path", "seed")}
        told["argv"] = redact_argv(spec["argv"])
        data = msgspec.json.encode(
            {
                "format": 1,
                "kind": "task",
                "spec": told,
                "env": env,
                "blobs": kept,
                "left_out": left_out,
                "secret": secret,
            }
        )
        facts = {"function": spec["function"], "by_value": PAYLOAD_FILE in kept}
        return [("spec", blobs.put_bytes(data), facts)]

    def _reads(self, run: ActiveRun, end: RunEnd) -> list[Part]:
        """Which files the task's process read, by the audit hook in it."""
        folder = end.log_path.parent if end.log_path else None
        if folder is None or self._root is None:
            return []
        started = int(datetime.fromisoformat(end.started_at).timestamp() * 1e9) if end.started_at else 0
        noted = read_plain(str(folder / READS_FILE)) if (folder / READS_FILE).exists() else []
        heard = hear(folder, [(os.getcwd(), noted)])
        said = int(read_plain(str(folder / GPU_FILE))) if (folder / GPU_FILE).exists() else 0
        run.gpu_bytes = heard.gpu_bytes + said
        own = str(self.space.state_dir)
        opened = [(path, writes) for path, (writes, _) in heard.opened.items() if not path.startswith(own)]
        methods = {path: method for path, (_, method) in heard.opened.items()}
        reads = ReadRecorder.replay(
            opened,
            os.getcwd(),
            started,
            methods=methods,
            installed=[str(heard.python[name]) for name in ("prefix", "base_prefix") if heard.python],
        ).collect(self._root)
        seed = self._seeds.pop(run.id, None)
        seeds = {} if seed is None else {"seed": seed}
        kept = kept_reads(reads, self.space.local_blobs)
        document = {
            "seeds": seeds,
            "reads": msgspec.to_builtins(kept),
            "folders": folders_before(heard.written, self._root, started, self.space.state_dir),
        }
        digest = self.space.local_blobs.put_bytes(msgspec.json.encode(document))
        return [("reads", digest, {"files": len(reads), "seeds": seeds})]

    def save_metadata(self, experiment_id: str, metadata: Mapping[str, Any], version: int) -> None:
        """Keep a new version of the experiment's metadata."""
        with contextlib.suppress(RunwardError):
            self._store_experiment(experiment_id)
            self.space.tracking.set_metadata(experiment_id, plain(metadata))

    def end_experiment(self, experiment_id: str, state: TaskState, gates: Mapping[str, Any]) -> None:
        """Record the experiment's end, and the verdicts of its checks on the content of each of its runs."""
        with contextlib.suppress(RunwardError):
            self._store_experiment(experiment_id)
            self.space.tracking.end_experiment(experiment_id, _STATUS.get(state, RunStatus.FAILED))
        verdicts = {name: found for name, found in gates.items() if not isinstance(found, GateVerdict)}
        for run_id in [run for run, experiment in self._experiment_of.items() if experiment == experiment_id]:
            del self._experiment_of[run_id]
            for name, found in verdicts.items():
                # A check that cannot be kept costs nobody the experiment's end.
                with contextlib.suppress(RunwardError):
                    self.space.feedback.report_ci(run_id, kept_verdict(name, found))

    def entry_point(self, project: str | None) -> str | None:
        """The import path of the project's entry function for plain parameters."""
        return None


def _with_gpu(usage: Usage, said: int) -> Usage:
    """What was seen from outside, with the GPU memory that the task's processes said they had reserved."""
    return msgspec.structs.replace(usage, peak_gpu_memory_bytes=max(usage.peak_gpu_memory_bytes or 0, said) or None)


class Experiment(execution.Experiment):
    """An experiment that records to the workspace and fills in defaults.

    A dict of parameters gets defaults where it is silent (run > user > project > team; see
    :func:`runward.defaults.with_defaults`), and the origin of every value is recorded with the run. See :class:`runward.execution.experiment.Experiment`.
    """

    def _begin(self, plan: Plan, executor: Executor) -> Runner:
        # `runward run --plan` asks a driver script what it would do: it shows that, and nothing is started.
        if os.environ.get(PLAN_VARIABLE):
            sys.stdout.write(f"{plan}\n")
            raise SystemExit(0)
        backend = self._connect()
        for task in self._tasks:
            given = task.what if task.parameters is None else task.parameters
            task.tags.update(library_tags(given))
            if isinstance(backend, WorkspaceBackend):
                backend.origins[task.name] = origins_in(given)
        return super()._begin(plan, executor)

    def _add_parameters(
        self,
        parameters: dict[str, Any],
        name: str | None,
        dependencies: Iterable[str | Task],
        options: dict[str, Any],
    ) -> Task:
        backend = self._connect()
        if "_target_" in parameters:
            parameters = copy.deepcopy(parameters)
        elif isinstance(backend, WorkspaceBackend):
            parameters = filled(backend.space, self.project or face.default_project(), parameters)
        return super()._add_parameters(parameters, name, dependencies, options)


# Importing this module is what makes experiments record to the workspace: the face takes `Experiment` from here.
set_backend_factory(WorkspaceBackend)


def _is_secret(path: Path, hidden: Sequence[bytes]) -> bool:
    """Whether a file of a task's call holds a secret: one that shows by itself, or a value that was masked as a param."""
    data = path.read_bytes()
    return any(value in data for value in hidden) or bool(find_secrets(data.decode("utf-8", "replace")))
