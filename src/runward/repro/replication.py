"""A statistical verification: replicates of a run on both sides, looked at in sequence until they decide."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.core.hashing import digest_file, digest_value
from runward.core.ids import RunId
from runward.core.seeding import OTHER_SEED_VARIABLE
from runward.errors import InvalidError, NotFoundError, ReproError, SourceMissingError
from runward.repro import compare as c
from runward.repro.attempt import Attempt, Say, Space, finished_run
from runward.repro.content import measures_time
from runward.repro.equivalence import LOOKS, Evidence, Statistics, check_margin, conclude, default_margin
from runward.repro.independence import compare_implementations, implementation_of, not_independent
from runward.repro.model import Conditions, InputCheck, VerificationReport
from runward.repro.notes import Notes
from runward.repro.records import Replicate, ReplicateGroup
from runward.repro.scratch import scratch_folder
from runward.repro.statistical import (
    EXPERIMENT,
    as_sample,
    assess_all,
    decide_conceptually,
    decide_statistically,
    result_of,
)
from runward.repro.verify import Keep, Outcome, recorded, undecided
from runward.tracking.capture.model import Capture, ProcessSnapshot
from runward.tracking.content import digest_of
from runward.tracking.model import RunDetail
from runward.tracking.replicates import seed_of, seed_words

_FORMAT = 3
_MOST_METRICS = 10
_LOOKED_AT = 4
"""Replicates whose commands are looked at to see where theirs name the seed."""


class Limits(NamedTuple):
    """How far a statistical verification may go."""

    budget_s: float = 3600.0
    """For all reruns together."""
    timeout_s: float = 3600.0
    """For one rerun."""
    max_runs: int = LOOKS[-1]
    """Runs per side."""
    sandbox: bool = True
    network: bool = False


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """One rerun, as it is kept beside the workspace so that an interrupted verification goes on."""

    seed: int | None
    values: dict[str, float | None]
    inputs: list[InputCheck]
    conditions: Conditions
    failure: str = ""


def verify_statistically(
    space: Space,
    ref: str,
    *,
    metrics: Sequence[str] = (),
    margins: Mapping[str, float] | None = None,
    test_sizes: Mapping[str, int] | None = None,
    baseline: Sequence[str] = (),
    second: str = "",
    evaluation: Sequence[str] = (),
    limits: Limits | None = None,
    say: Say = lambda text: None,
    keep: Keep | None = None,
) -> Outcome:
    """Compare a run's replicates with reruns in the rebuilt environment, and record what came of it.

    The baseline is the run with all its recorded seed replicates. Each is rerun with its own seed; where there are too
    few, both sides get more of them by reruns of the recorded code with other seeds, the baseline's in the captured
    interpreter. A metric counts by its last value.

    With a second implementation the level is conceptual: the reruns are those of the second one, which must be another
    person's, share no code but what evaluates, and have read the same data.

    Args:
        space: The workspace.
        ref: The run: id, prefix, name or ``@last``.
        metrics: What the conclusion rests on; by default all that the run logged but durations.
        margins: By metric, in its own unit; by default the larger of 1 % of the baseline's mean and 2 x its deviation.
        test_sizes: Examples in the test set of metrics that are proportions.
        baseline: The replicates by name, to make sure which they are; none may be left out.
        second: A run of a second implementation.
        evaluation: Files that both implementations may share, as paths or patterns: how the result is measured.
        limits: Time and number of the reruns.
        say: Told what is being done.
        keep: Records what came of it, if not the workspace by itself.

    Raises: NotFoundError (no such run), InvalidError (margin, metric or baseline; a run is not over; both are one). What
    stands in the way of a rerun is not raised but recorded as *undecided* with its reason.
    """
    details = [finished_run(space, name) for name in (ref, second) if name]
    detail = details[0]
    if second and details[1].run.id == detail.run.id:
        raise InvalidError("the second implementation is the same run", hint="name a run of another implementation")
    chosen = _chosen(detail, metrics, {*(margins or {}), *(test_sizes or {})})
    group = space.repro.replicates(detail.run.id)
    _check_baseline(space, group, baseline)
    begun = time.monotonic()
    study = _Study(space, detail, group, limits or Limits(), say)
    try:
        if second:
            study.be_conceptual(details[1], evaluation)
        report = study.carry_out(chosen, margins or {}, test_sizes or {})
    except (ReproError, NotFoundError) as error:
        report = undecided(detail.run.id, error)
    return recorded(keep or space.repro.record, report, begun, "conceptual" if second else "statistical")


def _chosen(detail: RunDetail, metrics: Sequence[str], named: set[str]) -> list[str]:
    known = [metric.key for metric in detail.metrics]
    if unknown := sorted({*metrics, *named} - set(known)):
        raise InvalidError(
            f"the run did not log {unknown[0]!r}", hint=f"it logged: {', '.join(sorted(known)) or 'no metric'}"
        )
    chosen = list(dict.fromkeys(metrics)) or [key for key in known if not measures_time(key)]
    if not metrics and len(chosen) > _MOST_METRICS:
        raise InvalidError(
            f"the run logged {len(chosen)} metrics, and all would have to agree",
            hint="name those that the conclusion rests on: --metric NAME",
        )
    return chosen


def _check_baseline(space: Space, group: ReplicateGroup, named: Sequence[str]) -> None:
    """A named baseline must be all of the replicates: a selection is none. Raises: InvalidError, NotFoundError."""
    if not named:
        return
    ids = {space.tracking.resolve_run(ref).id for ref in named}
    known = {run.run_id: run.name for run in group.runs}
    if strange := sorted(ids - known.keys()):
        raise InvalidError(
            f"baseline: run {strange[0]} differs in more than the seed, or has the seed of another",
            hint=f"the replicates are {', '.join(known)}",
        )
    if left := [run_id for run_id in known if run_id not in ids]:
        raise InvalidError(
            f"baseline: {known[left[0]]!r} ({left[0]}) is a replicate too and is left out",
            hint="a selection of runs is no baseline; delete or archive nothing for it either",
        )


class _Study:
    """Both sides of one statistical verification."""

    def __init__(self, space: Space, detail: RunDetail, group: ReplicateGroup, limits: Limits, say: Say) -> None:
        self.space, self.detail, self.group, self.limits, self.say = space, detail, group, limits, say
        self.deadline = time.monotonic() + limits.budget_s
        self.before: list[Replicate] = list(group.runs)
        self.after: list[Made] = []
        self.said = ""
        self.candidate, self.candidates = detail, group
        self.apart: list[InputCheck] = []
        self.notes = Notes(space.state_dir / "cache" / "replicates", Made)

    def be_conceptual(self, second: RunDetail, evaluation: Sequence[str]) -> None:
        """Let the candidate side be a second implementation. Raises: NotFoundError (it was not captured)."""
        first, other = (
            implementation_of(
                one.run.created_by,
                partial(self.space.files.capture, one.run.id),
                partial(self.space.files.read, one.run.id),
            )
            for one in (self.detail, second)
        )
        self.apart = compare_implementations(first, other, evaluation)
        self.candidate, self.candidates = second, self.space.repro.replicates(second.run.id)

    def carry_out(
        self, keys: list[str], margins: Mapping[str, float], test_sizes: Mapping[str, int]
    ) -> VerificationReport:
        """Declare the margins, then make runs and look at them until they decide or may not go on."""
        enough = not not_independent(self.apart) if self.apart else True
        enough = enough and self._extend_baseline(LOOKS[0])
        declared = [self._declare(key, margins.get(key), test_sizes.get(key)) for key in keys] if enough else []
        for n in LOOKS:
            if not declared or n > self.limits.max_runs or not (self._extend_baseline(n) and self._extend(n)):
                break
            self._doubt_copies()
            found = assess_all(self._evidence(declared))
            self.say(f"{n} runs per side: {conclude([one.outcome for one in found])}")
            if conclude([one.outcome for one in found]) != "undecided" or self._stopped():
                break
        return self._report(self._evidence(declared))

    def _declare(self, key: str, given: float | None, test_size: int | None) -> Evidence:
        samples = [as_sample("", run.seed, run.values.get(key)) for run in self.before]
        values = [item.value for item in samples if item.value is not None]
        floor = 1.0 / test_size if test_size else 0.0
        margin = check_margin(key, given, test_size) if given is not None else max(default_margin(values), floor)
        self.say(f"margin of {key}: ±{margin:.6g} ({'declared' if given is not None else 'default'})")
        return Evidence(
            metric=key,
            margin=margin,
            margin_from="declared" if given is not None else "default",
            declared_on=len(self.before),
            baseline=[],
            candidate=[],
            test_size=test_size,
        )

    def _evidence(self, declared: list[Evidence]) -> list[Evidence]:
        return [
            msgspec.structs.replace(
                one,
                baseline=[as_sample(run.run_id, run.seed, run.values.get(one.metric)) for run in self.before],
                candidate=[as_sample("", made.seed, made.values.get(one.metric)) for made in self.after],
            )
            for one in declared
        ]

    def _seed(self, i: int) -> int:
        """The i-th seed of those that are given from outside: always the same ones, so that nobody can pick."""
        return int(digest_value([self.detail.run.id, "replicate", i])[:8], 16)

    def _extend_baseline(self, n: int) -> bool:
        while len(self.before) < n:
            made = self._make("basic", self.detail, self._seed(len(self.before)))
            if made is None:
                return False
            if made.failure:
                raise SourceMissingError(
                    f"{len(self.group.runs)} replicates were recorded, and no more can be made: {made.failure}",
                    hint=f"record at least {LOOKS[0]} runs of this code with different seeds",
                )
            self.before.append(Replicate(RunId(""), "", made.seed, made.values))
        return True

    def _extend(self, n: int) -> bool:
        recorded = len(self.candidates.runs)
        while len(self.after) < n and not self._stopped():
            i = len(self.after)
            detail = self.space.tracking.get_run(self.candidates.runs[i].run_id) if i < recorded else self.candidate
            made = self._make("environment", detail, self._seed(i) if i >= recorded else None)
            if made is None:
                return False
            # Seeds of two implementations have nothing to do with each other, so they make no pairs.
            self.after.append(msgspec.structs.replace(made, seed=None if self.apart else self.before[i].seed))
        return not self._stopped()

    def _stopped(self) -> bool:
        """Whether a rerun went so that further ones tell nothing."""
        changed = any(check.status == "different" and check.kind in EXPERIMENT for check in self._inputs())
        return changed or any(made.failure or made.conditions.timed_out for made in self.after)

    def _make(self, level: str, detail: RunDetail, seed: int | None) -> Made | None:
        """A rerun, or what an earlier call kept of it; None where the time is used up."""
        name = [_FORMAT, level, digest_of(detail), seed, self.limits.sandbox, self.limits.network, self._data(detail)]
        if (note := self.notes.find(*name)) is not None:
            return note
        if time.monotonic() >= self.deadline:
            self.said = "the time for reruns is used up: call again to go on from here, or raise --budget"
            return None
        where = "the captured interpreter" if level == "basic" else "the rebuilt environment"
        self.say(f"rerun with {'its own seed' if seed is None else f'seed {seed}'} in {where}")
        with scratch_folder() as folder:
            made = self._rerun(Attempt(self.space, detail, folder, lambda text: None), level, seed)
        if not (made.failure or made.conditions.timed_out or made.conditions.hindered):
            self.notes.keep(made, *name)
        return made

    def _data(self, detail: RunDetail) -> list[str]:
        """What the files that the run read are now: reruns of older ones do not count."""
        capture = Attempt(self.space, detail, Path(), lambda text: None).capture()
        paths = [Path(read.path) for read in capture.reads]
        return [digest_file(path) if path.is_file() else "" for path in paths]

    def _rerun(self, attempt: Attempt, level: str, seed: int | None) -> Made:
        if seed is not None:
            attempt.emulated = {OTHER_SEED_VARIABLE: str(seed), "RUNWARD_SEED": str(seed), "PYTHONHASHSEED": str(seed)}
        capture = attempt.capture()
        if seed is not None:
            capture = self._seeded(capture, attempt.detail, seed)
        left = max(1.0, min(self.limits.timeout_s, self.deadline - time.monotonic()))
        attempt.network = self.limits.network
        again = attempt.again(capture, level, left, self.limits.sandbox)
        return Made(
            seed=seed if seed is not None else attempt.detail.run.seed,
            values={
                key: as_sample("", None, one.values[-1]).value
                for key, one in again.results.metrics.items()
                if one.values
            },
            inputs=[
                check
                for check in attempt.inputs(capture, again, level)
                if check.kind != "seed" and not _is_given_seed(check)
            ],
            conditions=again.conditions({}),
            failure=again.failure,
        )

    def _seeded(self, capture: Capture, detail: RunDetail, seed: int) -> Capture:
        """A run with another seed where its command names its own."""
        group = self.candidates if detail is self.candidate else self.group
        own, argv = str(seed_of(detail.run)), list(capture.process.argv)
        others = (self._command(run.run_id) for run in group.runs[1:_LOOKED_AT] if run.run_id)
        for at in seed_words([argv, *others]):
            name, sign, value = argv[at].rpartition("=")
            argv[at] = f"{name}{sign}{seed}" if value == own else argv[at]
        return msgspec.structs.replace(capture, process=msgspec.structs.replace(capture.process, argv=argv))

    def _command(self, run_id: RunId) -> list[str]:
        return msgspec.json.decode(self.space.files.capture(run_id, "process"), type=ProcessSnapshot).argv

    def _doubt_copies(self) -> None:
        """Refuse reruns that their seeds do not tell apart. Raises: SourceMissingError."""
        for side in (
            [run.values for run in self.before if not run.run_id],
            [made.values for made in self.after[len(self.candidates.runs) :]],
        ):
            if len(side) >= LOOKS[0] and all(_repeated(values) == _repeated(side[0]) for values in side):
                raise SourceMissingError(
                    f"{len(side)} reruns with different seeds gave the same values to the last bit: they are copies, not "
                    "repetitions, for the seed does not reach the result from outside",
                    hint=f"record at least {LOOKS[0]} runs with different seeds, named by --seed or run.start(seed=…)",
                )

    def _report(self, metrics: list[Evidence]) -> VerificationReport:
        conditions = self._conditions()
        inputs = self._inputs()
        inputs = [*self.apart, *inputs]
        decide_on = decide_conceptually if self.apart else decide_statistically
        decision, found = decide_on(metrics, inputs, conditions)
        result = result_of(metrics, found)
        failure = next((made.failure for made in self.after if made.failure), "")
        reason = failure or "; ".join(filter(None, [decision.reason, self.said]))
        return VerificationReport(
            run=self.detail.run.id,
            verdict=decision.verdict,
            level=decision.level,
            reason=reason,
            result=result,
            inputs=inputs,
            cause=decision.cause,
            unchecked=c.unchecked_of(inputs, result),
            conditions=conditions,
            statistics=Statistics(metrics=metrics, found=found, failed=[str(run_id) for run_id in self.group.failed]),
            other=str(self.candidate.run.id) if self.apart else "",
        )

    def _conditions(self) -> Conditions:
        all_of = [made.conditions for made in self.after]
        return Conditions(
            environment_rebuilt=bool(all_of) and all(one.environment_rebuilt for one in all_of),
            sandbox="bubblewrap" if all_of and all(one.sandbox == "bubblewrap" for one in all_of) else "none",
            sandbox_note="; ".join(dict.fromkeys(one.sandbox_note for one in all_of)),
            timed_out=any(one.timed_out for one in all_of),
            hindered=next((one.hindered for one in all_of if one.hindered), ""),
        )

    def _inputs(self) -> list[InputCheck]:
        """Every input of all reruns of the candidate side: one that differed in any of them differs."""
        found: dict[tuple[str, str], InputCheck] = {}
        for check in (check for made in self.after for check in made.inputs):
            known = found.setdefault((check.kind, check.name), check)
            if known.status != "different" and check.status == "different":
                found[check.kind, check.name] = check
        return list(found.values())


def _repeated(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """What another seed should change."""
    return {key: value for key, value in values.items() if not measures_time(key)}


def _is_given_seed(check: InputCheck) -> bool:
    """What is varied on purpose is no input that differs."""
    return check.kind == "variable" and check.name in ("PYTHONHASHSEED", "RUNWARD_SEED", OTHER_SEED_VARIABLE)
