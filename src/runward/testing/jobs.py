"""What every backend holds of verification jobs: one worker each, ended once, seen by who may."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import pytest

from runward.core.clock import utc_now
from runward.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
    StaleVersionError,
)
from runward.governance import calling
from runward.repro.jobs_model import (
    LEASE_S,
    MOST_ATTEMPTS,
    ClaimedJob,
    JobOptions,
    JobState,
    NewVerificationJob,
    VerificationJob,
    VerificationPolicy,
)
from runward.repro.records import NewVerification
from runward.testing.worlds import World, name_of
from runward.tracking.model import CapturePart, Run, RunEnd, RunStatus
from runward.workspace import Workspace

_BASIC = NewVerificationJob("basic")
_MADE = NewVerification("reproduced", "basic", "all metrics are identical", {}, 1.0, "host-a")


class Clock:
    """The time of the calls, set forward by hand."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        patch.setattr(calling, "utc_now", lambda: utc_now() + self.ahead)

    def pass_lease(self) -> None:
        """Let every lease run out."""
        self.ahead += timedelta(seconds=LEASE_S + 1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the suite needs beside a world."""
    return Clock(monkeypatch)


def _ended(world: World, space: Workspace, project: str = "") -> Run:
    return world.run(space, project=project, metrics={"acc": 0.9}, end=RunStatus.FINISHED)


def _queued(world: World, space: Workspace, new: NewVerificationJob = _BASIC) -> VerificationJob:
    return space.jobs.request_verification(_ended(world, space).id, new)


def _taken(space: Workspace, pool: str = "") -> ClaimedJob:
    found = space.jobs.claim_verification_job("w1", pool, "host-a")
    assert found is not None
    return found


def _captured_run(world: World, space: Workspace, project: str, status: RunStatus) -> Run:
    """A run that is captured as a rerun needs it, and ends so."""
    run = world.run(space, project=project, metrics={"acc": 0.9})
    facts = space.files.put_bytes(project, b"{}")
    kinds: list[Literal["code", "environment", "machine", "process"]] = ["code", "environment", "machine", "process"]
    space.tracking.put_captures(run.id, [CapturePart(kind, facts, {}) for kind in kinds])
    return space.tracking.end_run(run.id, RunEnd(status))


class JobsSuite:
    """Queued, taken by one worker, renewed, given back, ended; and queued by policies."""

    def test_a_job_goes_from_the_queue_to_its_verification(self, world: World) -> None:
        """It says who asked, who has it and what came of it."""
        space = world.member()
        run = _ended(world, space)
        options = JobOptions(margins={"acc": 0.01}, timeout_s=60.0, vary=False)
        job = space.jobs.request_verification(run.id, NewVerificationJob("environment", "gpu", options))
        assert (job.run_id, job.run_name, job.project, job.level, job.pool) == (
            run.id,
            run.name,
            world.project,
            "environment",
            "gpu",
        )
        assert (job.state, job.trigger, job.requested_by) == (JobState.QUEUED, "person", name_of(space))
        assert (job.worker, job.claimed_at, job.attempts, job.options) == ("", None, 0, options)
        claimed = _taken(space, "gpu")
        held = claimed.job
        assert (held.id, held.state, held.worker, held.host, held.attempts) == (
            job.id,
            JobState.RUNNING,
            "w1",
            "host-a",
            1,
        )
        assert claimed.lease_s == LEASE_S
        assert space.jobs.renew_verification_job(job.id, claimed.claim)
        made = space.repro.record(run.id, _MADE).verification
        done = space.jobs.finish_verification_job(job.id, claimed.claim, verification_id=made.id)
        assert (done.state, done.verification_id, done.verdict, done.reason) == (
            JobState.DONE,
            made.id,
            "reproduced",
            _MADE.reason,
        )
        assert done.ended_at is not None
        assert done.ended_at >= done.requested_at
        assert space.jobs.get_verification_job(job.id) == done
        assert claimed.claim not in str(space.jobs.list_verification_jobs(run_id=run.id))

    def test_one_job_goes_to_one_of_many_workers(self, world: World) -> None:
        """However many ask at the same moment, each job is taken once."""
        space = world.member()
        jobs = {_queued(world, space).id for _ in range(3)}
        ready, taken = threading.Barrier(6), list[str]()

        def work() -> None:
            ready.wait(20)
            if (found := space.jobs.claim_verification_job("w")) is not None:
                taken.append(found.job.id)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(taken) == sorted(jobs)

    def test_a_run_has_one_open_job_of_a_kind(self, world: World) -> None:
        """Another level or pool is another kind; after the end there is room again."""
        space = world.member()
        job = _queued(world, space)
        with pytest.raises(ConflictError) as caught:
            space.jobs.request_verification(job.run_id, _BASIC)
        assert caught.value.details["job_id"] == job.id
        space.jobs.request_verification(job.run_id, NewVerificationJob("basic", "gpu"))
        space.jobs.request_verification(job.run_id, NewVerificationJob("environment"))
        space.jobs.cancel_verification_job(job.id)
        assert space.jobs.request_verification(job.run_id, _BASIC).state is JobState.QUEUED

    def test_a_worker_takes_the_oldest_of_its_pool_and_of_none(self, world: World) -> None:
        """What waits for another pool stays."""
        space = world.member()
        other, own, free = (_queued(world, space, NewVerificationJob("basic", pool)) for pool in ("far", "gpu", ""))
        assert [_taken(space, "gpu").job.id for _ in range(2)] == [own.id, free.id]
        assert space.jobs.claim_verification_job("w1", "gpu") is None
        assert space.jobs.claim_verification_job("w1") is None
        assert _taken(space, "far").job.id == other.id

    def test_a_job_whose_worker_vanished_is_taken_over(self, world: World, clock: Clock) -> None:
        """Who had it before can no longer renew, return or end it; a sign of life in time keeps it."""
        space = world.member()
        job = _queued(world, space)
        first = _taken(space)
        assert space.jobs.claim_verification_job("w2") is None
        clock.ahead += timedelta(seconds=LEASE_S - 5)
        assert space.jobs.renew_verification_job(job.id, first.claim)
        clock.ahead += timedelta(seconds=10)
        assert space.jobs.claim_verification_job("w2") is None
        clock.pass_lease()
        second = space.jobs.claim_verification_job("w2")
        assert second is not None
        assert (second.job.id, second.job.worker, second.job.attempts) == (job.id, "w2", 2)
        assert not space.jobs.renew_verification_job(job.id, first.claim)
        made = space.repro.record(job.run_id, _MADE).verification
        with pytest.raises(StaleVersionError):
            space.jobs.release_verification_job(job.id, first.claim)
        with pytest.raises(StaleVersionError):
            space.jobs.finish_verification_job(job.id, first.claim, verification_id=made.id)
        assert space.jobs.renew_verification_job(job.id, second.claim)
        assert space.jobs.finish_verification_job(job.id, second.claim, made.id).state is JobState.DONE

    def test_a_job_that_takes_its_workers_down_fails(self, world: World, clock: Clock) -> None:
        """After three that vanished, and the reason says so; those behind it in the queue are reached."""
        space = world.member()
        job, behind = _queued(world, space), _queued(world, space)
        for _ in range(MOST_ATTEMPTS):
            assert _taken(space).job.id == job.id
            clock.pass_lease()
        assert _taken(space).job.id == behind.id
        found = space.jobs.get_verification_job(job.id)
        assert found.state is JobState.FAILED
        assert "3 workers" in found.reason
        assert "w1 on host-a" in found.reason

    def test_a_job_that_is_given_back_waits_again(self, world: World) -> None:
        """A worker that is told to end costs the job no attempt."""
        space = world.member()
        job = _queued(world, space)
        for _ in range(MOST_ATTEMPTS + 1):
            claimed = _taken(space)
            back = space.jobs.release_verification_job(job.id, claimed.claim)
            assert (back.state, back.attempts, back.claimed_at) == (JobState.QUEUED, 0, None)
        assert not space.jobs.renew_verification_job(job.id, claimed.claim)

    def test_a_job_is_cancelled_while_it_waits_or_runs(self, world: World) -> None:
        """Its worker hears of it at its next sign of life; what is over stays as it ended."""
        space = world.member()
        waiting = _queued(world, space)
        assert space.jobs.cancel_verification_job(waiting.id).reason == f"cancelled by {name_of(space)}"
        assert space.jobs.claim_verification_job("w1") is None
        running = _queued(world, space)
        claimed = _taken(space)
        assert space.jobs.cancel_verification_job(running.id, "not needed").reason == "not needed"
        assert not space.jobs.renew_verification_job(running.id, claimed.claim)
        with pytest.raises(StaleVersionError, match="cancelled"):
            space.jobs.finish_verification_job(running.id, claimed.claim, failure="late")
        failed = _queued(world, space)
        space.jobs.finish_verification_job(failed.id, _taken(space).claim, failure="no disk")
        done = _queued(world, space)
        claim = _taken(space).claim
        space.jobs.finish_verification_job(done.id, claim, space.repro.record(done.run_id, _MADE).verification.id)
        for job, state in ((waiting, "cancelled"), (running, "cancelled"), (failed, "failed"), (done, "done")):
            with pytest.raises(InvalidTransitionError, match=state):
                space.jobs.cancel_verification_job(job.id)
            assert space.jobs.get_verification_job(job.id).state == state

    def test_a_job_ends_with_a_verification_that_was_made_for_it(self, world: World) -> None:
        """Not with one of another run, an older one, or none."""
        space = world.member()
        run, other = _ended(world, space), _ended(world, space)
        older = space.repro.record(run.id, _MADE).verification.id
        foreign = space.repro.record(other.id, _MADE).verification.id
        job = space.jobs.request_verification(run.id, _BASIC)
        claim = _taken(space).claim
        for made, failure in ((older, ""), (foreign, ""), ("nosuchthing1", ""), ("", ""), (older, "no disk")):
            with pytest.raises(InvalidError):
                space.jobs.finish_verification_job(job.id, claim, made, failure)
        found = space.jobs.finish_verification_job(job.id, claim, failure="no disk")
        assert (found.state, found.reason, found.verification_id) == (JobState.FAILED, "no disk", None)

    def test_a_job_ends_together_with_what_was_made_for_it(self, world: World) -> None:
        """Both or neither; told twice it is recorded once, and who lost the job records nothing."""
        space = world.member()
        job = _queued(world, space)
        claim = _taken(space).claim
        for more in ({"failure": "no disk"}, {"verification_id": "nosuchthing1"}):
            with pytest.raises(InvalidError):
                space.jobs.finish_verification_job(job.id, claim, made=_MADE, **more)
        wrong = NewVerification("not_reproduced", "basic", "acc differs", {}, 1.0)
        with pytest.raises(InvalidError):
            space.jobs.finish_verification_job(job.id, claim, made=wrong)
        assert space.jobs.get_verification_job(job.id).state is JobState.RUNNING
        for stale in ("", "another"):
            with pytest.raises(StaleVersionError):
                space.jobs.finish_verification_job(job.id, stale, made=_MADE)
        assert space.repro.list_verifications(run_id=job.run_id) == []
        done = space.jobs.finish_verification_job(job.id, claim, made=_MADE)
        assert (done.state, done.verdict, done.reason) == (JobState.DONE, "reproduced", _MADE.reason)
        assert space.jobs.finish_verification_job(job.id, claim, made=_MADE) == done
        assert [one.id for one in space.repro.list_verifications(run_id=job.run_id)] == [done.verification_id]
        waiting = _queued(world, space)
        with pytest.raises(StaleVersionError):
            space.jobs.finish_verification_job(waiting.id, "", made=_MADE)
        noted = world.owner.governance.audit(object_id=job.run_id, operation="repro.record").events
        assert [event.outcome for event in noted] == ["ok"]

    def test_jobs_are_listed_by_page_project_run_and_state(self, world: World) -> None:
        """Newest first; a project's list has those of the projects below it."""
        space = world.member()
        below = world.new_project(world.project)
        jobs = [_queued(world, space) for _ in range(4)]
        deep = space.jobs.request_verification(_ended(world, space, below).id, _BASIC)
        space.jobs.cancel_verification_job(jobs[0].id)
        taken = _taken(space).job

        def ids(**asked: object) -> list[str]:
            return [job.id for job in space.jobs.list_verification_jobs(**asked)]  # type: ignore[arg-type]

        newest = [deep.id, *(job.id for job in reversed(jobs))]
        assert ids(project=world.project) == newest
        assert ids(project=world.project, limit=2) == newest[:2]
        assert ids(project=world.project, limit=2, before=newest[1]) == newest[2:4]
        assert ids(project=below) == ids(run_id=deep.run_id) == [deep.id]
        assert ids(project=world.project, state="open") == newest[:4]
        assert ids(state="running") == [taken.id] == [jobs[1].id]
        assert ids(state="cancelled") == [jobs[0].id]

    def test_jobs_are_for_who_may_see_or_verify_the_run(self, world: World) -> None:
        """Viewers read; strangers find nothing; a token of a viewer takes no job."""
        space, viewer, stranger = world.member(), world.member("viewer"), world.outsider()
        job = _queued(world, space)
        assert viewer.jobs.get_verification_job(job.id) == job
        assert [found.id for found in viewer.jobs.list_verification_jobs(world.project)] == [job.id]
        assert stranger.jobs.list_verification_jobs() == []
        for nobody in (viewer, stranger, world.member(scope="viewer")):
            assert nobody.jobs.claim_verification_job("w") is None
        claim = _taken(space).claim
        for refused, error in ((viewer, ForbiddenError), (stranger, NotFoundError)):
            calls: list[Callable[[Workspace], Any]] = [
                lambda who: who.jobs.request_verification(job.run_id, NewVerificationJob("statistical")),
                lambda who: who.jobs.cancel_verification_job(job.id),
                lambda who: who.jobs.renew_verification_job(job.id, claim),
                lambda who: who.jobs.release_verification_job(job.id, claim),
                lambda who: who.jobs.finish_verification_job(job.id, claim, failure="x"),
                lambda who: who.jobs.set_verification_policy(world.project, VerificationPolicy()),
                lambda who: who.jobs.clear_verification_policy(world.project),
            ]
            for call in calls:
                with pytest.raises(error):
                    call(refused)
        for missing in (
            lambda: stranger.jobs.get_verification_job(job.id),
            lambda: stranger.jobs.get_verification_policy(world.project),
            lambda: stranger.jobs.list_verification_jobs(world.project),
            lambda: space.jobs.get_verification_job("nosuchthing1"),
        ):
            with pytest.raises(NotFoundError):
                missing()

    def test_what_makes_no_sense_is_refused(self, world: World) -> None:
        """By name, before anything waits for it."""
        space = world.member()
        run = _ended(world, space)
        wrong = [
            NewVerificationJob(pool="local"),
            NewVerificationJob(pool="any"),
            NewVerificationJob(pool="a b"),
            NewVerificationJob(options=JobOptions(margins={"acc": -1.0})),
            NewVerificationJob(options=JobOptions(margins={"nosuch": 1.0})),
            NewVerificationJob(options=JobOptions(timeout_s=0.0)),
            NewVerificationJob(options=JobOptions(budget_s=1e9)),
            NewVerificationJob(options=JobOptions(max_runs=2)),
            NewVerificationJob(options=JobOptions(test_sizes={"acc": 0})),
        ]
        for new in wrong:
            with pytest.raises(InvalidError):
                space.jobs.request_verification(run.id, new)
        with pytest.raises(InvalidTransitionError, match="still running"):
            space.jobs.request_verification(world.run(space).id, _BASIC)
        for worker, pool, host in (("", "", ""), ("two\nlines", "", ""), ("w", "a b", ""), ("w", "", "a\x1bb")):
            with pytest.raises(InvalidError):
                space.jobs.claim_verification_job(worker, pool, host)
        assert space.jobs.list_verification_jobs(run_id=run.id) == []

    def test_jobs_of_a_run_that_is_deleted_or_goes_on_end(self, world: World) -> None:
        """Nobody reruns what is gone, or not at its end after all."""
        space = world.member()
        gone, resumed = _queued(world, space), _queued(world, space)
        claimed = _taken(space)
        world.owner.tracking.delete_run(gone.run_id)
        space.tracking.resume_run(resumed.run_id)
        assert space.jobs.claim_verification_job("w1") is None
        with pytest.raises(NotFoundError):
            space.jobs.renew_verification_job(gone.id, claimed.claim)
        world.owner.organise.restore_run(gone.run_id)
        for job, reason in ((gone, "the run was deleted"), (resumed, "the run goes on")):
            found = space.jobs.get_verification_job(job.id)
            assert (found.state, found.reason) == (JobState.CANCELLED, reason)

    def test_a_policy_queues_what_finishes(self, world: World) -> None:
        """In its project and below, where captured, once; what failed or was not captured is left alone."""
        space, maintainer = world.member(), world.member("maintainer")
        below = world.new_project(world.project)
        policy = VerificationPolicy("basic", "gpu", {"acc": 0.01, "nosuch": 0.1})
        assert space.jobs.get_verification_policy(below) is None
        set_up = maintainer.jobs.set_verification_policy(world.project, policy)
        assert (set_up.project, set_up.policy, set_up.author) == (world.project, policy, name_of(maintainer))
        assert space.jobs.get_verification_policy(below) == set_up
        with pytest.raises(ForbiddenError):
            space.jobs.set_verification_policy(world.project, policy)
        with pytest.raises(InvalidError):
            maintainer.jobs.set_verification_policy(world.project, VerificationPolicy("basic", "a b"))
        run = _captured_run(world, space, below, RunStatus.FINISHED)
        _captured_run(world, space, below, RunStatus.FAILED)
        _captured_run(world, space, below, RunStatus.CANCELLED)
        _ended(world, space, below)
        job = space.jobs.list_verification_jobs(world.project)[0]
        assert (job.run_id, job.level, job.pool, job.trigger, job.requested_by) == (
            run.id,
            "basic",
            "gpu",
            "policy",
            name_of(space),
        )
        assert job.options == JobOptions(margins={"acc": 0.01})
        assert len(space.jobs.list_verification_jobs(world.project)) == 1

    def test_who_asked_hears_how_it_ended(self, world: World) -> None:
        """Of what a policy asked for, only what did not come out again; nobody else, and not who may no longer read it."""
        space, worker = world.member(), world.member()
        world.owner.jobs.set_verification_policy(world.project, VerificationPolicy("basic"))

        def carried_out(made: NewVerification | None) -> str:
            claimed = _taken(worker)
            run_id, failure = claimed.job.run_id, "" if made else "no disk"
            made_id = worker.repro.record(run_id, made).verification.id if made else ""
            worker.jobs.finish_verification_job(claimed.job.id, claimed.claim, made_id, failure)
            return made_id or run_id

        _captured_run(world, space, world.project, RunStatus.FINISHED)
        carried_out(_MADE)
        _captured_run(world, space, world.project, RunStatus.FINISHED)
        differs = carried_out(NewVerification("not_reproduced", "none", "acc differs", {}, 1.0))
        _queued(world, space)
        reproduced = carried_out(_MADE)
        _queued(world, space)
        failed = carried_out(None)
        told = [item for item in space.coordination.inbox().items if item.kind.startswith("verification.")]
        assert [(item.title.rpartition(": ")[2], item.body, item.object_id) for item in told] == [
            ("not reproduced", "acc differs", differs),
            ("reproduced", _MADE.reason, reproduced),
            ("failed", "no disk", failed),
        ]
        assert worker.coordination.inbox().items == []

    def test_the_nearest_policy_counts_until_it_is_cleared(self, world: World) -> None:
        """And its parent's after that."""
        maintainer = world.member("maintainer")
        below = world.new_project(world.project)
        for project, level in ((world.project, "basic"), (below, "environment")):
            maintainer.jobs.set_verification_policy(project, VerificationPolicy(level))  # type: ignore[arg-type]
        found = []
        for _ in range(2):
            run = _captured_run(world, maintainer, below, RunStatus.FINISHED)
            found += [job.level for job in maintainer.jobs.list_verification_jobs(run_id=run.id)]
            maintainer.jobs.clear_verification_policy(below)
        assert found == ["environment", "basic"]
        maintainer.jobs.clear_verification_policy(world.project)
        assert maintainer.jobs.get_verification_policy(below) is None
