"""Regular expressions that users write: asked for no longer than a moment, whatever they are.

Python's own engine has no limit of time, and holds all threads while it searches: one rule such as ``(a+)+`` and one name
that fits it badly would stop a whole server.
"""

from __future__ import annotations

import contextlib

import regex

from runward.errors import InvalidError

LIMIT_S = 0.2
"""Seconds that one question may take; an ordinary rule takes microseconds."""
_LONGEST = 2000


def check_pattern(pattern: str, field: str) -> None:
    """See that an expression can be asked. Raises: InvalidError naming the field."""
    if len(pattern) > _LONGEST:
        raise InvalidError(
            f"{field} has {len(pattern)} characters, at most {_LONGEST} can be asked",
            hint="name fewer cases",
            field=field,
        )
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise InvalidError(f"{field} {pattern!r} is no regular expression: {error}", field=field) from error


def fits(pattern: str, text: str) -> bool:
    """Whether an expression matches the whole text; what takes longer than :data:`LIMIT_S` does not fit."""
    with contextlib.suppress(TimeoutError):
        return regex.fullmatch(pattern, text, timeout=LIMIT_S) is not None
    return False
