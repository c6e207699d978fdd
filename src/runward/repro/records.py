"""Verifications as they are stored and listed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from runward.core.ids import RunId, VerificationId
from runward.repro.model import Level


class NewVerification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A verification that was carried out."""

    verdict: str
    """``reproduced``, ``not_reproduced`` or ``undecided``."""
    level: str
    """``none``, ``basic``, ``environment``, ``statistical`` or ``conceptual``."""
    reason: str
    report: dict[str, Any]
    """The report with its two axes, inputs and result."""
    duration_s: float
    host: str = ""
    attempted: str = ""
    """The level that was asked for, whatever was earned; empty where that is for the report to tell."""


class Verification(msgspec.Struct, frozen=True):
    """A verification as lists show it."""

    id: VerificationId
    run_id: RunId
    run_name: str
    project: str
    verdict: str
    level: str
    attempted: str
    """The level that was asked for; empty where nobody noted it."""
    reason: str
    by: str
    host: str
    at: datetime
    duration_s: float
    outdated: bool
    """True when the run changed since."""


def rank_of(level: str) -> int:
    """A level's place among all, from 0 for none on. Raises: ValueError."""
    return list(Level).index(Level(level))


def standing(verifications: Iterable[Verification]) -> Verification | None:
    """The verification that counts: the highest level on the present content since it last did not come out again.

    What is outdated or undecided counts neither way.

    Args:
        verifications: Of one run, newest first.
    """
    found: Verification | None = None
    for one in verifications:
        if one.outdated or one.verdict == "undecided":
            continue
        if one.verdict == "not_reproduced":
            return found or one
        if found is None or rank_of(one.level) > rank_of(found.level):
            found = one
    return found


class VerificationDetail(msgspec.Struct, frozen=True):
    """A verification with its evidence."""

    verification: Verification
    report: dict[str, Any]
    certificate: dict[str, Any] | None
    """A DSSE envelope around an in-toto statement; None when nothing was earned."""


class SigningKey(msgspec.Struct, frozen=True):
    """The public half of the key that signs a workspace's certificates."""

    key_id: str
    """As certificates name it (``keyid``)."""
    public_key: str
    """Ed25519, in PEM."""


class ReplicateMetric(msgspec.Struct, frozen=True):
    """One metric over the replicates of a run."""

    key: str
    n: int
    """Replicates with a finite value."""
    diverged: int
    """Replicates without one."""
    mean: float | None
    low: float | None
    high: float | None
    """Student's 95 % interval of the mean; None for fewer than two values."""
    least: float | None
    greatest: float | None


class Replicate(msgspec.Struct, frozen=True):
    """One run of a group of replicates, with the last value of each metric; None where it is not finite."""

    run_id: RunId
    name: str
    seed: int | None
    values: dict[str, float | None]


class ReplicateGroup(msgspec.Struct, frozen=True):
    """A run and the finished runs of its project that differ from it in nothing but the seed."""

    runs: list[Replicate]
    """The run itself first, then the others, oldest first; one of each seed."""
    failed: list[RunId]
    """Runs of the same content that did not finish."""
    metrics: list[ReplicateMetric]
