"""Metrics by group, as they are stored beside a run and shown."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

SLICES_TYPE = "application/vnd.runward.slices+json"
"""The media type of a stored :class:`SliceReport`."""
FOLDER = "slices"
"""The folder of a run's artifacts in which they lie."""


class SliceValue(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one group."""

    metric: str
    value: float | None
    """None where the group has nothing to compute it of."""
    low: float | None
    high: float | None
    """The 95 % interval."""
    n: int
    """Of how many examples it is computed; for ``true_positive_rate`` those that are positive."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One group."""

    group: str
    n: int
    small: bool
    """Fewer examples than ``min_group``: shown, and left out of the gaps."""
    values: list[SliceValue]


class SliceGap(msgspec.Struct, frozen=True, kw_only=True):
    """The largest difference of a metric between two groups."""

    metric: str
    gap: float | None
    low: float | None
    high: float | None
    """The 95 % interval of the difference of these two groups."""
    ratio: float | None
    """The lesser over the greater; below 0.8 the four-fifths rule of US employment law sees adverse impact."""
    highest: str
    lowest: str
    """The two groups; empty where fewer than two are large enough."""


class Slicing(msgspec.Struct, frozen=True, kw_only=True):
    """All groups by one attribute."""

    by: str
    groups: list[Slice]
    gaps: list[SliceGap]


class SliceReport(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics by group over the same predictions."""

    name: str
    n: int
    min_group: int
    positive: str
    """The label that counts as positive; empty where there is none."""
    resamples: int
    """How often each bootstrap drew; 0 where there is none."""
    overall: list[SliceValue]
    slicings: list[Slicing]


def slice_tables(report: SliceReport) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(title, head, rows) of each attribute's groups, then of its gaps."""
    for slicing in report.slicings:
        metrics = [value.metric for value in report.overall]
        rows = [
            [one.group + (" (small)" if one.small else ""), str(one.n), *(value_text(value) for value in one.values)]
            for one in slicing.groups
        ]
        yield f"{report.name}, by {slicing.by}", [slicing.by, "n", *metrics], rows
        gaps = [
            [gap.metric, f"{gap.gap:.3g} {interval_text(gap.low, gap.high)}", f"{gap.highest} over {gap.lowest}"]
            for gap in slicing.gaps
            if gap.gap is not None
        ]
        yield f"{report.name}, gaps by {slicing.by}", ["metric", "largest difference", "between"], gaps


def value_text(value: SliceValue) -> str:
    """A value with its interval, in text."""
    if value.value is None:
        return "–"
    return f"{value.value:.3g} {interval_text(value.low, value.high)}"


def interval_text(low: float | None, high: float | None) -> str:
    """An interval in text; empty for none."""
    return "" if low is None or high is None else f"({low:.3g} … {high:.3g})"
