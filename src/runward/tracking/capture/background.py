"""One job in a daemon thread, whose file accesses do not count as the run's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from runward.tracking.capture.reads import unrecorded

T = TypeVar("T")


class Background(Generic[T]):
    """Runs a function in a thread that never keeps the process alive."""

    def __init__(self, work: Callable[[], T]) -> None:
        """Start the thread."""
        self._work = work
        self._value: T
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="runward-capture", daemon=True)
        self._thread.start()

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for the function's value. Raises: TimeoutError, and what the function raised."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"the capture is not done after {timeout_s} s")
        if self._error:
            raise self._error
        return self._value

    def _run(self) -> None:
        try:
            with unrecorded():
                self._value = self._work()
        except Exception as error:  # noqa: BLE001 - handed to whoever asks for the result
            self._error = error
