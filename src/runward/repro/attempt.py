"""One rerun of a run: restored, rebuilt, run again, compared and decided, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from runward.core.ids import Digest, RunId
from runward.errors import InvalidError, NotFoundError, ReproError, SourceMissingError
from runward.repro import compare as c
from runward.repro import variation
from runward.repro.api import Repro
from runward.repro.calls import Call, Task, returned
from runward.repro.command import Relocation, clean_environment, place_inputs, relocation, rerun_command, why_not_kept
from runward.repro.environment import RebuiltEnvironment, Source, rebuild_environment
from runward.repro.hindrance import hindrance
from runward.repro.levels import decide
from runward.repro.model import (
    Conditions,
    InputCheck,
    ResultReport,
    Series,
    Tolerance,
    VerificationReport,
)
from runward.repro.moments import Span
from runward.repro.observe import (
    Outputs,
    changed_since,
    files_of,
    found_bytes,
    inputs_after,
    outputs_after,
    outputs_before,
    reader,
)
from runward.repro.printed import Around, compare_stdout
from runward.repro.pylock import stored_lock
from runward.repro.rerun import RerunOutcome, rerun
from runward.repro.restore import RestoredCode, restore_code
from runward.tracking import journal as j
from runward.tracking.api import Tracking
from runward.tracking.capture.model import (
    Capture,
    CodeSnapshot,
    EnvironmentSnapshot,
    FileRead,
    FileWritten,
    MachineSnapshot,
    ProcessSnapshot,
    decode_path,
)
from runward.tracking.capture.preload import shim
from runward.tracking.capture.watch import Testimony, hear, seeding_environment, watched_environment
from runward.tracking.client import JOURNAL_VARIABLE, RUN_VARIABLE
from runward.tracking.files import Files
from runward.tracking.locks.model import Lock
from runward.tracking.locks.parsing import parse
from runward.tracking.model import Run, RunDetail
from runward.tracking.uploader import gather

Say = Callable[[str], None]
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class Space(Protocol):
    """What a verification needs of a workspace."""

    tracking: Tracking
    files: Files
    repro: Repro
    state_dir: Path


class Blobs:
    """Captured bytes, from wherever they are read. ``read`` raises: NotFoundError."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read

    def read(self, digest: Digest) -> bytes:
        """The bytes. Raises: NotFoundError."""
        return self._read(digest)

    def copy_to(self, digest: Digest, path: Path) -> None:
        """Write them to a file. Raises: NotFoundError."""
        path.write_bytes(self.read(digest))


class Results(NamedTuple):
    """What a run left: series, artifacts, printed text, exit code."""

    metrics: dict[str, Series]
    artifacts: dict[str, str]
    stdout: str
    exit_code: int | None
    read: Callable[[str], bytes] = found_bytes({})
    """Bytes of artifacts by digest, as far as they are at hand."""


class Again(NamedTuple):
    """A rerun: how it went and what it left."""

    outcome: RerunOutcome
    results: Results
    data: list[InputCheck]
    around: Around
    problems: list[str]
    """What could not be rebuilt as it was."""
    rebuilt: bool
    """The environment was built anew, with everything that the run had."""
    failure: str
    """Why it ended otherwise than the run did; empty where it did not."""
    hindered: str
    """What the machine lacked for it; empty where nothing."""

    @property
    def cut_short(self) -> str:
        """Why its results are none; empty where they are."""
        return self.hindered or ("it did not end in time" if self.outcome.timed_out else "")

    def conditions(self, reads_seen: Mapping[str, int]) -> Conditions:
        """How it was carried out."""
        return Conditions(
            environment_rebuilt=self.rebuilt,
            sandbox=self.outcome.sandbox,
            sandbox_note="; ".join([self.outcome.sandbox_note, *self.problems]),
            timed_out=self.outcome.timed_out,
            hindered=self.hindered,
            reads_seen=dict(reads_seen),
        )


