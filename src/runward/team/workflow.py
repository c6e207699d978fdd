"""The workflows of a team in one call each: run an experiment by its standards, review code with all checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runward.config.buildable import Config
from runward.config.standards import TeamConfig
from runward.errors import InvalidError
from runward.execution.entry import EntryPoint, entry_point
from runward.execution.model import Results, TaskState
from runward.recording import Experiment
from runward.team.checks import (
    code_quality_check,
    doc_review_check,
    documentation_check,
    performance_check,
    quality_check,
    security_check,
)
from runward.team.knowledge import get_timestamp, share_results
from runward.team.standards import merge_team_config
from runward.team.verdicts import generate_review_report


def team_experiment_workflow(
    experiment_name: str,
    researcher: str,
    config: Mapping[str, Any],
    team_config: Any,
    *,
    project: str | None = None,
    description: str = "",
    entry: EntryPoint | None = None,
) -> Results:
    """Run an experiment by a team's standards: defaults below the researcher's values, gates, sharing.

    Args:
        experiment_name: The experiment's name.
        researcher: Who runs it, for its metadata.
        config: Parameters for the entry function. They win over the team's defaults, and stay as they are.
        team_config: The team's standards: a TeamConfig or any object or mapping with its fields.
        project: The project it belongs to.
        description: What it is about; the documentation gate looks for it.
        entry: What the parameters are handed to; the process's or project's entry function when not given.

    Returns:
        The results. Their gates hold the verdicts ``quality_check`` and, if documentation is required,
        ``documentation``; ``metadata["origins"]`` of the experiment says where each value came from.

    Raises:
        InvalidError: A field of the team's configuration is wrong, or there is no entry function.
        TaskFailedError: The task failed.
    """
    team = TeamConfig.from_object(team_config)
    merged = merge_team_config(run=config, team=team)
    experiment = Experiment(experiment_name, project=project, description=description, entry=entry)
    experiment.metadata.update(
        {
            "researcher": str(researcher),
            "team": team.team_name,
            "project": team.project_name,
            "review_required": team.review_required,
            "origins": {key: str(origin) for key, origin in merged.origins.items()},
        }
    )
    experiment.add(merged.values, name="main_experiment")
    experiment.add(Config(quality_check, standards=team), name="quality_check")
    if team.documentation_required:
        experiment.add(Config(documentation_check, of=experiment if description else None), name="documentation")
    results = experiment.run()
    if team.sharing_enabled:
        share_results(results, team.team_name)
    return results


def code_review_workflow(
    experiment_config: Any, reviewer: str, *, standards: Any = None, metrics: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Review code with the four checks: static analysis, performance, security, documentation. Nothing is run.

    Args:
        experiment_config: What to review: results, an experiment, a task, a Config or Partial, a function, or a dict
            of parameters (then the process's entry function is reviewed).
        reviewer: Who asks. Naming somebody here approves nothing.
        standards: Whose thresholds the performance check uses; the project's when not given.
        metrics: Measured metrics for the performance check, where no results are given.

    Returns:
        The report of :func:`generate_review_report`.

    Raises:
        InvalidError: Nothing that has source code.
    """
    of = _entry_function() if isinstance(experiment_config, Mapping) else experiment_config
    results = of if isinstance(of, Results) else _unrun(metrics or {})
    gates = {
        "static_analysis": code_quality_check(results, of),
        "performance_check": performance_check(results, standards),
        "security_validation": security_check(results, of),
        "documentation_check": doc_review_check(results, of),
    }
    return generate_review_report(replace(results, gates={**results.gates, **gates}), reviewer)


def _entry_function() -> Any:
    found = entry_point()
    if not callable(found):
        raise InvalidError(
            "a dict of parameters has no source code, and this process has no entry function to review",
            hint="call run.set_entry_point(function) before, or give the function itself",
        )
    return found


def _unrun(metrics: Mapping[str, float]) -> Results:
    return Results("", "code_review", TaskState.SUCCEEDED, get_timestamp(), dict(metrics), {}, {}, {}, {})
