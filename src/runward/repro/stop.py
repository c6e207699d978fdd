"""Ending a verification from outside: whatever starts processes for it looks here, and ends them."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

LOOK_S = 0.2
"""How often a stop is looked for."""
MARKER = "RUNWARD_RERUN"
"""The variable of all that a rerun starts: a path below the folder of its verification, and a name of its own."""
_asked: ContextVar[Callable[[], bool]] = ContextVar("asked", default=lambda: False)


class StoppedError(Exception):
    """The verification was told to stop. It is no error of Runward's, and nothing is recorded of it."""


@contextlib.contextmanager
def stoppable(asked: Callable[[], bool]) -> Iterator[None]:
    """Let the verification in this block end within a second of ``asked`` becoming true, by :class:`StoppedError`.

    Args:
        asked: Whether to stop; called several times a second.
    """
    token = _asked.set(asked)
    try:
        yield
    finally:
        _asked.reset(token)


def stop_asked() -> bool:
    """Whether the verification at hand was told to stop."""
    return _asked.get()()


def check_stop() -> None:
    """Raise StoppedError where the verification at hand was told to stop."""
    if stop_asked():
        raise StoppedError


def kill_group(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Kill a process that leads a session of its own, and all that stayed in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def kill_marked(start: str) -> None:
    """Kill what left its process group: its environment still has a mark that begins so (Linux)."""
    needle = os.fsencode(f"{MARKER}={start}")
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if any(entry.startswith(needle) for entry in file.read().split(b"\0")):
                    os.kill(int(path.split("/")[2]), signal.SIGKILL)
        except OSError:
            continue


def dying_with_parent() -> list[str]:
    """Words before a command that let the kernel end it when this process is killed (Linux, util-linux); none elsewhere."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL", "--"] if program else []


def run_tool(
    command: list[str], env: Mapping[str, str], cwd: Path, timeout_s: float, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and keep what it printed; whatever ends this ends the program with all it started.

    ``given`` is what it reads from its standard input.

    Raises: StoppedError, OSError (it does not start), subprocess.TimeoutExpired.
    """
    command = [*dying_with_parent(), *command]
    pipe, deadline = subprocess.PIPE, time.monotonic() + timeout_s
    # A file and no pipe: `communicate` forgets what is left to write when it looks up for the first time.
    with tempfile.TemporaryFile() as source:
        source.write(given.encode())
        source.seek(0)
        process = subprocess.Popen(
            command, stdin=source, stdout=pipe, stderr=pipe, text=True, env=dict(env), cwd=cwd, start_new_session=True
        )
    with process:
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=LOOK_S)
                    return subprocess.CompletedProcess(command, process.returncode, out, err)
                except subprocess.TimeoutExpired:
                    check_stop()
                    if time.monotonic() > deadline:
                        raise
        except BaseException:
            kill_group(process)
            raise
