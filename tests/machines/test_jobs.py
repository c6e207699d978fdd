"""Verification jobs: workers that come, go and die; each job is in one hand at a time and ends once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from runward.errors import RunwardError
from runward.repro.jobs_model import MOST_ATTEMPTS, JobState, NewVerificationJob
from runward.repro.records import NewVerification
from runward.testing.jobs import Clock
from runward.testing.worlds import World
from runward.tracking.model import RunStatus
from tests.machines.conftest import Drive

_MADE = NewVerification("reproduced", "basic", "same", {}, 1.0, "h")
_OVER = {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


class Jobs(RuleBasedStateMachine):
    """A queue with two pools, and workers that keep their claims for ever."""

    claims = Bundle("claims")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.space = world, world.member("maintainer")
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock(self.patch)
        self.pool = world.team
        self.jobs: dict[str, str] = {}
        self.held: dict[str, tuple[str, Any]] = {}
        """The claim that counts, and until when, by job."""
        self.ended: dict[str, JobState] = {}

    def teardown(self) -> None:
        self.patch.undo()

    @rule()
    def ask(self) -> None:
        run = self.world.run(self.space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        self.jobs[self.space.jobs.request_verification(run.id, NewVerificationJob("basic", self.pool)).id] = run.id

    @rule(target=claims)
    def claim(self) -> Any:
        found = self.space.jobs.claim_verification_job("w", self.pool, "h")
        if found is None:
            waiting = [job for job in self.jobs if job not in self.ended and not self._counts(job)]
            assert all(self._state(job) in _OVER for job in waiting)
            return ("", "")
        job = found.job.id
        assert job not in self.ended
        assert not self._counts(job), "it was in another hand"
        assert found.job.attempts <= MOST_ATTEMPTS
        self.held[job] = (found.claim, self.clock.ahead)
        return (job, found.claim)

    def _counts(self, job: str) -> bool:
        """Whether somebody's lease on it is still running."""
        return job in self.held and self.held[job][1] == self.clock.ahead

    def _state(self, job: str) -> JobState:
        return self.space.jobs.get_verification_job(job).state

    @rule(held=claims, how=st.sampled_from(["renew", "release", "done", "made", "failed"]))
    def use(self, held: tuple[str, str], how: str) -> None:
        job, claim = held
        if not job:
            return
        mine = self.held.get(job, ("", None))[0] == claim
        try:
            if how == "renew":
                told = self.space.jobs.renew_verification_job(job, claim)
                assert told is False or mine
                if mine and told:
                    self.held[job] = (claim, self.clock.ahead)
                return
            if how == "release":
                self.space.jobs.release_verification_job(job, claim)
            elif how == "done":
                made = self.space.repro.record(self.jobs[job], _MADE).verification.id
                self.space.jobs.finish_verification_job(job, claim, verification_id=made)
            elif how == "made":
                self.space.jobs.finish_verification_job(job, claim, made=_MADE)
                # Told again after the end it changes nothing.
                mine |= job in self.ended
            else:
                self.space.jobs.finish_verification_job(job, claim, failure="no disk")
        except RunwardError:
            return
        assert mine, "somebody else's claim was taken for it"
        self.held.pop(job, None)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not self.jobs:
            return
        job = data.draw(st.sampled_from(sorted(self.jobs)))
        try:
            self.space.jobs.cancel_verification_job(job, "not needed")
        except RunwardError:
            assert job in self.ended
            return
        self.held.pop(job, None)

    @rule()
    def time_passes(self) -> None:
        self.clock.pass_lease()

    @invariant()
    def what_ended_stays_so(self) -> None:
        for job in self.jobs:
            found = self.space.jobs.get_verification_job(job)
            assert self.ended.setdefault(job, found.state) == found.state if job in self.ended else True
            if found.state in _OVER:
                self.ended[job] = found.state
                assert found.ended_at is not None
                self.held.pop(job, None)
            assert (found.state is JobState.DONE) == bool(found.verification_id)


def test_jobs(drive: Drive) -> None:
    """Asked for, claimed, renewed, given back, finished, cancelled; leases run out, old claims come back."""
    drive(Jobs)
