"""What all frameworks share: the run that a training logs to, and that nothing here reaches the training."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from runward import face
from runward.errors import NotFoundError, RunwardError, RunwardWarning
from runward.tracking import client
from runward.tracking.client import ActiveRun

_warned: set[str] = set()
_fitting = threading.Lock()
_fitting_by: list[str] = []


@contextlib.contextmanager
def quietly(what: str) -> Iterator[None]:
    """Turn whatever fails while something is logged into a warning, once for each kind of failure."""
    try:
        yield
    # A framework's objects raise anything, and the training must not end because it is being watched.
    except Exception as error:  # noqa: BLE001
        reason = f"{what} could not be logged: {type(error).__name__}: {error}"
        if reason not in _warned:
            _warned.add(reason)
            with contextlib.suppress(Warning):
                warnings.warn(reason, RunwardWarning, stacklevel=4)


class Session:
    """The run that one training logs to: the active one, else one of its own, which ends with the training.

    Args:
        name: What a run of its own is called.
        run: A run to log to in any case.
    """

    def __init__(self, name: str, run: ActiveRun | None = None) -> None:
        self._name, self._given = name, run
        self._own: ActiveRun | None = None
        self._own_id = ""
        self._refusal: RunwardError | None = None

    @property
    def run(self) -> ActiveRun:
        """The run. Its own one is begun where there is none, and taken up again after its end. Raises: RunwardError."""
        if self._given is not None:
            return self._given
        if self._own is None:
            try:
                return client.active_run()
            except NotFoundError:
                self._own = self._begin()
        return self._own

    def _begin(self) -> ActiveRun:
        """A run of its own; a later call of the same trainer, such as an evaluation, goes on with it."""
        if self._refusal is not None:
            raise self._refusal
        try:
            run = face.start(self._name, run_id=self._own_id)
        except RunwardError as error:
            # Not tried again for every metric of the training.
            self._refusal = error
            raise
        self._own_id = run.id
        return run

    def end(self, error: BaseException | None = None) -> None:
        """End the run if it is its own: as failed after an error."""
        own, self._own = self._own, None
        if own is not None:
            own.__exit__(type(error) if error else None, error, None)


@contextlib.contextmanager
def session(name: str) -> Iterator[Session]:
    """A session around one call of a framework; the framework's own exceptions pass through."""
    found = Session(name)
    try:
        yield found
    except BaseException as error:
        with quietly(f"the end of {name}"):
            found.end(error)
        raise
    with quietly(f"the end of {name}"):
        found.end()


@contextlib.contextmanager
def outermost(by: str) -> Iterator[bool]:
    """Whether this fit is the outermost of the process, which only it is until it is over.

    Not of the thread: searches and ensembles fit what is inside of them in threads of their own.
    """
    if not _fitting.acquire(blocking=False):
        yield False
        return
    _fitting_by.append(by)
    try:
        yield True
    finally:
        _fitting_by.clear()
        _fitting.release()


def is_inside(by: str) -> bool:
    """Whether a fit of this kind is going on, of which a training is then a part."""
    return by in _fitting_by


def numbers(values: Mapping[Any, Any], prefix: str = "") -> dict[str, float]:
    """What of these is a number, by text: frameworks mix in texts and whole arrays."""
    found = {}
    for key, value in values.items():
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            if not isinstance(value, str | bytes | None.__class__):
                found[f"{prefix}{key}"] = float(value)
    return found


def short(params: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Parameters by text; what is no plain value as the beginning of its text."""
    return {
        f"{prefix}{key}": value if isinstance(value, bool | int | float | str | None.__class__) else f"{value!s:.500}"
        for key, value in params.items()
    }
