"""Verification jobs on every backend."""

from runward.testing.jobs import JobsSuite, clock

__all__ = ["TestJobs", "clock"]


class TestJobs(JobsSuite):
    pass
