"""Time: UTC everywhere, microseconds in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from runward.errors import InvalidError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST, _LAST = ((moment.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND for moment in (datetime.min, datetime.max))


def utc_now() -> datetime:
    """The present time, aware, in UTC."""
    return datetime.now(UTC)


def to_us(moment: datetime) -> int:
    """Whole microseconds since 1970, exact (no float in between). A time without a zone is taken as UTC.

    Raises: InvalidError (in UTC it is before the year 1 or after 9999, so nobody could read it again).
    """
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    found = (moment - _EPOCH) // _MICROSECOND
    if not _FIRST <= found <= _LAST:
        raise InvalidError(f"the time {moment.isoformat()} is outside the years 1 to 9999 in UTC")
    return found


def from_us(value: int) -> datetime:
    """The moment that many microseconds after 1970-01-01 UTC."""
    return _EPOCH + timedelta(microseconds=value)
