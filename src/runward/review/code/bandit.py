"""Findings of bandit, where it is installed, beside those that ruff makes of the same rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from runward.review.code.source import Source
from runward.review.model import EvidenceItem

_TIMEOUT_S = 20
_NOISE = frozenset({"B101", "B110", "B311", "B403", "B404", "B603", "B607"})
"""What says little about research code: asserts, random numbers, that a process is started at all."""
_NOQA = re.compile(r"#\s*noqa\b(?::\s*([A-Za-z0-9,\s]+))?", re.IGNORECASE)
Named = tuple[str, EvidenceItem]
"""A rule and a place."""


@cache
def find_bandit() -> str | None:
    """The bandit that is installed beside this package, else the one on the path."""
    return shutil.which("bandit", path=sysconfig.get_path("scripts")) or shutil.which("bandit")


def with_bandit(sources: list[Source], found: list[Named]) -> list[Named]:
    """The findings of others with bandit's, each place once: ruff's ``S602`` is bandit's ``B602``.

    What bandit does not answer changes nothing. Its settings are its own: it sees the files alone, in an empty folder.
    """
    fit = [source for source in sources if not source.cells and not source.note]
    program = find_bandit()
    if program is None or not fit:
        return found
    known = {(rule[1:], place.file, place.line) for rule, place in found if rule.startswith("S")}
    by_path = {source.path: source for source in fit}
    return found + [
        (rule, place)
        for rule, place in _asked(program, fit)
        if (rule[1:], place.file, place.line) not in known and not _silenced(rule, by_path[place.file], place.line)
    ]


def _silenced(rule: str, source: Source, line: int) -> bool:
    """Whether somebody said to ruff that this is meant: ``# noqa: S602`` speaks of bandit's rule too."""
    text = source.lines[line - 1] if 0 < line <= len(source.lines) else ""
    said = _NOQA.search(text)
    return said is not None and (not said[1] or f"S{rule[1:]}" in said[1].upper())


def _asked(program: str, sources: list[Source]) -> list[Named]:
    with tempfile.TemporaryDirectory(prefix="runward-bandit-") as folder:
        shown = {f"{number}.py": source.path for number, source in enumerate(sources)}
        for name, source in zip(shown, sources, strict=True):
            Path(folder, name).write_text(source.text, encoding="utf-8")
        try:
            done = subprocess.run(
                [program, "-q", "-f", "json", *shown], cwd=folder, capture_output=True, text=True, errors="replace",
                timeout=_TIMEOUT_S, check=False,
            )  # fmt: skip
            issues: list[dict[str, Any]] = json.loads(done.stdout)["results"]
            return [
                (one["test_id"], EvidenceItem(one["issue_text"], shown[Path(one["filename"]).name], one["line_number"]))
                for one in issues
                if one["test_id"] not in _NOISE
            ]
        except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
            return []
