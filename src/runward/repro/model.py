"""What a verification says: two axes, inputs and results, and what follows from both."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from runward.repro.equivalence import Statistics

CheckStatus = Literal["same", "different", "unchecked"]
ItemStatus = Literal["identical", "within_tolerance", "equivalent", "different", "missing", "added", "unchecked"]
SandboxKind = Literal["bubblewrap", "none"]


class Verdict(StrEnum):
    """Whether the result came out again."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not_reproduced"
    UNDECIDED = "undecided"


class Level(StrEnum):
    """How strong a reproduction is; each level asks for more than the one before."""

    NONE = "none"
    BASIC = "basic"
    ENVIRONMENT = "environment"
    STATISTICAL = "statistical"
    CONCEPTUAL = "conceptual"


class ResultStatus(StrEnum):
    """How the results of two runs compare."""

    IDENTICAL = "identical"
    WITHIN_TOLERANCE = "within_tolerance"
    EQUIVALENT = "equivalent"
    """Statistically, up to a declared margin."""
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """How far a metric may be off: ``|after - before| <= abs + rel * |before|``."""

    abs: float = 0.0
    rel: float = 0.0


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one run: values by step, in the order they were logged."""

    steps: list[int]
    values: list[float]


def titled(kind: str, name: str) -> str:
    """Kind and name, said once where they are one word, as of the seed."""
    return kind if kind == name else f"{kind} {name}"


class InputCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One input of both runs."""

    kind: str
    name: str
    status: CheckStatus
    before: str | None = None
    after: str | None = None

    @property
    def title(self) -> str:
        """Kind and name, which no other input has."""
        return titled(self.kind, self.name)


class MetricCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of both runs, compared over all steps."""

    name: str
    status: ItemStatus
    points: int = 0
    max_difference: float | None = None
    """The largest finite absolute difference; None where there is none to state."""
    first_step: int | None = None
    """The first step that differs."""
    detail: str = ""


class ArtifactCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact of both runs."""

    name: str
    status: ItemStatus
    before: str = ""
    after: str = ""
    detail: str = ""


class OutputCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What both runs printed, after masking times, addresses and paths."""

    status: ItemStatus
    detail: str = ""


class ResultReport(msgspec.Struct, frozen=True, kw_only=True):
    """The result axis."""

    status: ResultStatus
    metrics: list[MetricCheck] = []
    artifacts: list[ArtifactCheck] = []
    stdout: OutputCheck | None = None
    exit_code: OutputCheck | None = None


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """How the rerun was carried out."""

    environment_rebuilt: bool = False
    """Built from the captured exact set in a clean place."""
    sandbox: SandboxKind = "none"
    sandbox_note: str = ""
    timed_out: bool = False
    hindered: str = ""
    """What the machine lacked, so that the rerun's end says nothing about the result."""
    changed_since: list[str] = []
    """Files of the captured tree that the run read and that are others now; the rerun read the captured ones."""
    reads_seen: dict[str, int] = {}
    """How many of the run's reads were seen by ``audit-hook``, ``preload`` (native readers) or ``both``."""


class Variation(msgspec.Struct, frozen=True, kw_only=True):
    """A second rerun under emulated conditions. It earns and costs no level: it says what another machine may do."""

    name: str
    variables: dict[str, str] = {}
    """The environment variables that made the difference."""
    status: ResultStatus = ResultStatus.UNDECIDED
    used: dict[str, str] = {}
    """Threads and kernels that the libraries then said they used."""
    detail: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from both axes."""

    verdict: Verdict
    level: Level
    reason: str
    cause: list[str] = []
    """The inputs that differ, the most telling first; not proven to be the cause."""


class VerificationReport(msgspec.Struct, frozen=True, kw_only=True):
    """A verification, as people and programs read it."""

    format: int = 1
    run: str
    verdict: Verdict
    level: Level
    reason: str
    result: ResultReport
    inputs: list[InputCheck] = []
    cause: list[str] = []
    unchecked: list[str] = []
    conditions: Conditions
    variation: Variation | None = None
    """What came of an emulated change of machine, where one was tried."""
    statistics: Statistics | None = None
    """The numbers of a statistical or conceptual verification."""
    other: str = ""
    """The run of the second implementation, of a conceptual verification."""
    certificate: dict[str, Any] | None = None
    """The signed envelope, where one was made."""
