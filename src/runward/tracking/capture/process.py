"""Capture of the command: what was started, where and when."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from runward.core.clock import utc_now
from runward.tracking.capture.model import ProcessSnapshot, encode_path
from runward.tracking.capture.redact import redact_argv


def capture_process(cwd: Path, argv: Sequence[str] | None = None) -> ProcessSnapshot:
    """Describe how this process was started, or a command that is about to be.

    Args:
        cwd: The working folder of the run.
        argv: The command; by default this interpreter's own command line.
    """
    words = list(sys.orig_argv if argv is None else argv)
    return ProcessSnapshot(
        argv=[encode_path(word) for word in redact_argv(words)],
        cwd=encode_path(str(cwd)),
        entry=_entry(words, cwd),
        flags=_flags(words),
        started_at=utc_now(),
    )


def _entry(words: list[str], cwd: Path) -> str:
    rest = words[1 + len(_flags(words)) :]
    if rest[:1] == ["-m"]:
        return " ".join(rest[:2])
    if not rest or rest[0].startswith("-") or not _is_python(words):
        return ""
    script = Path(cwd, rest[0])
    return encode_path(str(script.relative_to(cwd) if script.is_relative_to(cwd) else script))


def _flags(words: list[str]) -> list[str]:
    """The interpreter's options before the script or ``-m``; ``-X`` and ``-W`` take a word."""
    flags: list[str] = []
    rest = iter(words[1:] if _is_python(words) else [])
    for word in rest:
        if not word.startswith("-") or word in ("-m", "-c", "-"):
            break
        flags.append(word)
        if word in ("-X", "-W"):
            flags += [next(rest, "")]
    return flags


def _is_python(words: list[str]) -> bool:
    return bool(words) and os.path.basename(words[0]).startswith(("python", "pypy"))
