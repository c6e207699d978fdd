"""What reruns found out, as it is recorded and counted: rates of reproduction, and why results differ."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runward.core.ids import RunId

ExplanationAnswer = Literal["shown", "nothing_differs", "undecided"]


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
    name: str
    before: str
    after: str

    @property
    def title(self) -> str:
        """Kind and name, as reruns name it."""
        return f"{self.kind} {self.name}"


class ExplainedRerun(msgspec.Struct, frozen=True):
    """One rerun and what came of it."""

    put_back: list[str]
    """Titles of what was as in the first run, everything else as in the second; or of what was fixed."""
    result: str
    seconds: float
    remembered: bool = False


class ExplanationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ``runward why`` found, and the reruns that show it: the fields of its ``--json``."""

    format: int
    first: str
    second: str
    answer: ExplanationAnswer
    reason: str
    cause: list[ExplainedDifference] = []
    source: str = ""
    differences: list[ExplainedDifference] = []
    not_tried: list[str] = []
    set_aside: list[str] = []
    """Differences that were put back in every rerun that counts: files that the first run had left."""
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
