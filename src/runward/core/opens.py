"""Which files a process opens and which variables it reads, noted from `import runward` on.

Data is usually read before a run is started, and a command that knows nothing of Runward reads all of it then.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    # This stands before every tracked process's first line, so it imports nothing that is not there anyway.
    from collections.abc import Iterator
    from typing import Any

_MOST = 20_000
_WRITING = os.O_WRONLY | os.O_RDWR


class OpenedFiles:
    """Paths in the order of their first opening, each with whether that opening wrote.

    An audit hook cannot be removed, so it is kept tiny and does nothing once it was stopped.
    """

    def __init__(self) -> None:
        self.paths: dict[str, bool] = {}
        self.written: dict[str, None] = {}
        """Every path that was opened for writing, or that something was renamed to."""
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
        if not self._active or len(self.paths) >= _MOST:
            return
        if event == "open" and type(arguments[0]) is str:
            path, mode, flags = arguments
            writes = mode[:1] in "wxa" or "+" in mode if mode else bool((flags or 0) & _WRITING)
            if path not in self.paths:
                self.paths[path] = mode[:1] in "wxa" if mode else writes
            if writes:
                self.written[path] = None
        elif event == "sqlite3.connect" and type(arguments[0]) is str and arguments[0] != ":memory:":
            self.paths.setdefault(arguments[0].removeprefix("file:").partition("?")[0], False)
        elif event == "os.rename" and type(arguments[1]) is str:
            self.paths.setdefault(arguments[1], True)
            self.written[arguments[1]] = None


BEFORE_START = OpenedFiles()
"""What this process opened until its first run began."""


class ReadVariables:
    """Names of the environment variables that Python code asked for and that were set.

    Whoever copies the whole environment, to start a process with it, has asked for none of them.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()

    def start(self) -> None:
        """Begin to note; ``os.environ`` stays the object that it is."""
        kind, names = type(os.environ), self.names
        ask, walk = kind.__getitem__, kind.__iter__
        passing: list[str] = []
        due: list[str] = []

        def noting_ask(environ: Any, key: Any) -> Any:
            value = ask(environ, key)
            if due and key == due[-1]:
                due.pop()
            elif key not in passing:
                names.add(key)
            return value

        def noting_walk(environ: Any) -> Iterator[Any]:
            walked = []
            for key in walk(environ):
                walked.append(key)
                passing[:] = [key]
                yield key
            # `dict(os.environ)` lists all names first and then asks for each, in that order.
            passing.clear()
            due[:] = walked[::-1]

        kind.__getitem__ = noting_ask  # type: ignore[method-assign]
        kind.__iter__ = noting_walk  # type: ignore[method-assign]


VARIABLES = ReadVariables()
"""What this process asked of its environment."""
