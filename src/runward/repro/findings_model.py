"""What reruns found out, as it is recorded and counted: rates of reproduction, and why results differ."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runward.core.ids import RunId
from runward.repro.model import titled

ExplanationAnswer = Literal["shown", "nothing_differs", "undecided"]
FIRST, SECOND, OTHER = "as the first run", "as the second run", "otherwise"
"""What may come out of a rerun with something put back."""
REPEATS, AGREE = "as recorded, both times", "the same each time, not as recorded"
"""What may come out of two reruns of one run."""
FIXED = "fixed: "
"""Before what was fixed for a rerun, instead of put back."""


class LevelRate(msgspec.Struct, frozen=True, kw_only=True):
    """How often an attempt at a level succeeded. A run counts once, by its newest attempt."""

    level: str
    """``basic``, ``environment``, ``statistical``; empty for all of them together."""
    attempted: int
    reproduced: int
    """Runs that hold the level now; of all levels together, any of them."""
    differs: int
    undecided: int
    unearned: int
    """The result came out again, and not under the conditions of the level."""
    outdated: int
    """The run changed since, so the attempt says nothing of what it is now."""
    rate: float | None
    """Reproduced of attempted; None where nothing was attempted."""
    low: float | None
    high: float | None
    """Wilson's 95 % interval of the rate."""


class VerificationRates(msgspec.Struct, frozen=True):
    """How much of what could be reproduced was tried, and how much of that held."""

    eligible: int
    """Finished runs whose code was captured."""
    overall: LevelRate
    levels: list[LevelRate]


class ExplainedDifference(msgspec.Struct, frozen=True):
    """One thing that differs, and can be put back alone."""

    kind: str
    """``code``, ``config``, ``data``, ``seed``, ``python``, ``package``, ``package_content`` or ``variable``."""
    name: str
    """``train.py:12-14``, ``numpy``, ``OMP_NUM_THREADS``, …"""
    before: str
    """As it is in the first run; empty where it is missing there."""
    after: str

    @property
    def title(self) -> str:
        """Kind and name, which no other difference of the two runs has."""
        return titled(self.kind, self.name)


class ExplainedRerun(msgspec.Struct, frozen=True):
    """One rerun and what came of it."""

    put_back: list[str]
    """Titles of what was as in the first run, everything else as in the second; or of what was fixed."""
    result: str
    """One of the words above, or why there was no result."""
    seconds: float
    remembered: bool = False
    """It was carried out by an earlier call that was interrupted or had too little time."""


class ExplanationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``runward why`` found, and the reruns that show it: the fields of its ``--json``."""

    format: int = 1
    first: str
    second: str
    answer: ExplanationAnswer
    reason: str
    cause: list[ExplainedDifference] = []
    """The smallest set that restores the first result: nothing can be left out of it. Empty unless shown by reruns."""
    source: str = ""
    """The source of nondeterminism, where one was shown."""
    differences: list[ExplainedDifference] = []
    not_tried: list[str] = []
    """What differs too and cannot be put back."""
    set_aside: list[str] = []
    """Differences that were put back in every rerun that counts: files that runs had written."""
    reruns: list[ExplainedRerun] = []


class NewExplanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An explanation to record."""

    report: ExplanationReport
    duration_s: float
    host: str = ""


class ExplanationLine(msgspec.Struct, frozen=True, kw_only=True):
    """An explanation as lists show it."""

    id: str
    first_id: RunId
    first_name: str
    second_id: RunId
    """The first run's own id where it was compared with itself."""
    second_name: str
    answer: ExplanationAnswer
    reason: str
    by: str
    host: str
    at: datetime
    duration_s: float
    outdated: bool
    """True when one of the two runs changed since."""


class ExplanationDetail(msgspec.Struct, frozen=True):
    """An explanation with its evidence."""

    explanation: ExplanationLine
    report: ExplanationReport
