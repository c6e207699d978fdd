"""Why two results differ, found by experiment: single differences are put back, and what restores the result is named."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.core.hashing import digest_value
from runward.errors import InvalidError, NotFoundError, ReproError
from runward.repro.attempt import Again, Attempt, Blobs, Space, around, finished_run
from runward.repro.ddmin import minimal
from runward.repro.differences import Mixture, Pair
from runward.repro.findings_model import AGREE, FIRST, FIXED, OTHER, REPEATS, SECOND
from runward.repro.findings_model import ExplainedDifference as Difference
from runward.repro.findings_model import ExplainedRerun as Rerun
from runward.repro.findings_model import ExplanationReport as Explanation
from runward.repro.model import ResultReport, ResultStatus
from runward.repro.notes import Notes
from runward.repro.observe import as_now, found_bytes, reader
from runward.repro.scratch import scratch_folder
from runward.repro.variation import ONE_THREAD
from runward.tracking.content import digest_of
from runward.tracking.model import RunDetail

_FORMAT = 3
_FIXED_SEED = 0
_UNSEEDED = "random generators that nobody seeded"
_TORCH = "PyTorch's nondeterministic operations"
_NOT_RUN = "it could not be run"


class _Rung(NamedTuple):
    """Something that can make a run differ from itself."""

    variables: dict[str, str]
    """Which fix it for a rerun."""
    way_out: str
    """How its owner fixes it."""


_LADDER: dict[str, _Rung] = {
    "the order of hashing (PYTHONHASHSEED)": _Rung(
        {"PYTHONHASHSEED": "0"}, "set the variable, or sort what comes out of a set"
    ),
    _UNSEEDED: _Rung({}, "seed them: run.start(seed=…), runward run --seed N"),
    _TORCH: _Rung(
        {"RUNWARD_DETERMINISTIC": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}, "torch.use_deterministic_algorithms(True)"
    ),
    "the number of threads": _Rung(ONE_THREAD, "compute in one thread: OMP_NUM_THREADS=1"),
}
"""From what costs its owner least to what costs most: threads come last, for one thread hides other sources too."""


class _Limits(NamedTuple):
    budget_s: float
    timeout_s: float
    level: str
    sandbox: bool
    network: bool


class _OutOfBudgetError(Exception):
    """The time for reruns is used up."""


def why(
    space: Space,
    first: str,
    second: str = "",
    *,
    budget_s: float = 600.0,
    timeout_s: float = 3600.0,
    level: str = "environment",
    sandbox: bool = True,
    network: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Explanation:
    """Name what makes two runs differ, or what makes one run differ from itself.

    Args:
        space: The workspace.
        first: The run whose result is to come out again.
        second: The run that differs; without one, the first is rerun to see what it depends on.
        budget_s: Seconds for all reruns together. What was learnt is kept: calling again goes on from there.
        timeout_s: Seconds until one rerun is ended.
        level: ``environment`` rebuilds packages; ``basic`` uses the captured interpreter, so packages stay as they are.
        sandbox: Isolate reruns where bubblewrap works.
        network: Let them use the network.
        say: Told what is being done.

    Raises: NotFoundError (no such run), InvalidError (a run is not over; both are one), SourceMissingError (a run was not
    captured).
    """
    details = [finished_run(space, ref) for ref in (first, second) if ref]
    if len(details) == 2 and details[0].run.id == details[1].run.id:
        raise InvalidError("both runs are the same one", hint="name one run to see whether it repeats")
    laboratory = _Laboratory(space, details, _Limits(budget_s, timeout_s, level, sandbox, network), say)
    return laboratory.compare() if second else laboratory.repeat()


class _Laboratory:
    """Reruns within a budget; what they showed is kept by name, so that nothing is run twice."""

    def __init__(
        self,
        space: Space,
        details: Sequence[RunDetail],
        limits: _Limits,
        say: Callable[[str], None],
    ) -> None:
        self.space, self.details, self.limits, self.say = space, details, limits, say
        self.deadline = time.monotonic() + limits.budget_s
        self.reruns: list[Rerun] = []
        attempts = [Attempt(space, detail, Path(), say) for detail in details]
        self.captures = [attempt.capture() for attempt in attempts]
        self.tasks = [attempt.task() for attempt in attempts]
        self.recorded = [attempt.recorded(capture) for attempt, capture in zip(attempts, self.captures, strict=True)]
        named = digest_value([_FORMAT, *limits[2:], *map(digest_of, details)])
        self.notes = Notes(space.state_dir / "cache" / "why" / named[:32], Rerun)
        self.known: dict[str, str] = {}

    # two runs ---------------------------------------------------------------------------------------------------------

    def compare(self) -> Explanation:
        """Put differences back until the first result comes out of the second run."""
        if (self.tasks[0] is None) != (self.tasks[1] is None):
            raise InvalidError("one of them is a task of an experiment and the other is not", hint="name two of a kind")
        seeds = self.details[0].run.seed, self.details[1].run.seed
        pair = Pair(self.captures[0], self.captures[1], seeds, self._read, self.tasks)
        found = pair.differences
        if self.limits.level == "basic":
            found = [one for one in found if one.kind not in ("package", "package_content", "python")]
        explained = Explanation(
            first=self.details[0].run.id,
            second=self.details[1].run.id,
            answer="undecided",
            reason="no input differs that could be put back",
            differences=pair.differences,
            not_tried=pair.fixed,
        )
        if self._recorded_alike():
            return msgspec.structs.replace(
                explained, reason="both runs recorded the same result: there is no difference in it to explain"
            )
        if found:
            self.say(f"{len(found)} difference{'' if len(found) == 1 else 's'}: {_titles(found)[:200]}")
            explained = self._within_budget(explained, lambda: self._search(explained, pair, found))
        return msgspec.structs.replace(explained, reruns=self.reruns)

    def _recorded_alike(self) -> bool:
        places = [around(capture, detail.run) for capture, detail in zip(self.captures, self.details, strict=True)]
        first, second = self.recorded[0], self.recorded[1]._replace(read=self._read)
        attempt = Attempt(self.space, self.details[0], Path(), self.say)
        return _agree(attempt.compared(first, second, {}, (places[0], places[1])))

    def _search(self, so_far: Explanation, pair: Pair, found: list[Difference]) -> Explanation:
        def result(put_back: Iterable[str], turn: int = 1) -> str:
            titles = sorted(put_back)
            return self._once(titles, (turn, *pair.identity), lambda: self._mixed(pair.mixed(titles)))

        left, all_of = set(pair.leftovers), [one.title for one in found]
        if result([]) == FIRST:
            return _undecided(
                so_far,
                "the second run, run again, gives the first result: what it once gave does not repeat"
                + _or_depends(pair.unrecorded),
            )
        all_back = result(all_of)
        if all_back.startswith(_NOT_RUN):
            return _undecided(so_far, f"what the first run was cannot be put back: {all_back}")
        if all_back != FIRST:
            return _undecided(
                so_far,
                f"with {'the one difference' if len(found) == 1 else f'all {len(found)} differences'} put back the first result does not come out ({all_back}): it does not "
                f"repeat{_or_depends(pair.unrecorded) or ', or it depends on something that cannot be put back'}",
            )
        # What runs left is nobody's change: it is a cause only where it alone is one.
        if left and result(left) == FIRST:
            all_of, left = sorted(left), set()
        others = [title for title in all_of if title not in left]
        titles = minimal(others, lambda some: result({*some, *left}) == FIRST)
        cause = [one for one in found if one.title in titles]
        if result({*titles, *left}, 2) != FIRST:
            return _undecided(so_far, f"{_titles(cause)}: put back once the first result came out, and not again")
        words = "restores" if len(cause) == 1 else "together restore"
        beside = (
            f", once {', '.join(sorted(left))}, which runs had written, is as the first one found it" if left else ""
        )
        reason = f"{_titles(cause)}: put back, {words} the first result{beside}"
        return msgspec.structs.replace(so_far, answer="shown", reason=reason, cause=cause, set_aside=sorted(left))

    def _mixed(self, mixture: Mixture) -> str:
        with self._rerun(mixture) as (attempt, again):
            if again.cut_short:
                return again.cut_short
            if self._gives(0, attempt, again):
                return FIRST
            others = range(1, len(self.recorded))
            return SECOND if any(self._gives(which, attempt, again) for which in others) else OTHER

    # one run ----------------------------------------------------------------------------------------------------------

    def repeat(self) -> Explanation:
        """Run it again, and where it does not repeat, find what changed since, or the setting under which it does."""
        run, capture = self.details[0].run, self.captures[0]
        explained = Explanation(
            first=run.id,
            second=run.id,
            answer="nothing_differs",
            reason="run again twice, it gives the recorded result both times",
        )
        since = Pair(capture, as_now(capture), (run.seed, run.seed), self._read)
        changed = msgspec.structs.replace(explained, differences=since.differences, not_tried=since.fixed)
        explained = self._within_budget(explained, lambda: self._repeated(explained, changed, since))
        return msgspec.structs.replace(explained, reruns=self.reruns)

    def _repeated(self, so_far: Explanation, changed: Explanation, since: Pair) -> Explanation:
        if since.differences:
            self.say(f"changed since: {_titles(since.differences)[:200]}")
            found = self._search(changed, since, since.differences)
            if found.answer == "shown":
                return found
        return self._climb(msgspec.structs.replace(so_far, not_tried=since.fixed))

    def _climb(self, so_far: Explanation) -> Explanation:
        plain = self._twice([])
        if plain == REPEATS:
            return so_far
        if plain == AGREE:
            return _undecided(
                so_far,
                "two reruns agree with each other and not with the record: something differs between then and now "
                "that cannot be put back; `runward verify` lists the inputs",
            )
        packages = {package.name for package in self.captures[0].environment.packages}
        rungs = [rung for rung in _LADDER if rung != _TORCH or "torch" in packages]
        if not self._steady(rungs):
            return _undecided(
                so_far,
                f"two reruns differ, also with {', '.join(rungs)} fixed: what is left is the clock, the system's own "
                "random numbers (os.urandom, uuid4), the order of threads or "
                "processes, or something from outside",
            )
        source = minimal(rungs, self._steady)
        return msgspec.structs.replace(
            so_far,
            answer="shown",
            source=" and ".join(source),
            reason="it repeats once this is fixed: "
            + " and ".join(f"{rung} ({_LADDER[rung].way_out})" for rung in source),
        )

    def _steady(self, rungs: Sequence[str]) -> bool:
        return self._twice(rungs) in (REPEATS, AGREE)

    def _twice(self, rungs: Sequence[str]) -> str:
        return self._once([f"{FIXED}{rung}" for rung in rungs], (), lambda: self._pair_of_reruns(rungs))

    def _pair_of_reruns(self, rungs: Sequence[str]) -> str:
        capture, seed = self.captures[0], self.details[0].run.seed
        variables = {name: value for rung in rungs for name, value in _LADDER[rung].variables.items()}
        if _UNSEEDED in rungs and seed is None:
            seed = _FIXED_SEED
        environment = msgspec.structs.replace(
            capture.environment, variables={**capture.environment.variables, **variables}
        )
        capture = msgspec.structs.replace(capture, environment=environment)
        mixture = Mixture(capture, seed, {})
        with self._rerun(mixture) as (_, one), self._rerun(mixture) as (attempt, other):
            if cut_short := one.cut_short or other.cut_short:
                return cut_short
            if not _agree(attempt.compared(one.results, other.results, {}, (one.around, other.around))):
                return "two reruns differ"
            if self._gives(0, attempt, other):
                return REPEATS
            # Of threads that race there may be only a few results, so two may agree by chance.
            with self._rerun(mixture) as (_, third):
                same = _agree(attempt.compared(third.results, other.results, {}, (third.around, other.around)))
                return third.cut_short or (AGREE if same else "of three reruns one differs")

    # reruns -----------------------------------------------------------------------------------------------------------

    def _once(self, titles: list[str], more: tuple[object, ...], carry_out: Callable[[], str]) -> str:
        """What a rerun gave; it is carried out where no earlier one is noted."""
        name = (titles, *more)
        known = str(name)
        if known not in self.known:
            self.known[known] = self._noted(name, titles, carry_out)
        return self.known[known]

    def _noted(self, name: tuple[object, ...], titles: list[str], carry_out: Callable[[], str]) -> str:
        if (note := self.notes.find(*name)) is not None:
            self.reruns.append(note)
            return note.result
        if self.reruns and time.monotonic() > self.deadline:
            raise _OutOfBudgetError
        self.say(f"rerun {len(self.reruns) + 1}: {', '.join(titles)[:150] or 'as it was'}")
        begun = time.monotonic()
        try:
            result = carry_out()
        except (ReproError, NotFoundError) as error:
            result = f"{_NOT_RUN}: {error.message}"
        done = Rerun(titles, result, round(time.monotonic() - begun, 3))
        if not result.startswith(_NOT_RUN):  # what stood in the way may be gone when somebody asks again
            self.notes.keep(msgspec.structs.replace(done, remembered=True), *name)
        self.reruns.append(done)
        self.say(f"  {result}")
        return result

    @contextlib.contextmanager
    def _rerun(self, mixture: Mixture) -> Iterator[tuple[Attempt, Again]]:
        detail = self.details[0]
        seeded = msgspec.structs.replace(detail, run=msgspec.structs.replace(detail.run, seed=mixture.seed))
        with scratch_folder() as folder:
            attempt = Attempt(self.space, seeded, folder, lambda text: None)
            attempt.network = self.limits.network
            attempt.spec_run, attempt.taken = self.details[0 if mixture.whole else -1].run.id, mixture.taken
            attempt.blobs, attempt.as_recorded = Blobs(reader(found_bytes(mixture.made), self._read)), True
            yield attempt, attempt.again(mixture.capture, self.limits.level, self.limits.timeout_s, self.limits.sandbox)

    def _gives(self, which: int, attempt: Attempt, again: Again) -> bool:
        """Whether a rerun's results are those of one of the runs."""
        places = around(self.captures[which], self.details[which].run), again.around
        return _agree(attempt.compared(self.recorded[which], again.results, {}, places))

    def _read(self, digest: str) -> bytes:
        return reader(*(partial(self.space.files.read, detail.run.id) for detail in self.details))(digest)

    def _within_budget(self, so_far: Explanation, work: Callable[[], Explanation]) -> Explanation:
        try:
            return work()
        except _OutOfBudgetError:
            return _undecided(
                so_far, "the time for reruns is used up: call again to go on from here, or raise --budget"
            )


def _agree(result: ResultReport) -> bool:
    return result.status == ResultStatus.IDENTICAL


def _or_depends(variables: Sequence[str]) -> str:
    """The variables that no rerun has, as another thing that the result may depend on; empty where there are none."""
    names = ", ".join(variables[:5]) + (", …" if len(variables) > 5 else "")
    return f", or it depends on {names}, which was read and whose value is not recorded" if names else ""


def _undecided(so_far: Explanation, reason: str) -> Explanation:
    return msgspec.structs.replace(so_far, answer="undecided", reason=reason)


def _titles(found: Sequence[Difference]) -> str:
    return ", ".join(one.title for one in found)
