"""Which files a process opens, noted from `import runward` on: data is usually read before a run is started."""

from __future__ import annotations

import os
import sys
from typing import Any

_MOST = 20_000
_WRITING = os.O_WRONLY | os.O_RDWR


class OpenedFiles:
    """Paths in the order of their first opening, each with whether that opening wrote.

    An audit hook cannot be removed, so it is kept tiny and does nothing once it was stopped.
    """

    def __init__(self) -> None:
        self.paths: dict[str, bool] = {}
        self._active = False

    def start(self) -> None:
        """Begin to note."""
        if not self._active:
            self._active = True
            sys.addaudithook(self._note)

    def stop(self) -> dict[str, bool]:
        """Note no more; returns what was seen."""
        self._active = False
        return self.paths

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        # No I/O and no exception may happen here: it runs inside of every open of the process.
        if event == "open" and self._active and type(arguments[0]) is str and len(self.paths) < _MOST:
            path, mode, flags = arguments
            if path not in self.paths:
                self.paths[path] = mode[:1] in "wxa" if mode else bool((flags or 0) & _WRITING)


BEFORE_START = OpenedFiles()
"""What this process opened until its first run began."""
