"""Unified diffs, the other way round."""

from __future__ import annotations

import re

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


def reverted(now: str, diff: str) -> str | None:
    """A text before a unified diff made it what it is; None where the diff is not of this text, or changes no line."""
    if not _HUNK.search(diff):
        return None
    lines, before, at, wanted = now.split("\n"), list[str](), 0, 0
    for line in diff.split("\n"):
        if found := _HUNK.match(line):
            start, count = int(found[3]), int(found[4] or 1)
            # A hunk that leaves nothing names the line before it.
            begin = start - 1 if count else start
            if wanted or begin < at:
                return None
            before += lines[at:begin]
            at, wanted = begin, count + int(found[2] or 1)
        elif wanted and line[:1] in ("+", " "):
            if at >= len(lines) or lines[at] != line[1:]:
                return None
            at, wanted = at + 1, wanted - (1 if line[0] == "+" else 2)
            before += [line[1:]] if line[0] == " " else []
        elif wanted and line[:1] == "-":
            before.append(line[1:])
            wanted -= 1
    return None if wanted else "\n".join([*before, *lines[at:]])
