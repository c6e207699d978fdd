"""What keeps logging from hurting the training that logs."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from runward.errors import InvalidError, RunwardWarning

_P = ParamSpec("_P")
_Log = TypeVar("_Log", bound="Harmless")
_PACKAGE = str(Path(__file__).parent.parent)


class Harmless:
    """Something that is logged to; it warns once for each reason and raises nothing."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    def _warn(self, reason: str, message: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            warnings.warn(message, RunwardWarning, stacklevel=_level_of_caller())


def harmless(log: Callable[Concatenate[_Log, _P], None]) -> Callable[Concatenate[_Log, _P], None]:
    """Make a method one that never raises: what goes wrong in it costs one warning, and what it was given is not kept."""

    @functools.wraps(log)
    def kept(self: _Log, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            log(self, *args, **kwargs)
        except RunwardWarning:
            raise  # Who makes errors of warnings wants them.
        # What values of other libraries raise when they are looked at has no common class.
        except Exception as error:  # noqa: BLE001
            name = log.__name__.lstrip("_")
            self._warn(f"{name}:{type(error).__name__}", f"{name}: what was given could not be logged: {said(error)}")

    return cast(Callable[Concatenate[_Log, _P], None], kept)


def shown(value: Any, most: int = 80) -> str:
    """How a value looks, for a message."""
    return _told(value, repr, most)


def said(error: Exception) -> str:
    """What an error says, for a message."""
    if isinstance(error, InvalidError):
        return error.message
    return f"{type(error).__name__}: {_told(error, str, 500)}"


def _told(value: Any, tell: Callable[[Any], str], most: int) -> str:
    try:
        return tell(value)[:most]
    # Any code of a value's own runs in it. What cannot even tell of itself is named by its type.
    except Exception:  # noqa: BLE001
        return f"<{type(value).__name__}>"


def _level_of_caller() -> int:
    """The ``stacklevel`` of the first caller outside of this package, as seen by who calls this: the user's own line."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    return level
