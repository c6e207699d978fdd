"""A verification from end to end: fetch the captures, restore, rebuild, rerun, compare, decide, record."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.errors import InvalidError, NotFoundError, ReproError, RunwardError
from runward.repro import compare as c
from runward.repro.attempt import Attempt, Say, Space, around, finished_run, params_of
from runward.repro.levels import decide
from runward.repro.margins import check_margins
from runward.repro.model import (
    Conditions,
    Level,
    ResultReport,
    ResultStatus,
    Tolerance,
    Verdict,
    VerificationReport,
)
from runward.repro.observe import reader
from runward.repro.pair import closer
from runward.repro.records import NewVerification, VerificationDetail
from runward.repro.scratch import scratch_folder

Keep = Callable[[str, NewVerification], VerificationDetail]
"""Records what was made of a run; by default as itself, and for a job together with its end."""


class Outcome(NamedTuple):
    """A verification that was carried out and recorded."""

    report: VerificationReport
    record: VerificationDetail


def verify(
    space: Space,
    ref: str,
    *,
    level: str = "environment",
    timeout_s: float = 3600.0,
    tolerances: Mapping[str, Tolerance] | None = None,
    sandbox: bool = True,
    network: bool = False,
    vary: bool = True,
    say: Say = lambda text: None,
    keep: Keep | None = None,
) -> Outcome:
    """Rerun a run from what was captured of it, and record what came of it.

    Args:
        space: The workspace.
        ref: The run: id, prefix, name or ``@last``.
        level: ``basic`` reruns in the captured interpreter, ``environment`` in one that is built anew.
        timeout_s: Seconds until the rerun is ended.
        tolerances: Allowed differences by metric; without one only identical bits count.
        sandbox: Isolate the rerun where bubblewrap works here; the report says whether it did.
        network: Let the rerun use the network.
        vary: Run once more under an emulated change of machine where the level ``environment`` was earned.
        say: Told what is being done.
        keep: Records what came of it, if not the workspace by itself.

    Raises: NotFoundError (no such run), InvalidError (level; the run is not over). What stands in the way of a rerun is
    not raised but recorded as *undecided* with its reason.
    """
    if level not in ("basic", "environment"):
        raise InvalidError(f"level {level!r} cannot be verified yet", hint="basic or environment")
    detail = finished_run(space, ref)
    check_margins(detail, tolerances or {})
    begun = time.monotonic()
    with scratch_folder() as folder:
        attempt = Attempt(space, detail, folder, say)
        attempt.network = network
        try:
            report = attempt.carry_out(level, timeout_s, dict(tolerances or {}), sandbox)
            if vary and report.level == Level.ENVIRONMENT:
                report = attempt.vary(report, timeout_s, dict(tolerances or {}), sandbox)
        except (ReproError, NotFoundError) as error:
            report = undecided(detail.run.id, error)
    return recorded(keep or space.repro.record, report, begun, level)


def recorded(keep: Keep, report: VerificationReport, begun: float, attempted: str = "") -> Outcome:
    """Record a report; ``begun`` is the monotonic time at which its verification began. Raises: InvalidError."""
    new = NewVerification(
        verdict=report.verdict,
        level=report.level,
        reason=report.reason,
        report=msgspec.to_builtins(report),
        duration_s=time.monotonic() - begun,
        host=platform.node(),
        attempted=attempted,
    )
    return Outcome(report, keep(report.run, new))


def compare_runs(
    space: Space, ref: str, other: str, *, tolerances: Mapping[str, Tolerance] | None = None
) -> VerificationReport:
    """Compare two recorded runs on both axes; nothing is run, so no level is earned and nothing is recorded.

    Args:
        space: The workspace.
        ref: The first run: id, prefix, name or ``@last``.
        other: The second.
        tolerances: Allowed differences by metric, artifact or ``stdout``.

    Raises: NotFoundError (no such run), SourceMissingError (one was not captured).
    """
    runs = [space.tracking.get_run(space.tracking.resolve_run(name).id) for name in (ref, other)]
    first, second = (Attempt(space, run, Path(), lambda text: None) for run in runs)
    one, two = first.capture(), second.capture()
    before, after = first.recorded(one), second.recorded(two)
    read = reader(*(partial(space.files.read, run.run.id) for run in runs))
    places = around(one, runs[0].run), around(two, runs[1].run)
    result = first.compared(before, after._replace(read=read), dict(tolerances or {}), places)
    inputs = [c.inputs_of(capture, params_of(run)) for capture, run in zip((one, two), runs, strict=True)]
    checks = closer(c.compare_inputs(*inputs), one, two, read)
    decision = decide(checks, result, Conditions())
    return VerificationReport(
        run=runs[0].run.id,
        verdict=decision.verdict,
        level=Level.NONE,
        reason=decision.reason if decision.level == Level.NONE else "the results agree; nothing was run again",
        result=result,
        inputs=checks,
        cause=decision.cause,
        unchecked=c.unchecked_of(checks, result),
        conditions=Conditions(sandbox_note="two recorded runs were compared; neither was run again"),
    )


def undecided(run_id: str, error: RunwardError) -> VerificationReport:
    """The report of a verification that something stood in the way of."""
    return VerificationReport(
        run=run_id,
        verdict=Verdict.UNDECIDED,
        level=Level.NONE,
        reason=error.message,
        result=ResultReport(status=ResultStatus.UNDECIDED),
        conditions=Conditions(),
    )
