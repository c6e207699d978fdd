"""Findings on every backend."""

from runward.testing.findings import FindingsSuite


class TestFindings(FindingsSuite):
    pass
