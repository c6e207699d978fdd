"""Which lines a change wrote, from unified diffs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from runward.tracking.model import FileChange

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")
Lines = Mapping[str, Collection[int]]
"""Line numbers by path."""


def changed_lines(changes: Iterable[FileChange]) -> dict[str, set[int]]:
    """The lines that are new or different, in the files as they are now; files without a readable diff are left out."""
    return {change.path: set(_added(change.diff)) for change in changes if change.diff and change.change != "removed"}


def _added(diff: str) -> Iterator[int]:
    at = 0
    for line in diff.splitlines():
        if hunk := _HUNK.match(line):
            at = int(hunk[1])
        elif at and line.startswith("+"):
            yield at
            at += 1
        elif at and not line.startswith(("-", "\\")):
            at += 1


def spans(lines: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of consecutive lines, first and last."""
    found: list[tuple[int, int]] = []
    for line in sorted(lines):
        if found and line == found[-1][1] + 1:
            found[-1] = found[-1][0], line
        else:
            found.append((line, line))
    return found
