"""The uv program: found, and run without what the caller's environment would make of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from runward.errors import EnvironmentNotRebuiltError
from runward.repro.stop import run_tool

_TIMEOUT_S = 1800.0


def find_uv() -> str:
    """The uv program on ``PATH`` or beside this Python. Raises: EnvironmentNotRebuiltError."""
    found = shutil.which("uv") or shutil.which("uv", path=sysconfig.get_path("scripts"))
    if not found:
        raise EnvironmentNotRebuiltError(
            "uv: the program that builds environments was not found", hint="Install it: `pip install uv`."
        )
    return found


def run_uv(command: list[str], given: str = "", timeout_s: float = _TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Run uv to its end.

    Args:
        command: The program and its arguments.
        given: What it reads from its standard input.
        timeout_s: Seconds until it is given up.

    Raises: EnvironmentNotRebuiltError (it does not start, or took too long).
    """
    # VIRTUAL_ENV and the caller's project must not decide where uv works; its index settings must.
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    try:
        return run_tool(command, environment, Path(tempfile.gettempdir()), timeout_s, given)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentNotRebuiltError(f"uv: {error}", hint="Check that uv runs and the network answers.") from error
