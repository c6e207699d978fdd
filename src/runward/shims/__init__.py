"""Import-compatible faces of other tools."""

from __future__ import annotations

import importlib.util
import sys

from runward.errors import ConflictError
from runward.shims import nemo_run

_NAME = "nemo_run"


def install(*, force: bool = False) -> None:
    """Make ``import nemo_run`` give Runward's public face in this process.

    Installing again changes nothing. :func:`uninstall` takes it back.

    Args:
        force: Take the name even if the real nemo_run is installed or imported already.

    Raises:
        ConflictError: The real nemo_run is installed or imported, and ``force`` is false.
    """
    if sys.modules.get(_NAME) is nemo_run:
        return
    if not force and (_NAME in sys.modules or importlib.util.find_spec(_NAME) is not None):
        state = "imported" if _NAME in sys.modules else "installed"
        raise ConflictError(
            f"the real nemo_run is {state} here, so `import nemo_run` keeps meaning that",
            hint="call install(force=True) to take the name, or write `import runward as run`",
        )
    sys.modules[_NAME] = nemo_run


def uninstall() -> None:
    """Give the name back; the next ``import nemo_run`` looks for the real one."""
    if sys.modules.get(_NAME) is nemo_run:
        del sys.modules[_NAME]
