"""A worker: takes verification jobs, carries them out here, and lets go of them when told to."""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from runward.errors import NotFoundError, ReproError, RunwardError, StaleVersionError
from runward.repro.attempt import Say, Space
from runward.repro.jobs_api import Jobs
from runward.repro.jobs_model import ClaimedJob, JobLevel, JobOptions, JobState, VerificationJob, check_second
from runward.repro.model import Tolerance
from runward.repro.records import NewVerification, VerificationDetail
from runward.repro.replication import Limits, verify_statistically
from runward.repro.rerun import probe_bubblewrap
from runward.repro.stop import StoppedError, stoppable
from runward.repro.verify import Keep, Outcome, verify

log = logging.getLogger(__name__)
LOOK_S = 1.0
"""How often a worker looks for new jobs, and whether the one that it has was cancelled."""


class Bench(Space, Protocol):
    """What a worker needs of a workspace."""

    jobs: Jobs


def verify_as_asked(
    space: Space,
    ref: str,
    level: JobLevel,
    options: JobOptions,
    say: Say = lambda text: None,
    keep: Keep | None = None,
) -> Outcome:
    """Verify a run here and now, at any level; ``keep`` records what came of it, if not the workspace by itself.

    Raises: NotFoundError, InvalidError, and StoppedError where the caller asked it to stop.
    """
    check_second(level, options)
    if level in ("statistical", "conceptual"):
        return verify_statistically(
            space,
            ref,
            metrics=options.metrics,
            margins=options.margins,
            test_sizes=options.test_sizes,
            baseline=options.baseline,
            second=options.second,
            evaluation=options.evaluation,
            limits=Limits(options.budget_s, options.timeout_s, options.max_runs, options.sandbox, options.network),
            say=say,
            keep=keep,
        )
    return verify(
        space,
        ref,
        level=level,
        timeout_s=options.timeout_s,
        tolerances={name: Tolerance(abs=margin) for name, margin in options.margins.items()},
        sandbox=options.sandbox,
        network=options.network,
        vary=options.vary,
        say=say,
        keep=keep,
    )


class Isolation(NamedTuple):
    """What reruns may do on a worker's machine: its owner decides, not who asked for the verification."""

    unsandboxed: bool = False
    """Run without isolation where a job asks for that, or where bubblewrap does not work."""
    network: bool = False
    """Let reruns use the network where a job asks for that."""

    def narrow(self, options: JobOptions) -> JobOptions:
        """The options of a job, as far as they are allowed here."""
        sandbox, network = options.sandbox or not self.unsandboxed, options.network and self.network
        return msgspec.structs.replace(options, sandbox=sandbox, network=network)


