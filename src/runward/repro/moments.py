"""Times at which a run ran, told from times that are data: only these change by themselves from one run to the next."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from functools import partial

Span = tuple[float, float]
"""When a run began and ended, in seconds since 1970 (UTC)."""

_SLACK_S = 2.0
_STAMP = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<dash>[-/.]?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)"
    r"(?:[T _/-]?(?P<hour>\d\d)[:h.-]?(?P<minute>\d\d)(?:[:m.-]?(?P<second>\d\d)(?:[.,]\d{1,9})?)?)?"
    r" ?(?P<zone>Z|[+-]\d\d:?\d\d)?(?!\d)"
)
_ASCTIME = re.compile(
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<text>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?: [A-Z]{3,4})? (?P<year>\d{4})\b"
)
_EPOCH = re.compile(r"(?<!\w)(?<!\d\.)(?:\d{10}|\d{13}|\d{16}|\d{19})(?:\.\d+)?(?!\w|\.\d)")
_YEARLESS = re.compile(
    r"(?<![A-Za-z])(?P<text>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\d\d_\d\d-\d\d-\d\d)(?!\d)"
)
"""``Nov22_05-04-58``, as TensorBoard's writers name their folders."""
_UNITS = (1.0, 1e3, 1e6, 1e9)


def is_own_time(value: object, span: Span | None) -> bool:
    """Whether a value of a result is a time at which its run was running.

    Args:
        value: A number (seconds since 1970, or thousandths, millionths, billionths), a date, or a text.
        span: Of the run; nothing is its own time where that is not known.
    """
    if span is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return any(_overlaps(value / unit, 0.0, span) for unit in _UNITS)
    if isinstance(value, datetime.datetime):
        return any(_overlaps(at, 0.0, span) for at in _readings(value))
    return isinstance(value, str) and without_own_times(value.strip(), span) == "<date>"


def without_own_times(text: str, span: Span | None) -> str:
    """A text in which each time at which its run was running is ``<date>``; all other times stay."""
    if span is None:
        return text
    for pattern, reads in ((_STAMP, _stamped), (_ASCTIME, _named), (_YEARLESS, _yearless), (_EPOCH, _counted)):
        text = pattern.sub(partial(_replaced, reads, span), text)
    return text


def _replaced(reads: Callable[[re.Match[str], Span], bool], span: Span, match: re.Match[str]) -> str:
    return "<date>" if reads(match, span) else match[0]


def _overlaps(at: float, lasts: float, span: Span) -> bool:
    return at + lasts >= span[0] - _SLACK_S and at <= span[1] + _SLACK_S


def _readings(moment: datetime.datetime) -> tuple[float, ...]:
    """Seconds since 1970; a time without a zone may be meant in this machine's or in UTC."""
    if moment.tzinfo is not None:
        return (moment.timestamp(),)
    try:
        return moment.timestamp(), moment.replace(tzinfo=datetime.UTC).timestamp()
    except (OverflowError, OSError):
        return (moment.replace(tzinfo=datetime.UTC).timestamp(),)


def _stamped(match: re.Match[str], span: Span) -> bool:
    year, month, day, hour, minute, second = (
        int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    lasts = 1.0 if match["second"] else 60.0 if match["hour"] else 86_400.0
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second)
        if zone := match["zone"]:
            moment = moment.replace(tzinfo=datetime.datetime.strptime(zone, "%z").tzinfo)
    except ValueError:
        return False
    return any(_overlaps(at, lasts, span) for at in _readings(moment))


def _named(match: re.Match[str], span: Span) -> bool:
    try:
        moment = datetime.datetime.strptime(f"{match['text']} {match['year']}", "%b %d %H:%M:%S %Y")
    except ValueError:
        return False
    return any(_overlaps(at, 1.0, span) for at in _readings(moment))


def _yearless(match: re.Match[str], span: Span) -> bool:
    year = datetime.datetime.fromtimestamp(span[0], datetime.UTC).year
    try:
        # Around New Year a run may have begun in the year before, here or in UTC.
        moments = [datetime.datetime.strptime(f"{one} {match['text']}", "%Y %b%d_%H-%M-%S") for one in (year, year + 1)]
    except ValueError:
        return False
    return any(_overlaps(at, 1.0, span) for moment in moments for at in _readings(moment))


def _counted(match: re.Match[str], span: Span) -> bool:
    return is_own_time(float(match[0]), span)
