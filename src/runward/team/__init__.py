"""Team standards, shared components, documentation and helpers of the face."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_BY_MODULE = {
    "checks": (
        "check",
        "quality_check",
        "documentation_check",
        "code_quality_check",
        "performance_check",
        "security_check",
        "doc_review_check",
        "quality_check_config",
        "documentation_config",
        "code_quality_config",
        "performance_validation_config",
        "security_check_config",
        "doc_review_config",
    ),
    "codereview": ("CodeReviewChecklist", "TeamCodeReview", "create_reviewed_experiment"),
    "components": ("ExperimentComponent", "TeamExperimentBuilder"),
    "documented": ("DocumentedExperiment",),
    "knowledge": (
        "TeamKnowledgeBase",
        "UserName",
        "get_current_user",
        "get_recommendations",
        "get_timestamp",
        "notify_team",
        "search_knowledge",
        "share_results",
        "store_knowledge",
        "store_results",
    ),
    "library": ("SharedModelConfig", "TeamConfigLibrary"),
    "shared": ("load_settings", "publish_library", "use_library"),
    "templates": ("TeamExperimentTemplate", "TeamWorkflow", "scaffold"),
    "standards": ("get_standards", "get_team_config", "merge_team_config", "set_standards"),
    "verdicts": (
        "CheckVerdict",
        "calculate_review_score",
        "determine_approval_status",
        "generate_recommendations",
        "generate_review_report",
        "identify_issues",
    ),
    "workflow": ("code_review_workflow", "team_experiment_workflow"),
}
NAMES: dict[str, str] = {name: f"{__name__}.{module}" for module, names in _BY_MODULE.items() for name in names}
"""Every public name of this package and the module that has it; a name's module is imported at its first use."""

__all__ = sorted(NAMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(NAMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *NAMES]
