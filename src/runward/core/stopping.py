"""Programs that end when they are told to, after what they have in hand."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def told_to_stop(stopping: threading.Event) -> Iterator[None]:
    """While this block runs, a termination signal and Ctrl-C set an event instead of ending the program at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
