"""What comes back to a review from elsewhere: results of CI, and earlier decisions on similar changes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runward.core.ids import Digest
from runward.review.model import EvidenceItem

CiVerdict = Literal["pass", "fail", "undecided"]


class NewCiResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a CI job found out about a run's present content."""

    name: str
    """Which job: ``tests``, ``lint`` …; standards require results by this name."""
    verdict: CiVerdict
    message: str = ""
    url: str = ""
    """The job's own page."""
    revision: str = ""
    """The revision that was tested; refused where it is not the present one. Empty for the present one."""
    evidence: list[EvidenceItem] = []
    """Where it was found, at most 100 places: failing tests, errors, lines that no test runs."""


class CiResult(msgspec.Struct, frozen=True):
    """A result of CI as stored."""

    run_id: str
    name: str
    revision: Digest
    verdict: CiVerdict
    message: str
    url: str
    author: str
    author_id: str
    at: datetime
    outdated: bool
    """True when the run changed since."""
    evidence: list[EvidenceItem] = []


class SimilarReview(msgspec.Struct, frozen=True):
    """An earlier review of a similar change that was rejected."""

    id: str
    number: int
    title: str
    reason: str
    decided_by: str
    similarity: float
    """Shared traits by all traits of both, from 0.5 to 1."""
    shared: list[str]
    """What both touch: paths, and params with their values."""

    @property
    def sentence(self) -> str:
        """The feedback in words."""
        return f"A similar change was rejected in #{self.number} because: {self.reason}"
