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
    "controller": "wandb.sweep and wandb.agent are there",
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
    "sdk": "it is W&B's inside; import names from wandb itself",
    "apis": "wandb.Api() is there",
    "proto": "it is W&B's inside",
    "docker": "runward run -- COMMAND tracks any command",
    "launch": "runward.Experiment runs tasks",
}
"""Names of W&B that are not here, and what to do instead."""

PARTS = {
    "link": NAMES["link_artifact"],
    "link_artifact": NAMES["link_artifact"],
    "link_model": NAMES["link_model"],
    "upsert_artifact": "log_artifact keeps what each process has",
    "finish_artifact": "log_artifact keeps what each process has",
    "checkout": "download() writes it into a folder",
    "verify": "every file is checked by its digest when it is stored and read",
    "logged_by": "Artifact.source begins with the id of its run, which wandb.Api().run() reads",
    "used_by": "runs that used it have the tag used.<name>",
    "delete": "runward runs delete takes a run with its files away, and can be undone",
    "update": "what a run was given is a fact about it; runward's tags can be set later",
    "sweep": "runs of a sweep have the tag wandb.sweep",
    "used_artifacts": "the run's tags used.<name> name them",
    "metadata": "runward runs show has machine, code and environment",
}
"""Parts of W&B's objects that are not here, and what to do instead."""


def missing(of: str, name: str) -> AttributeError:
    """What asking an object for something that it does not have raises."""
    if name.startswith("_"):
        return AttributeError(name)
    way_out = PARTS.get(name, "the page “Keep your W&B scripts” of Runward's docs lists what is")
    return AttributeError(f"wandb.{of}.{name} is not covered by runward.shims.wandb: {way_out}", name=name)
