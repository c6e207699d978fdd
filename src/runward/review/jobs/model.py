"""What a job found out."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from runward.review.feedback_model import CiVerdict
from runward.review.model import EvidenceItem

JobName = Literal["tests", "coverage", "type_check", "security"]
JOBS: tuple[JobName, ...] = ("tests", "coverage", "type_check", "security")


class JobOutcome(msgspec.Struct, frozen=True):
    """One job's verdict on the code of a run; what was not reported is *undecided*, never a pass."""

    name: JobName
    verdict: CiVerdict
    message: str
    evidence: list[EvidenceItem] = []


class Ended(NamedTuple):
    """How a tool ended."""

    exit_code: int
    timed_out: bool
    said: str
    """The last lines that it printed."""


def undecided(name: JobName, why: str, said: str = "") -> JobOutcome:
    """A job that decided nothing, with what the tool printed last."""
    return JobOutcome(name, "undecided", why, [EvidenceItem(said)] if said else [])
