"""Runward: ML experiments that a team can trust.

::

    import runward as run

    with run.start(project="digits", params={"lr": 0.1}, seed=7):
        run.log_metric("accuracy", 0.97)

Names are loaded when they are first used: importing this module loads no database, no web framework and no numpy.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from runward._version import __version__
from runward.core.opens import BEFORE_START
from runward.errors import RunwardError

# A task's own process notes what it reads by itself; everywhere else data may be read before a run is started.
if "RUNWARD_JOURNAL" not in os.environ:
    BEFORE_START.start()

if TYPE_CHECKING:
    from runward.config.buildable import Config as Config
    from runward.config.buildable import Partial as Partial
    from runward.config.standards import TeamConfig as TeamConfig
    from runward.core.seeding import seed_everything as seed_everything
    from runward.defaults import with_defaults as with_defaults
    from runward.execution.callbacks import EarlyStoppingCallback as EarlyStoppingCallback
    from runward.execution.entry import set_entry_point as set_entry_point
    from runward.execution.model import Results as Results
    from runward.execution.model import Script as Script
    from runward.execution.model import Task as Task
    from runward.face import connect as connect
    from runward.face import current_workspace as current_workspace
    from runward.face import start as start
    from runward.face import sync as sync
    from runward.interop.frameworks.auto import autolog as autolog
    from runward.recording import Experiment as Experiment
    from runward.team.checks import check as check
    from runward.team.checks import code_quality_check as code_quality_check
    from runward.team.checks import code_quality_config as code_quality_config
    from runward.team.checks import doc_review_check as doc_review_check
    from runward.team.checks import doc_review_config as doc_review_config
    from runward.team.checks import documentation_check as documentation_check
    from runward.team.checks import documentation_config as documentation_config
    from runward.team.checks import performance_check as performance_check
    from runward.team.checks import performance_validation_config as performance_validation_config
    from runward.team.checks import quality_check as quality_check
    from runward.team.checks import quality_check_config as quality_check_config
    from runward.team.checks import security_check as security_check
    from runward.team.checks import security_check_config as security_check_config
    from runward.team.codereview import CodeReviewChecklist as CodeReviewChecklist
    from runward.team.codereview import TeamCodeReview as TeamCodeReview
    from runward.team.codereview import create_reviewed_experiment as create_reviewed_experiment
    from runward.team.components import ExperimentComponent as ExperimentComponent
    from runward.team.components import TeamExperimentBuilder as TeamExperimentBuilder
    from runward.team.documented import DocumentedExperiment as DocumentedExperiment
    from runward.team.knowledge import TeamKnowledgeBase as TeamKnowledgeBase
    from runward.team.knowledge import UserName as UserName
    from runward.team.knowledge import get_current_user as get_current_user
    from runward.team.knowledge import get_recommendations as get_recommendations
    from runward.team.knowledge import get_timestamp as get_timestamp
    from runward.team.knowledge import notify_team as notify_team
    from runward.team.knowledge import search_knowledge as search_knowledge
    from runward.team.knowledge import share_results as share_results
    from runward.team.knowledge import store_knowledge as store_knowledge
    from runward.team.knowledge import store_results as store_results
    from runward.team.library import SharedModelConfig as SharedModelConfig
    from runward.team.library import TeamConfigLibrary as TeamConfigLibrary
    from runward.team.shared import load_settings as load_settings
    from runward.team.shared import publish_library as publish_library
    from runward.team.shared import use_library as use_library
    from runward.team.standards import get_standards as get_standards
    from runward.team.standards import get_team_config as get_team_config
    from runward.team.standards import merge_team_config as merge_team_config
    from runward.team.standards import set_standards as set_standards
    from runward.team.templates import TeamExperimentTemplate as TeamExperimentTemplate
    from runward.team.templates import TeamWorkflow as TeamWorkflow
    from runward.team.templates import scaffold as scaffold
    from runward.team.verdicts import CheckVerdict as CheckVerdict
    from runward.team.verdicts import calculate_review_score as calculate_review_score
    from runward.team.verdicts import determine_approval_status as determine_approval_status
    from runward.team.verdicts import generate_recommendations as generate_recommendations
    from runward.team.verdicts import generate_review_report as generate_review_report
    from runward.team.verdicts import identify_issues as identify_issues
    from runward.team.workflow import code_review_workflow as code_review_workflow
    from runward.team.workflow import team_experiment_workflow as team_experiment_workflow
    from runward.tracking.client import active_run as active_run
    from runward.tracking.client import finish as finish
    from runward.tracking.client import log_artifact as log_artifact
    from runward.tracking.client import log_artifacts as log_artifacts
    from runward.tracking.client import log_audio as log_audio
    from runward.tracking.client import log_figure as log_figure
    from runward.tracking.client import log_histogram as log_histogram
    from runward.tracking.client import log_image as log_image
    from runward.tracking.client import log_metric as log_metric
    from runward.tracking.client import log_metrics as log_metrics
    from runward.tracking.client import log_param as log_param
    from runward.tracking.client import log_params as log_params
    from runward.tracking.client import log_table as log_table
    from runward.tracking.client import log_text as log_text
    from runward.tracking.client import set_tag as set_tag
    from runward.tracking.slices import slices as slices

_LAZY: dict[str, str] = {
    "CheckVerdict": "team.verdicts",
    "CodeReviewChecklist": "team.codereview",
    "Config": "config.buildable",
    "DocumentedExperiment": "team.documented",
    "EarlyStoppingCallback": "execution.callbacks",
    "Experiment": "recording",
    "ExperimentComponent": "team.components",
    "Partial": "config.buildable",
    "Results": "execution.model",
    "Script": "execution.model",
    "SharedModelConfig": "team.library",
    "Task": "execution.model",
    "TeamCodeReview": "team.codereview",
    "TeamConfig": "config.standards",
    "TeamConfigLibrary": "team.library",
    "TeamExperimentBuilder": "team.components",
    "TeamExperimentTemplate": "team.templates",
    "TeamKnowledgeBase": "team.knowledge",
    "TeamWorkflow": "team.templates",
    "UserName": "team.knowledge",
    "active_run": "tracking.client",
    "autolog": "interop.frameworks.auto",
    "calculate_review_score": "team.verdicts",
    "check": "team.checks",
    "code_quality_check": "team.checks",
    "code_quality_config": "team.checks",
    "code_review_workflow": "team.workflow",
    "connect": "face",
    "create_reviewed_experiment": "team.codereview",
    "current_workspace": "face",
    "determine_approval_status": "team.verdicts",
    "doc_review_check": "team.checks",
    "doc_review_config": "team.checks",
    "documentation_check": "team.checks",
    "documentation_config": "team.checks",
    "finish": "tracking.client",
    "generate_recommendations": "team.verdicts",
    "generate_review_report": "team.verdicts",
    "get_current_user": "team.knowledge",
    "get_recommendations": "team.knowledge",
    "get_standards": "team.standards",
    "get_team_config": "team.standards",
    "get_timestamp": "team.knowledge",
    "identify_issues": "team.verdicts",
    "load_settings": "team.shared",
    "log_artifact": "tracking.client",
    "log_artifacts": "tracking.client",
    "log_audio": "tracking.client",
    "log_figure": "tracking.client",
    "log_histogram": "tracking.client",
    "log_image": "tracking.client",
    "log_metric": "tracking.client",
    "log_metrics": "tracking.client",
    "log_param": "tracking.client",
    "log_params": "tracking.client",
    "log_table": "tracking.client",
    "log_text": "tracking.client",
    "merge_team_config": "team.standards",
    "notify_team": "team.knowledge",
    "performance_check": "team.checks",
    "performance_validation_config": "team.checks",
    "publish_library": "team.shared",
    "quality_check": "team.checks",
    "quality_check_config": "team.checks",
    "scaffold": "team.templates",
    "search_knowledge": "team.knowledge",
    "security_check": "team.checks",
    "security_check_config": "team.checks",
    "seed_everything": "core.seeding",
    "set_entry_point": "execution.entry",
    "set_standards": "team.standards",
    "set_tag": "tracking.client",
    "share_results": "team.knowledge",
    "slices": "tracking.slices",
    "start": "face",
    "store_knowledge": "team.knowledge",
    "store_results": "team.knowledge",
    "sync": "face",
    "team_experiment_workflow": "team.workflow",
    "use_library": "team.shared",
    "with_defaults": "defaults",
}
"""Each public name and the module that has it."""

__all__ = ["RunwardError", "__version__", *_LAZY]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'runward' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"runward.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