class Attempt:
    """One verification's work in a folder of its own."""

    def __init__(self, space: Space, detail: RunDetail, folder: Path, say: Say) -> None:
        self.space, self.detail, self.folder, self.say = space, detail, folder, say
        self.run_id = detail.run.id
        self.journal = folder / "work" / "journal"
        self.heard = Testimony()
        self.emulated: Mapping[str, str] = {}
        self.blobs = Blobs(partial(space.files.read, self.run_id))
        self.network = False
        """Let reruns use the network."""
        self.spec_run, self.taken = self.run_id, tuple[str, ...]()
        """The run whose task is called, and what is taken from the task of the run itself where that is another one."""
        self.as_recorded = False
        """Use data that changed since as it was, and refuse to run with any other."""

    def vary(
        self, report: VerificationReport, timeout_s: float, tolerances: dict[str, Tolerance], sandbox: bool
    ) -> VerificationReport:
        """The report with what comes of an emulated change of machine, tried in a folder of its own."""
        chosen = variation.choose(self.heard)
        if chosen is None:
            return report
        self.say(f"once more with {chosen.name}")
        other = Attempt(self.space, self.detail, self.folder / "variation", self.say)
        other.emulated, other.network = chosen.variables, self.network
        try:
            varied = other.carry_out("environment", timeout_s, tolerances, sandbox)
            tried = variation.outcome(chosen, varied.result, other.heard)
            if varied.conditions.timed_out:
                tried = variation.failed(chosen, varied.reason)
        except (ReproError, NotFoundError) as error:
            tried = variation.failed(chosen, error.message)
        return msgspec.structs.replace(report, variation=tried)

    def carry_out(
        self, level: str, timeout_s: float, tolerances: dict[str, Tolerance], sandbox: bool
    ) -> VerificationReport:
        """One rerun, from the restored tree to the decision."""
        capture = self.capture()
        again = self.again(capture, level, timeout_s, sandbox)
        places = around(capture, self.detail.run), again.around
        result = self.compared(self.recorded(capture), again.results, tolerances, places)
        checks = self.inputs(capture, again, level)
        conditions = msgspec.structs.replace(
            again.conditions(Counter(read.method for read in capture.reads)), changed_since=changed_since(capture)
        )
        decision = decide(checks, result, conditions)
        return VerificationReport(
            run=self.run_id,
            verdict=decision.verdict,
            level=decision.level,
            reason=again.hindered or again.failure or decision.reason,
            result=result,
            inputs=checks,
            cause=decision.cause,
            unchecked=[*c.unchecked_of(checks, result), *capture.read_problems],
            conditions=conditions,
        )

    def inputs(self, capture: Capture, again: Again, level: str) -> list[InputCheck]:
        """The inputs of the run beside those of its rerun."""
        params = params_of(self.detail)
        after = inputs_after(capture, self.heard, params, again.data, live=level == "basic")
        # What another task returned is put back by its digest: another value cannot get there.
        given: c.Inputs = {("data", f"value of {name}"): digest for name, digest in self._call().given.items()}
        return c.compare_inputs({**c.inputs_of(capture, params), **given}, {**after, **given})

    def again(self, capture: Capture, level: str, timeout_s: float, sandbox: bool) -> Again:
        """Restore, rebuild and rerun. Raises: ReproError (something that the run needs is missing)."""
        self.say(
            f"restoring {len(capture.code.files):,} file{'' if len(capture.code.files) == 1 else 's'} of {capture.code.commit[:10] or 'a folder'}"
            f"{' with uncommitted changes' if capture.code.dirty else ''}"
        )
        root = self.folder / "work" / "tree"
        root.parent.mkdir(parents=True)
        fill = Path(os.fsdecode(capture.code.root))
        restored = restore_code(capture.code, self.blobs, root, fill if fill.is_dir() else None)
        built = self._environment(capture, restored, level)
        move = relocation(capture, restored.root, built.python)
        placed = place_inputs(
            capture, restored.root, self.blobs, as_recorded=self.as_recorded, aside=self.folder / "over"
        )
        data = placed.checks
        if self.as_recorded and (changed := [check.name for check in data if check.status == "different"]):
            raise SourceMissingError(
                f"data {', '.join(changed[:3])} changed since the run and its former content was not kept",
                hint="put it back, or `runward data add` its former content to the run's project",
            )
        if gone := [check.name for check in data if check.before is not None and check.after is None]:
            reads = {read.relative or read.path: read for read in capture.reads}
            told = "; ".join(f"{name} is gone from here, and {why_not_kept(reads[name])}" for name in gone[:3])
            raise SourceMissingError(
                f"data {told}" + (f"; {len(gone) - 3} more are gone" if len(gone) > 3 else ""),
                hint="put it back, or `runward data add` it to the run's project where it still is: reruns take it from there",
            )
        begun_ns = time.time_ns()
        outcome = self._rerun(capture, restored, built, move, timeout_s, sandbox, placed.over)
        heard = self.heard = hear(self.journal)
        outputs = outputs_after(capture, heard, restored.root, begun_ns, self.journal, data)
        shown = _around_rerun(heard, move, self.folder, (begun_ns / 1e9, time.time()))
        # Runward is the instrument, not an input; any other source that was not captured is one.
        rebuilt = level == "environment" and all(text.startswith("runward ") for text in built.problems)
        results = self._after(outcome, outputs)
        masked = [entry.path for entry in capture.code.files if entry.masked]
        hindered = hindrance(outcome, self.detail.run.exit_code or 0, masked, files_of(capture))
        return Again(outcome, results, data, shown, built.problems, rebuilt, self._failure(outcome), hindered)

    def _failure(self, outcome: RerunOutcome) -> str:
        if outcome.timed_out or outcome.exit_code == (self.detail.run.exit_code or 0):
            return ""
        last = outcome.stderr_path.read_text(errors="replace").strip().splitlines()[-1:]
        return f"the rerun ended with exit code {outcome.exit_code}" + (f": {last[0][:300]}" if last else "")

    def _document(self, kind: str, as_type: Any, run_id: str = "") -> Any:
        try:
            return msgspec.json.decode(self.space.files.capture(run_id or self.run_id, kind), type=as_type)
        except NotFoundError:
            raise SourceMissingError(
                f"the run's {kind} was not captured, so it cannot be run again", hint="start runs with capture=True"
            ) from None

    def _call(self, run_id: RunId | None = None) -> Call:
        """What the process of a task of an experiment was told. Raises: SourceMissingError."""
        run_id = run_id or self.run_id
        is_task = any(part.kind == "spec" for part in self.detail.captures)
        return Call(self.space.files, run_id, self._document("spec", dict[str, Any], run_id) if is_task else {})

    def task(self) -> Task | None:
        """The run's call, if it was a task of an experiment that calls a function. Raises: SourceMissingError."""
        return self._call().task(params_of(self.detail))

    def capture(self) -> Capture:
        """What was recorded of the run. Raises: SourceMissingError."""
        reads: dict[str, Any] = {}
        with contextlib.suppress(NotFoundError):
            reads = msgspec.json.decode(self.space.files.capture(self.run_id, "reads"))
        seed = self.detail.run.seed
        seeds = {str(key): int(value) for key, value in reads.get("seeds", {}).items()}
        environment = self._document("environment", EnvironmentSnapshot)
        process = self._document("process", ProcessSnapshot)
        environment, process = self._call().command(environment, process)
        return Capture(
            code=self._document("code", CodeSnapshot),
            environment=environment,
            machine=self._document("machine", MachineSnapshot),
            process=process,
            reads=msgspec.convert(reads.get("reads", []), list[FileRead]),
            writes=msgspec.convert(reads.get("writes"), list[FileWritten] | None),
            folders=msgspec.convert(reads.get("folders", []), list[str]),
            variables_read=reads.get("variables_read", []),
            read_problems=reads.get("read_problems", []),
            pids=reads.get("pids", []),
            seeds=seeds or ({"seed": seed} if seed is not None else {}),
        )

    def _environment(self, capture: Capture, restored: RestoredCode, level: str) -> RebuiltEnvironment:
        if level == "basic":
            python = Path(capture.environment.executable)
            if not python.exists():
                raise SourceMissingError(
                    f"the captured interpreter {python} is not on this machine", hint="use --level environment"
                )
            return RebuiltEnvironment(python=python, digest=capture.environment.digest, created=False)
        self.say(f"building Python {capture.environment.python} with {len(capture.environment.packages)} packages")
        return rebuild_environment(
            capture.environment,
            self.space.state_dir / "cache" / "environments",
            project_dir=restored.root,
            captured_root=capture.code.root,
            site_dirs=[str(path) for path in _site_dirs(capture)],
            sources=self._sources(capture),
            blobs=self.blobs,
            lock=self._stored_lock(),
        )

    def _stored_lock(self) -> Lock | None:
        """What was stored with the run of its packages' files, if that was."""
        stored = stored_lock(self.space.files, self.run_id)
        return parse("pylock.toml", stored.text.encode()) if stored else None

    def _sources(self, capture: Capture) -> dict[str, Source]:
        """The trees of editable installs, restored as they were."""
        found: dict[str, Source] = {}
        for name, tree in capture.environment.sources.items():
            root = Path(os.fsdecode(decode_path(tree.root)))
            place = self.folder / "work" / "sources" / name
            restore_code(tree, self.blobs, place, root if root.is_dir() else None)
            found[name] = Source(place, str(root))
        return found

    def _rerun(
        self,
        capture: Capture,
        restored: RestoredCode,
        built: RebuiltEnvironment,
        move: Relocation,
        timeout_s: float,
        sandbox: bool,
        over: Mapping[Path, Path],
    ) -> RerunOutcome:
        env = clean_environment(capture.environment.variables, move, self.folder / "work" / "home", built.extra_paths)
        # A rerun records into its own folder; it must never find a workspace of this machine.
        env |= {RUN_VARIABLE: self.run_id, JOURNAL_VARIABLE: str(self.journal)}
        env["RUNWARD_DIR"] = str(self.folder / "work" / "workspace")
        call, project_path = self._call(self.spec_run), list[str]()
        if call.is_task:
            argv, project_path = call.put(
                self.folder / "work" / "task", move, self.detail.run.seed, self.taken, self._call()
            )
        else:
            argv = rerun_command(capture.process.argv, move)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [*project_path, env.get("PYTHONPATH", "")]))
        self.journal.mkdir(parents=True)
        env |= seeding_environment(self.detail.run.seed, env) | watched_environment(self.journal, env, shim())
        env |= self.emulated
        self.say("running it again")
        work = self.folder / "work"
        return rerun(
            argv, restored.cwd, env, timeout_s,
            writable=work, output_dir=self.folder / "out", sandbox=sandbox, network=self.network, over=over,
        )  # fmt: skip

    def recorded(self, capture: Capture) -> Results:
        """The run's own results."""
        keys = [metric.key for metric in self.detail.metrics]
        metrics: dict[str, Series] = {}
        if keys:
            for series in self.space.tracking.series(self.run_id, keys).series:
                values = [
                    _SPECIAL[series.special[i]] if i in series.special else float(v if v is not None else "nan")
                    for i, v in enumerate(series.values)
                ]
                metrics[series.key] = Series(steps=series.steps, values=values)
        artifacts = {artifact.path: str(artifact.digest) for artifact in self.detail.artifacts}
        artifacts = outputs_before(capture) | artifacts
        return Results(metrics, artifacts, "".join(self._printed()), self.detail.run.exit_code)

    def _printed(self) -> Iterator[str]:
        after, more = 0, True
        while more:
            page = self.space.tracking.output(self.run_id, after)
            after, more = page.next, page.more
            yield from (chunk.text for chunk in page.chunks if chunk.stream == "stdout")

    def _after(self, outcome: RerunOutcome, outputs: Outputs) -> Results:
        metrics: dict[str, Series] = {}
        found = gather(j.journals_in(self.journal) if self.journal.exists() else [])
        for key, column in found.columns.items():
            order = sorted(range(len(column.steps)), key=column.steps.__getitem__)
            metrics[key] = Series(steps=[column.steps[i] for i in order], values=[column.values[i] for i in order])
        for key, value in returned(self.folder / "work" / "task").items():
            metrics.setdefault(key, Series(steps=[0], values=[value]))
        printed = outcome.stdout_path.read_text(errors="replace")
        artifacts = {**found.artifacts, **outputs.digests}
        return Results(metrics, artifacts, printed, outcome.exit_code, reader(found_bytes(found.small), outputs.read))

    def compared(
        self,
        before: Results,
        after: Results,
        tolerances: dict[str, Tolerance],
        around: tuple[Around, Around],
    ) -> ResultReport:
        """Both runs' results side by side."""

        def spooled(digest: str) -> bytes:
            path = self.journal / "blobs" / digest
            return path.read_bytes() if path.exists() else self.space.files.read(self.run_id, digest)

        printed = compare_stdout(before.stdout, after.stdout, tolerances.get("stdout"), around)
        return c.result_report(
            c.compare_metrics(before.metrics, after.metrics, tolerances),
            c.compare_artifacts(before.artifacts, after.artifacts, reader(after.read, spooled), tolerances, around),
            printed if before.stdout or after.stdout else None,
            c.compare_exit_codes(before.exit_code or 0, after.exit_code or 0),
        )


