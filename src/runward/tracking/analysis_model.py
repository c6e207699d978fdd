"""What an analysis of many runs answers: groups with their statistics, differences, curves."""

from __future__ import annotations

from typing import Literal

import msgspec

from runward.core.ids import RunId
from runward.tracking.model import Plain, Points, Run

Against = Literal["best", "baseline", "nothing"]


class GroupTest(msgspec.Struct, frozen=True):
    """A group against the reference: Welch's test, each group by itself."""

    difference: float
    """The group's mean minus the reference's, in the metric's unit."""
    low: float | None
    high: float | None
    """95 % interval of the difference; None where no spread is known."""
    p: float | None
    verdict: Literal["higher", "lower", "not distinguishable", "one run says nothing about spread"]


class GroupMetric(msgspec.Struct, frozen=True):
    """One metric over the runs of a group."""

    key: str
    """As it was asked: ``metrics.loss`` or ``metrics.loss.min``."""
    n: int
    """Runs with a finite value."""
    mean: float | None
    low: float | None
    high: float | None
    """Student's 95 % interval of the mean; None for fewer than two runs."""
    least: float | None
    greatest: float | None
    test: GroupTest | None
    """None for the reference itself and where there is none."""


class RunGroup(msgspec.Struct, frozen=True):
    """Runs that share the values of what they are grouped by."""

    values: list[Plain]
    """One for each ``by``; None where the runs have none. For ``params`` an object with those that differ between the groups."""
    n: int
    seeds: int
    """Different seeds among them; two runs of one seed are not two repetitions."""
    run_ids: list[RunId]
    """At most 200 of them, newest first."""
    where: str
    """A condition that finds exactly these runs; empty where the language has no words for a value."""
    metrics: list[GroupMetric]
    is_reference: bool


class RunGroups(msgspec.Struct, frozen=True):
    """All groups of a search, the first one being the best where a metric orders them."""

    by: list[str]
    groups: list[RunGroup]
    total: int
    """Groups in all."""
    runs: int
    """Runs in all groups."""
    reference: Against
    reference_runs: list[RunId]


class DifferenceRow(msgspec.Struct, frozen=True):
    """One key over several runs."""

    key: str
    values: list[Plain]
    differs: bool
    points: int = 0
    """Of a metric: points of its longest series."""


class DifferenceRows(msgspec.Struct, frozen=True):
    """A page of the keys of one kind."""

    rows: list[DifferenceRow]
    total: int
    """Keys that the search finds, whether they differ or not."""
    differing: int


class Differences(msgspec.Struct, frozen=True):
    """Many runs side by side."""

    runs: list[Run]
    """Without params and metrics: those are the rows."""
    params: DifferenceRows
    metrics: DifferenceRows
    tags: DifferenceRows
    environment: DifferenceRows


class MediaFile(msgspec.Struct, frozen=True):
    """One medium of a run: an image, a sound, a text, a table, a histogram at a step."""

    key: str
    step: int
    n: int
    """Counts several of one step from 1; 0 for the only one."""
    path: str
    """Path of the artifact."""
    media_type: str
    size: int


class RunMedia(msgspec.Struct, frozen=True):
    """The media of one run, by key, step and number."""

    run_id: RunId
    media: list[MediaFile]


class RunCurves(msgspec.Struct, frozen=True):
    """Series of one run as raw columns; what is not finite stands in them as it was logged."""

    run_id: RunId
    points: list[Points]
    totals: list[int]
    """Points stored in all, one for each of ``points``."""
