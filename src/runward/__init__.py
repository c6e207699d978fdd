"""Runward: ML experiments that a team can trust.

::

    import runward as run

    with run.start(project="digits", params={"lr": 0.1}, seed=7):
        run.log_metric("accuracy", 0.97)

Names are loaded when they are first used: importing this module loads no database, no web framework and no numpy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from runward._version import __version__
from runward.errors import RunwardError

if TYPE_CHECKING:
    from runward.config.buildable import Config as Config
    from runward.config.buildable import Partial as Partial
    from runward.face import connect as connect
    from runward.face import start as start
    from runward.tracking.client import finish as finish
    from runward.tracking.client import log_artifact as log_artifact
    from runward.tracking.client import log_artifacts as log_artifacts
    from runward.tracking.client import log_metric as log_metric
    from runward.tracking.client import log_metrics as log_metrics
    from runward.tracking.client import log_param as log_param
    from runward.tracking.client import log_params as log_params
    from runward.tracking.client import set_tag as set_tag

_LAZY: dict[str, str] = {
    "Config": "config.buildable",
    "Partial": "config.buildable",
    "active_run": "tracking.client",
    "EarlyStoppingCallback": "execution.callbacks",
    "Experiment": "recording",
    "Results": "execution.model",
    "Script": "execution.model",
    "Task": "execution.model",
    "connect": "face",
    "current_workspace": "face",
    "finish": "tracking.client",
    "log_artifact": "tracking.client",
    "log_artifacts": "tracking.client",
    "log_metric": "tracking.client",
    "log_metrics": "tracking.client",
    "log_param": "tracking.client",
    "log_params": "tracking.client",
    "seed_everything": "core.seeding",
    "set_entry_point": "execution.entry",
    "set_tag": "tracking.client",
    "start": "face",
    "sync": "face",
}

__all__ = ["RunwardError", "__version__", *sorted(_LAZY)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'runward' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"runward.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
