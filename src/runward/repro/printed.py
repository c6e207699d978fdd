"""Comparing printed text: without what changes from one start to the next, and with a tolerance where one is declared."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from runward.repro.model import OutputCheck, Tolerance
from runward.repro.moments import Span, without_own_times

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][-+]?\d++)?+(?![\w.]*[A-Za-z_])")
_DAY = r"(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_MASKS = (
    (re.compile(r"\x1b\[[0-9;?]*[A-Za-z]"), ""),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(rf"\b{_DAY},? +(?:\d{{1,2}} {_MONTH}|{_MONTH} +\d{{1,2}}),?(?: \d{{4}})?\b"), "<date>"),
    (re.compile(r"(?<![\d.])\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?![\d.])"), "<time>"),
    (
        re.compile(r"\b\d+(?:[.,]\d+)?(?:e[-+]\d+)?(?: ?(?:ns|us|µs|\u03bcs|ms|s|secs?|seconds?|minutes?|hours?)|min|h)(?:/\w+)?\b"),
        "<duration>",
    ),
    (re.compile(r"\b\d+(?:[.,]\d+)?\s?[kKMG]?(?:it|batch(?:es)?|samples?|steps?|examples?|rows|epochs?)/s(?:ec)?\b"), "<rate>"),
    (
        re.compile(
            r"(?i)(\b(?:(?:elapsed|wall|cpu|fit|score|training|train|total|run|inference|eval\w*|epoch)[ _-]?time|elapsed|took"
            r"|duration|time|seconds)\b\s*(?:\([a-z]+\)\s*)?[:=]?\s*)\d+(?:\.\d+)?(?:e[-+]?\d+)?\b"
        ),
        r"\1<duration>",
    ),
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "<address>"),
    (re.compile(r"(?i)(\bpid\b[ =:]*)\d+"), r"\1<pid>"),
    (re.compile(r"(?<![\w<])(?:/[\w.@+~-]+)+/(?=[\w.@+~-])"), "<folder>/"),
    (re.compile(r"(?<![A-Za-z0-9])tmp[a-z0-9_]{6,12}(?![A-Za-z0-9_])"), "<temporary>"),
    (re.compile(r"(?m)^.*\bAuto-choosing (?:row|col)-wise multi-threading, the overhead.*\n(?:And if memory.*\n)?"), ""),
    (re.compile(r"(?m)^You can set `force_(?:row|col)_wise=true` to remove the overhead\.\n(?:And if memory.*\n)?"), ""),
)  # fmt: skip


class Around(NamedTuple):
    """What surrounded a run and may stand in what it printed."""

    folders: Mapping[str, str] = MappingProxyType({})
    """Folders by path, and paths that stand for them."""
    pids: frozenset[str] = frozenset()
    """The ids of its processes."""
    span: Span | None = None
    """When it ran."""


NOWHERE = (Around(), Around())
"""Nothing is known of either run's surroundings."""


def mask(text: str, around: Around = NOWHERE[0]) -> str:
    """Printed text without what changes from one start to the next.

    Dates, times, durations, rates, addresses, process ids, the folders of paths and names of temporary files
    are replaced.

    Args:
        text: What was printed.
        around: Whose folders are replaced first of all.
    """
    text = without_traces(text, around)
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return text


def without_traces(text: str, around: Around) -> str:
    """A text in which the run's own folders and the times at which it ran are replaced, and nothing else."""
    for place in sorted(around.folders, key=len, reverse=True):
        text = text.replace(place, around.folders[place])
    return without_own_times(text, around.span)


def compare_stdout(
    before: str, after: str, tolerance: Tolerance | None = None, around: tuple[Around, Around] = NOWHERE
) -> OutputCheck:
    """Compare printed text with dates, times, durations, addresses, process ids and folders masked.

    Args:
        before: What the original run printed.
        after: What the rerun printed.
        tolerance: For the numbers in it; without one they must be the same.
        around: The surroundings of either run.
    """
    if before == after:
        return OutputCheck(status="identical")
    first, second = mask(before, around[0]).splitlines(), mask(after, around[1]).splitlines()
    pairs = enumerate(zip(first, second, strict=False), 1)
    off = [(number, *pair) for number, pair in pairs if not _same_but_for_pids(*pair, around)]
    if len(first) == len(second) and not off:
        return OutputCheck(status="identical", detail="identical but for times, addresses and paths")
    if tolerance is not None and len(first) == len(second) and all(_near(was, now, tolerance) for _, was, now in off):
        return OutputCheck(status="within_tolerance", detail=f"numbers in {len(off)} lines differ within the tolerance")
    if not off:
        return OutputCheck(status="different", detail=f"{len(first)} lines before, {len(second)} after")
    number, was, became = off[0]
    return OutputCheck(status="different", detail=f"line {number}: {was[:120]!r} became {became[:120]!r}")


def _same_but_for_pids(before: str, after: str, around: tuple[Around, Around]) -> bool:
    if before == after:
        return True
    words = [re.split(r"(\d+)", line) for line in (before, after)]
    return len(words[0]) == len(words[1]) and all(
        first == second or (first in around[0].pids and second in around[1].pids)
        for first, second in zip(*words, strict=True)
    )


def _near(before: str, after: str, tolerance: Tolerance) -> bool:
    """Whether two lines say the same but for numbers that are close."""
    if re.sub(r"\s+", " ", _NUMBER.sub("#", before)) != re.sub(r"\s+", " ", _NUMBER.sub("#", after)):
        return False
    pairs = zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True)
    return all(close(float(first), float(second), tolerance) for first, second in pairs)


def close(before: float, after: float, tolerance: Tolerance) -> bool:
    """Whether two numbers are within the tolerance; NaN is close to NaN, infinity to itself."""
    if not (math.isfinite(before) and math.isfinite(after)):
        return before == after or (math.isnan(before) and math.isnan(after))
    return abs(after - before) <= tolerance.abs + tolerance.rel * abs(before)
