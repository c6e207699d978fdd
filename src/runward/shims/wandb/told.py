"""What this face does not do is said by name, once, with the way out."""

from __future__ import annotations

import warnings

from runward.tracking.client import RunwardWarning

_said: set[str] = set()


def once(what: str, way_out: str) -> None:
    """Warn that ``what`` has no effect here; the training goes on."""
    if what not in _said:
        _said.add(what)
        warnings.warn(f"{what} is not covered by runward.shims.wandb: {way_out}", RunwardWarning, stacklevel=4)


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
    "sklearn": "run.autolog() of runward logs scikit-learn; wandb.plot has the common charts",
    "integration": "run.autolog() of runward logs the framework by itself",
    "keras": "run.autolog() of runward logs Keras by itself",
    "xgboost": "run.autolog() of runward logs XGBoost by itself",
    "lightgbm": "run.autolog() of runward logs LightGBM by itself",
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
