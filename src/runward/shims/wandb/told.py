"""What this face does not do is said by name, once, with the way out."""

from __future__ import annotations

import warnings

from runward.errors import RunwardWarning

_said: set[str] = set()


def once(what: str, way_out: str) -> None:
    """Warn that ``what`` has no effect here; the training goes on."""
    if what not in _said:
        _said.add(what)
        warnings.warn(f"{what} is not covered by runward.shims.wandb: {way_out}", RunwardWarning, stacklevel=4)


MODULES = ("integration", "keras", "lightgbm", "sklearn", "xgboost")
"""Parts that need their framework, and so are loaded when they are first used."""

NAMES = {
    "sweep": "run the agent's function in a loop, with a run for each combination",
    "agent": "run its function in a loop, with a run for each combination",
    "controller": "run the agent's function in a loop, with a run for each combination",
    "Molecule": "log_artifact keeps the file",
    "Object3D": "log_artifact keeps the file",
    "Graph": "log a table of nodes and one of edges",
    "Bokeh": "log its page as wandb.Html",
    "JoinedTable": "log one joined table",
    "PartitionedTable": "log one table",
    "plots": "wandb.plot has the charts",
    "fastai": "log from a callback of your own",
    "tensorflow": "runward import tensorboard reads event files",
    "tensorboard": "runward import tensorboard reads event files",
    "sacred": "runward import sacred reads its runs",
    "link_artifact": "runward's registry has models with versions and aliases",
    "link_model": "runward's registry has models with versions and aliases",
    "restore": "wandb.Api().run(…).file(…).download() gets a run's file",
    "sdk": "it is W&B's inside; import names from wandb itself",
    "apis": "wandb.Api() is there",
    "proto": "it is W&B's inside",
    "docker": "runward run -- COMMAND tracks any command",
    "launch": "runward.Experiment runs tasks",
}
"""Names of W&B that are not here, and what to do instead."""
