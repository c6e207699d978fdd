"""Import-compatible faces of other tools."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Final

from runward.errors import ConflictError, InvalidError

_FACES: Final = {"nemo_run": "runward.shims.nemo_run", "wandb": "runward.shims.wandb"}
"""The names that can be taken, and what stands for them."""


def install(name: str = "nemo_run", *, force: bool = False) -> None:
    """Make ``import nemo_run`` (or ``import wandb``) give Runward's face in this process.

    Installing again changes nothing. :func:`uninstall` takes it back.

    Args:
        name: ``nemo_run`` or ``wandb``.
        force: Take the name even if the real package is installed or imported already.

    Raises:
        InvalidError: There is no face for this name.
        ConflictError: The real package is installed or imported, and ``force`` is false.
    """
    if name not in _FACES:
        raise InvalidError(f"there is no face for {name!r}", hint=f"there is one for {' and '.join(_FACES)}")
    if _is_installed(name):
        return
    if not force and (name in sys.modules or importlib.util.find_spec(name) is not None):
        state = "imported" if name in sys.modules else "installed"
        raise ConflictError(
            f"the real {name} is {state} here, so `import {name}` keeps meaning that",
            hint=f"call install({name!r}, force=True) to take the name, or write `import {_FACES[name]} as {name}`",
        )
    sys.modules[name] = importlib.import_module(_FACES[name])


def uninstall(name: str = "nemo_run") -> None:
    """Give the name back; the next ``import`` looks for the real one."""
    if _is_installed(name):
        del sys.modules[name]


def _is_installed(name: str) -> bool:
    present = sys.modules.get(name)
    return present is not None and present is sys.modules.get(_FACES[name])