def around(capture: Capture, run: Run) -> Around:
    """What a run may have written of where, when and as which processes it ran."""
    folders = {os.fsdecode(decode_path(capture.code.root)): "/tree", capture.environment.prefix: "/environment"}
    begun, ended = run.started_at or run.created_at, run.ended_at
    return Around(
        {path: name for path, name in folders.items() if len(path) > 1},
        frozenset(capture.pids),
        (begun.timestamp(), ended.timestamp()) if ended else None,
    )


def _around_rerun(heard: Testimony, move: Relocation, folder: Path, span: Span) -> Around:
    folders = {str(move.root): "/tree", str(move.python.parent.parent): "/environment", str(folder): "/temporary"}
    return Around(folders, frozenset(heard.pids), span)


def _site_dirs(capture: Capture) -> list[Path]:
    """Where the captured environment keeps its packages, if it is still on this machine."""
    prefix = Path(capture.environment.prefix)
    return sorted(prefix.glob("lib/python3*/site-packages")) + sorted(prefix.glob("Lib/site-packages"))


def finished_run(space: Space, ref: str) -> RunDetail:
    """A run that is over, by id, prefix, name or ``@last``. Raises: NotFoundError, InvalidError (it is still running)."""
    detail = space.tracking.get_run(space.tracking.resolve_run(ref).id)
    if not detail.run.status.is_terminal:
        raise InvalidError(f"run {detail.run.name!r} is still running", hint="wait for its end")
    return detail


def params_of(run: RunDetail) -> dict[str, Any]:
    """A run's parameters by key."""
    return {param.key: param.value for param in run.params}
