"""Standards of a team in the workspace: set from any TeamConfig, found for results, merged with a known precedence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from runward.config.merge import Merged, Origin, merge
from runward.config.standards import TeamConfig, Threshold, thresholds
from runward.errors import InvalidError, NotFoundError
from runward.execution.model import Results
from runward.face import current_workspace
from runward.review.model import MetricRule, Standards, StandardsVersion
from runward.review.standards_model import StandardsEdit
from runward.tracking.model import NewProject

_FIELDS = (
    "name",
    "default_hyperparameters",
    "required_metrics",
    "thresholds",
    "naming",
    "review_required",
    "documentation_required",
    "sharing_enabled",
)
"""What a TeamConfig says of standards, in the words of standards."""


def set_standards(config: Any, project: str = "") -> StandardsVersion:
    """Put a team's standards in force for a project, as a new version. The project is made where missing.

    What a TeamConfig does not know (approvals, review rules) stays as it is, and so does the version where nothing differs.

    Args:
        config: A TeamConfig, or any object or mapping with its fields (such as a team's own dataclass).
        project: The project's path; the configuration's ``project_name`` when not given.

    Raises:
        InvalidError: A field is wrong, or a threshold uses ``>`` or ``<`` (standards keep ``>=`` and ``<=``).
        ForbiddenError: You are not a maintainer of the project.
    """
    team = TeamConfig.from_object(config)
    said = msgspec.to_builtins(as_standards(team))
    known = {field: said[field] for field in _FIELDS if field != "naming" or team.naming}
    workspace = current_workspace()
    path = project or team.project_name
    workspace.tracking.create_project(NewProject(path, exist_ok=True))
    return workspace.standards.edit(path, StandardsEdit(values=known))


def get_team_config(project: str) -> TeamConfig:
    """The standards in force for a project as a TeamConfig, with what the projects above it say.

    Raises:
        NotFoundError: There is no such project.
    """
    found = current_workspace().standards.in_force(project)
    limits: dict[str, dict[str, float]] = {}
    for rule in found.standards.thresholds:
        limits.setdefault(rule.metric, {})["min" if rule.op == ">=" else "max"] = rule.value
    said = {
        field: getattr(found.standards, field) for field in _FIELDS if field not in ("name", "thresholds", "naming")
    }
    return TeamConfig(
        found.standards.name,
        found.project,
        **said,
        performance_thresholds=limits,
        naming=found.standards.naming or None,
    )


def get_standards(project: str) -> Standards:
    """The standards in force for a project: its own, else its nearest parent's, else the defaults.

    Raises:
        NotFoundError: There is no such project.
    """
    return current_workspace().review.get_standards(project).standards


def as_standards(config: Any) -> Standards:
    """A team configuration in the form that projects keep.

    Raises:
        InvalidError: A field is wrong, or a threshold uses ``>`` or ``<``.
    """
    if isinstance(config, Standards):
        return config
    team = TeamConfig.from_object(config)
    return Standards(
        name=team.team_name,
        default_hyperparameters=dict(team.default_hyperparameters),
        required_metrics=list(team.required_metrics),
        thresholds=[_rule(limit) for limit in thresholds(team)],
        naming=team.naming or "",
        review_required=team.review_required,
        documentation_required=team.documentation_required,
        sharing_enabled=team.sharing_enabled,
    )


def _rule(limit: Threshold) -> MetricRule:
    ops: dict[str, Literal[">=", "<="]] = {">=": ">=", "<=": "<="}
    if limit.op not in ops:
        raise InvalidError(
            f"the threshold {limit} uses {limit.op}", hint=f"write {limit.op}= (standards keep >= and <=)"
        )
    return MetricRule(limit.metric, ops[limit.op], limit.value)


def standards_for(results: Results) -> StandardsVersion | None:
    """The standards of the project that an experiment belongs to; None where nobody has set any."""
    workspace = current_workspace()
    try:
        experiment = workspace.tracking.get_experiment(results.experiment_id)
    except NotFoundError:
        return None
    found = workspace.review.get_standards(experiment.project_id)
    return found if found.version else None


def merge_team_config(
    run: Mapping[str, Any] | None = None,
    user: Mapping[str, Any] | None = None,
    project: Any = None,
    team: Any = None,
    default: Mapping[str, Any] | None = None,
) -> Merged:
    """Settings in force by the precedence run > user > project > team > default, with the origin of every value.

    Args:
        run: What this run says.
        user: The researcher's own settings.
        project: The project's: a mapping, Standards, or any TeamConfig (its ``default_hyperparameters`` count).
        team: The team's, in the same forms.
        default: What holds where nobody says anything.

    Returns:
        ``values`` and ``origins`` (dotted key to layer). The given mappings stay as they are.

    Raises:
        InvalidError: A layer is not a mapping with text keys.
    """
    layers = [
        (Origin.RUN, run),
        (Origin.USER, user),
        (Origin.PROJECT, _settings(project)),
        (Origin.TEAM, _settings(team)),
        (Origin.DEFAULT, default),
    ]
    return merge([(origin, values) for origin, values in layers if values is not None])


def _settings(layer: Any) -> Any:
    found = layer.get("default_hyperparameters", layer) if isinstance(layer, Mapping) else layer
    return getattr(found, "default_hyperparameters", found)
