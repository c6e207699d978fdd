"""What holds where a run is silent: the person's own defaults, then the project's and the team's standards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runward import face
from runward.config import yaml12
from runward.config.merge import lay_over
from runward.config.settings import Settings, libraries_in, origins_in
from runward.config.targets import did_you_mean
from runward.errors import InvalidError, RunwardError
from runward.review.standards_model import StandardsInForce, StandardsValue
from runward.workspace import Workspace

DEFAULTS_VARIABLE = "RUNWARD_DEFAULTS"
"""Names another file than ``~/.config/runward/defaults.yaml``."""
_FIELD, _STANDARDS = "default_hyperparameters.", "standards"


def with_defaults(values: Mapping[str, Any] | None = None, project: str = "") -> Settings:
    """Parameters with defaults filled in: run > user > project > team, with the origin of every value.

    ::

        params = run.with_defaults({"lr": 0.1})
        with run.start(params=params): ...

    The person's defaults come from ``~/.config/runward/defaults.yaml``, the others from the default hyperparameters of the
    project's standards, where ``team`` stands for a project above. The given values stay as they are. A server that is away
    is asked for nothing: the person's defaults hold then.

    Args:
        values: What this run says.
        project: The project; by default the one that runs started here belong to.

    Raises:
        InvalidError: The person's file is wrong, or a key is not text.
    """
    return filled(face.current_workspace(), project or face.default_project(), values or {})


def filled(space: Workspace, project: str, values: Mapping[str, Any]) -> Settings:
    """See :func:`with_defaults`."""
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    found = _in_force(space, project)
    lay_over(merged, found.standards.default_hyperparameters if found else {}, _STANDARDS, origins)
    lay_over(merged, user_defaults(project), "user", origins)
    lay_over(merged, values, "run", origins)
    said = {value.key.removeprefix(_FIELD): _whose(value, project) for value in found.values} if found else {}
    origins = {key: said.get(key, "team") if origin == _STANDARDS else origin for key, origin in origins.items()}
    return Settings(merged, {**origins, **origins_in(values)}, libraries_in(values))


def _whose(value: StandardsValue, project: str) -> str:
    return f"{'project' if value.project == project else 'team'} {value.project} v{value.version}"


def _in_force(space: Workspace, project: str) -> StandardsInForce | None:
    try:
        return space.standards.in_force(project)
    except RunwardError:
        return None


def user_defaults(project: str) -> dict[str, Any]:
    """The person's own defaults for a project: those for all, then those for the projects above it, then its own.

    They are in ``~/.config/runward/defaults.yaml`` (``XDG_CONFIG_HOME`` counts), or where ``RUNWARD_DEFAULTS`` says.

    Raises:
        InvalidError: The file is no YAML or has unknown fields.
    """
    path = defaults_file()
    if not path.is_file():
        return {}
    document = yaml12.load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(document, Mapping):
        raise InvalidError(f"{path} must be a mapping", hint="for example: hyperparameters: {batch_size: 32}")
    for name in document:
        if name not in ("hyperparameters", "projects"):
            known = did_you_mean(str(name), ["hyperparameters", "projects"])
            raise InvalidError(f"{path} has an unknown field {name!r}", hint=known)
    found: dict[str, Any] = {}
    for values in _in_order(document, project):
        if not isinstance(values, Mapping):
            raise InvalidError(f"{path}: parameters must be a mapping, got {values!r:.80}")
        lay_over(found, values, "user", {})
    return found


def _in_order(document: Mapping[str, Any], project: str) -> Iterator[Any]:
    yield document.get("hyperparameters") or {}
    parts = project.split("/")
    for depth in range(1, len(parts) + 1):
        yield (document.get("projects") or {}).get("/".join(parts[:depth])) or {}


def defaults_file() -> Path:
    """Where the person's own defaults are, whether or not there are any."""
    if configured := os.environ.get(DEFAULTS_VARIABLE):
        return Path(configured)
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "runward" / "defaults.yaml"
