"""How the work that a server does beside its requests goes: when each kind of it last came to its end, and what fails."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from datetime import datetime

import msgspec

from runward.core.clock import utc_now
from runward.errors import RunwardError

log = logging.getLogger("runward.work")


class Beat(msgspec.Struct, frozen=True):
    """A kind of work in one process."""

    work: str
    ended_at: datetime | None = None
    """When it last came to its end without an error; None if it never did."""
    failing_since: datetime | None = None
    """Since when every attempt failed; None if the last one did not."""
    failures: int = 0
    """Attempts that failed since then."""
    error: str = ""
    """What the last of them said."""


class Beats:
    """Thread-safe. Notes of one process; they end with it."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._beats: dict[str, Beat] = {}

    @contextlib.contextmanager
    def attempt(self, work: str) -> Iterator[None]:
        """The border of a loop that works: an error is noted and does not leave. Only the first of a row goes to the log."""
        try:
            yield
        except Exception as error:
            # What was due is due at the next attempt; a log with a traceback every two seconds would help nobody.
            if self._failed(work, error):
                is_known = isinstance(error, RunwardError) and error.retryable
                log.warning("%s: %s; it is tried again and again", work, error, exc_info=not is_known)
        else:
            self._ended(work)

    def all(self) -> list[Beat]:
        """All kinds of work that were attempted, by name."""
        with self._mutex:
            return sorted(self._beats.values(), key=lambda beat: beat.work)

    def _failed(self, work: str, error: Exception) -> bool:
        # What a library says may hold anything; our own messages are made for people.
        said = error.message if isinstance(error, RunwardError) else type(error).__name__
        with self._mutex:
            before = self._beats.get(work, Beat(work))
            since = before.failing_since or utc_now()
            self._beats[work] = Beat(work, before.ended_at, since, before.failures + 1, said)
            return before.failing_since is None

    def _ended(self, work: str) -> None:
        with self._mutex:
            before = self._beats.get(work)
            self._beats[work] = Beat(work, utc_now())
        if before is not None and before.failing_since is not None:
            log.info("%s works again after %s failures", work, before.failures)