class Worker:
    """Takes jobs of a pool (and those of none) one after the other.

    Args:
        space: The workspace: a folder or a server.
        name: What lists show as the worker.
        pool: The pool whose jobs it takes; empty for only those of no pool.
        leave: Set from outside when the worker is to end; the job that it has goes back to the queue.
        say: Told what is being done.
        limits: What reruns may do on this machine, whatever their jobs ask for.
    """

    def __init__(
        self, space: Bench, name: str, pool: str, leave: threading.Event, say: Say, limits: Isolation | None = None
    ) -> None:
        self.space, self.jobs, self.name, self.pool = space, space.jobs, name, pool
        self.leave, self.say, self.limits = leave, say, limits or Isolation()
        self._reached = False

    def work(self, *, once: bool = False, idle_s: float | None = None) -> list[VerificationJob]:
        """Carry jobs out until told to leave; returns those that ended here.

        Args:
            once: Leave after the first job.
            idle_s: Leave after so many seconds in a row without a job; None for never.

        Raises: InvalidError (name or pool), UnauthenticatedError, StoreError (the workspace is away from the beginning;
        later it is waited for), ReproError (reruns cannot be isolated here, and nobody said that they need not be).
        """
        if not self.limits.unsandboxed and (reason := probe_bubblewrap()):
            raise ReproError(
                f"reruns cannot be isolated here: {reason}",
                hint="a worker runs what others wrote: install bubblewrap, or say --unsandboxed where that is fine",
            )
        done, busy_at = list[VerificationJob](), time.monotonic()
        while not self.leave.is_set():
            claimed = self._claim()
            if claimed is not None:
                ended = self.carry_out(claimed)
                done += [ended] if ended else []
                busy_at = time.monotonic()
                if once:
                    break
            elif idle_s is not None and time.monotonic() - busy_at >= idle_s:
                break
            else:
                self.leave.wait(LOOK_S)
        return done

    def _claim(self) -> ClaimedJob | None:
        try:
            found = self.jobs.claim_verification_job(self.name, self.pool, platform.node())
            self._reached = True
            return found
        except RunwardError as error:
            if not error.retryable or not self._reached:
                raise
            log.warning("no jobs can be taken at the moment: %s", error.message)
            return None

    def carry_out(self, claimed: ClaimedJob) -> VerificationJob | None:
        """Carry one job out; None where it was cancelled meanwhile, given back or lost to another worker."""
        job = claimed.job
        self.say(f"job {job.id}: verifying {job.run_name} ({job.run_id}) at level {job.level}")
        with _Hold(self.jobs, claimed) as hold, stoppable(lambda: hold.lost.is_set() or self.leave.is_set()):
            try:
                options = self.limits.narrow(job.options)
                verify_as_asked(self.space, job.run_id, job.level, options, self.say, self._hand_in(claimed))
                return self._told(lambda: self.jobs.get_verification_job(job.id))
            except StoppedError:
                self._let_go(claimed, hold)
                return None
            except StaleVersionError as error:
                self.say(error.message)
                return None
            except RunwardError as error:
                if not error.retryable:
                    return self._end(claimed, failure=error.message)
                self._let_go(claimed, hold)
                return None
            except Exception as error:
                # The border of the worker: a defect fails the job that showed it and not those behind it.
                log.exception("job %s failed", job.id)
                return self._end(claimed, failure=f"{type(error).__name__}: {error}")

    def _hand_in(self, claimed: ClaimedJob) -> Keep:
        """Records a verification together with the end of its job: a worker that dies leaves both or neither."""

        def keep(run_id: str, made: NewVerification) -> VerificationDetail:
            deadline = time.monotonic() + claimed.lease_s
            while True:
                try:
                    job = self.jobs.finish_verification_job(claimed.job.id, claimed.claim, made=made)
                    assert job.verification_id is not None
                    return self.space.repro.get_verification(job.verification_id)
                except RunwardError as error:
                    # What took hours is not given up because the server starts anew; told twice it is recorded once.
                    if not error.retryable or time.monotonic() > deadline:
                        raise
                    log.warning("the verification cannot be handed in at the moment: %s", error.message)
                # Whether the job is still ours says the next try: it may have ended with the answer that was lost.
                if self.leave.wait(LOOK_S):
                    raise StoppedError

        return keep

    def _end(self, claimed: ClaimedJob, *, failure: str) -> VerificationJob | None:
        return self._told(lambda: self.jobs.finish_verification_job(claimed.job.id, claimed.claim, failure=failure))

    def _let_go(self, claimed: ClaimedJob, hold: _Hold) -> None:
        if hold.lost.is_set():
            self.say(f"job {claimed.job.id} was cancelled or taken over: its rerun was ended")
            return
        self.say(f"job {claimed.job.id} goes back to the queue")
        self._told(lambda: self.jobs.release_verification_job(claimed.job.id, claimed.claim))

    def _told(self, call: Callable[[], VerificationJob]) -> VerificationJob | None:
        """What the workspace answers; None where it no longer counts on this worker, or is away."""
        try:
            return call()
        except (StaleVersionError, NotFoundError) as error:
            self.say(error.message)
        except RunwardError as error:
            if not error.retryable:
                raise
            log.warning("the workspace was not told, so another worker will take the job: %s", error.message)
        return None


class _Hold:
    """Keeps a job's lease alive beside the work, and notices when the job is no longer ours."""

    def __init__(self, jobs: Jobs, claimed: ClaimedJob) -> None:
        self.jobs, self.claimed, self.lost = jobs, claimed, threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="runward-lease", daemon=True)

    def __enter__(self) -> _Hold:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._over.wait(LOOK_S):
            due = time.monotonic() - renewed > self.claimed.lease_s / 4
            try:
                held = self._renew() if due else self._runs()
            except NotFoundError:
                held = False
            except RunwardError as error:
                # The server is away: its lease decides whether the job is still ours.
                log.warning("no sign of life for job %s: %s", self.claimed.job.id, error.message)
                continue
            renewed = time.monotonic() if due else renewed
            if not held:
                self.lost.set()
                return

    def _renew(self) -> bool:
        return self.jobs.renew_verification_job(self.claimed.job.id, self.claimed.claim)

    def _runs(self) -> bool:
        return self.jobs.get_verification_job(self.claimed.job.id).state is JobState.RUNNING
