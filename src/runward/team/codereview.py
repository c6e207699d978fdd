"""The team's code review of an experiment: a checklist whose items are computed from the code of its tasks."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from runward import recording
from runward.config.buildable import Buildable, Partial
from runward.errors import GateClosedError, InvalidError
from runward.execution.experiment import Experiment
from runward.execution.model import Task
from runward.review.checks import check_sources
from runward.review.model import CheckResult, EvidenceItem, Verdict
from runward.team.sources import function_of, sources_of

_REQUIRED = {
    "type_hints_used": "Type hints not used",
    "configuration_validated": "Configuration not validated",
    "functions_documented": "Functions not documented",
    "unit_tests_written": "Unit tests not written",
    "naming_conventions_followed": "Naming conventions not followed",
    "error_handling_implemented": "Error handling not implemented",
}
_ROOT_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg")
_NO_TESTS_IN = frozenset({"node_modules", "site-packages", "__pycache__", "build", "dist"})
_MAX_TEST_FILES = 5000


@dataclass
class CodeReviewChecklist:
    """Fifteen items in five groups: configuration, documentation, testing, performance, team standards.

    Six are required: type hints, validated configuration, documented functions, unit tests, names, error handling.
    All begin as not done.
    """

    type_hints_used: bool = False
    configuration_validated: bool = False
    environment_specific_code_avoided: bool = False

    functions_documented: bool = False
    parameters_documented: bool = False
    examples_provided: bool = False

    unit_tests_written: bool = False
    integration_tests_written: bool = False
    edge_cases_covered: bool = False

    memory_usage_optimized: bool = False
    execution_efficient: bool = False
    resource_constraints_considered: bool = False

    naming_conventions_followed: bool = False
    code_style_consistent: bool = False
    error_handling_implemented: bool = False

    def is_approved(self) -> bool:
        """Whether all six required items are done."""
        return not self.get_missing_items()

    def get_missing_items(self) -> list[str]:
        """What is missing of the required items, in words."""
        return [words for item, words in _REQUIRED.items() if not getattr(self, item)]


_ITEMS = [item.name for item in fields(CodeReviewChecklist)]


class TeamCodeReview:
    """Reviews an experiment: what a machine can see is computed, the rest needs a person who says so.

    Args:
        tests: Folders in which to look for unit tests; the project of each source file when not given (the nearest
            folder upwards with ``.git`` or ``pyproject.toml``).
    """

    def __init__(self, tests: Iterable[str | Path] | None = None) -> None:
        self.reviewers: list[str] = []
        self.checklist = CodeReviewChecklist()
        self.checks: dict[str, CheckResult] = {}
        """The latest check of each item, with ``file:line`` evidence."""
        self.confirmations: dict[str, dict[str, str]] = {}
        """Who confirmed which item that needs a person, and why."""
        self._tests = None if tests is None else [Path(folder) for folder in tests]

    def add_reviewer(self, reviewer: str) -> None:
        """Ask somebody for a review. Being asked approves nothing."""
        self.reviewers.append(reviewer)

    def confirm(self, item: str, by: str, note: str) -> None:
        """Record a person's answer to an item that code alone cannot show, such as the use of memory.

        It holds until the next :meth:`review_experiment` of other code.

        Raises:
            InvalidError: An unknown item, one that is computed from the code, or no name or reason given.
        """
        found = self.checks.get(item)
        if found is None or found.verdict is not Verdict.NEEDS_PERSON:
            open_items = [name for name, check in self.checks.items() if check.verdict is Verdict.NEEDS_PERSON]
            raise InvalidError(
                f"{item!r} is not for a person to confirm", hint=f"these are: {', '.join(open_items) or 'none yet'}"
            )
        if not by.strip() or not note.strip():
            raise InvalidError(f"confirming {item!r} needs a name and a reason", hint="give by= and note=")
        self.confirmations[item] = {"by": by, "note": note}
        setattr(self.checklist, item, True)

    def review_experiment(self, experiment: Experiment) -> dict[str, Any]:
        """Compute the checklist from the source of the experiment's tasks. Nothing is run.

        Returns:
            ``approved`` (the required items are done), ``checklist``, ``comments`` (what to mend, with places),
            ``reviewers`` and ``checks`` (each item's verdict and evidence).
        """
        sources = sources_of(experiment)
        found = {check.name: check for check in check_sources(sources.files)}
        found["unit_tests_written"] = self._unit_tests(experiment, sources.files)
        comments = [*_name_comments(experiment), *(f"{task}: {why}" for task, why in sources.absent.items())]
        if _name_comments(experiment) and "naming_conventions_followed" in found:
            found["naming_conventions_followed"] = _failed("naming_conventions_followed", _name_comments(experiment)[0])
        if found != self.checks:
            self.confirmations.clear()
        self.checks = found
        self._fill_checklist(complete=not sources.absent)
        comments += [comment for check in found.values() if check.verdict is Verdict.FAIL for comment in _lines(check)]
        return {
            "approved": self.checklist.is_approved(),
            "checklist": self.checklist,
            "comments": comments,
            "reviewers": list(self.reviewers),
            "checks": dict(found),
        }

    def _fill_checklist(self, complete: bool) -> None:
        for item in _ITEMS:
            check = self.checks.get(item)
            good = complete and check is not None and check.verdict is Verdict.PASS
            setattr(self.checklist, item, good or item in self.confirmations)

    def _unit_tests(self, experiment: Experiment, files: Mapping[str, str]) -> CheckResult:
        item, untested, evidence = "unit_tests_written", list[str](), list[EvidenceItem]()
        folders = self._tests if self._tests is not None else sorted({_project_of(Path(path)) for path in files})
        names = _function_names(experiment)
        tests = list(_test_functions(folders, names))
        for name in names:
            place = next(((path, node) for path, node in tests if _mentions(node, name)), None)
            if place is None:
                untested.append(name)
            else:
                evidence.append(EvidenceItem(f"{place[1].name} uses {name}", str(place[0]), place[1].lineno))
        if untested or not evidence:
            return _failed(item, f"no test function uses {', '.join(untested) or 'the tasks'}")
        return CheckResult(item, "code", Verdict.PASS, f"{len(evidence)} function(s) are used by tests", evidence)


def _failed(item: str, message: str) -> CheckResult:
    return CheckResult(item, "code", Verdict.FAIL, message, [])


def _lines(check: CheckResult) -> list[str]:
    places = [f"{item.file}:{item.line}: {item.message}" for item in check.evidence if item.file]
    return [f"{check.name}: {text}" for text in places or [check.message]]


def _name_comments(experiment: Experiment) -> list[str]:
    comments = []
    for kind, name in [("Experiment", experiment.name), *(("Task", task.name) for task in experiment.tasks)]:
        if len(name) < 3:
            comments.append(f"{kind} should have a descriptive name: {name}")
        if not name.replace("_", "").replace("-", "").isalnum():
            comments.append(f"{kind} name should use letters, digits, _ and - only: {name}")
    return comments


def _function_names(experiment: Experiment) -> list[str]:
    calls = [task.what for task in experiment.tasks if isinstance(task.what, Buildable) and not task.is_check]
    return list(dict.fromkeys(str(getattr(function_of(call), "__name__", "?")) for call in calls))


def _project_of(path: Path) -> Path:
    folders = list(path.absolute().parents)
    return next((folder for folder in folders if any((folder / mark).exists() for mark in _ROOT_MARKS)), folders[0])


def _test_functions(
    folders: Iterable[Path], names: Iterable[str]
) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Test functions in files that have any of the names in their text at all: parsing the others would be waste."""
    wanted = [name.encode() for name in names]
    for path in _test_files(folders):
        try:
            text = path.read_bytes()
            if not any(name in text for name in wanted):
                continue
            tree = ast.parse(text)
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                yield path, node


def _test_files(folders: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for top in folders:
        for folder, inner, names in os.walk(top):
            inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in _NO_TESTS_IN)
            found += [Path(folder, name) for name in sorted(names) if _is_test_file(name)]
            if len(found) > _MAX_TEST_FILES:
                return found[:_MAX_TEST_FILES]
    return found


def _is_test_file(name: str) -> bool:
    return name.endswith("_test.py") or (name.startswith("test_") and name.endswith(".py"))


def _mentions(test: ast.AST, name: str) -> bool:
    """Whether a test uses a function by its name; strings and comments do not count."""
    return any(
        (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)
        for node in ast.walk(test)
    )


def create_reviewed_experiment(
    model_config: Any,
    training_config: Mapping[str, Any],
    train: Callable[..., Any],
    *,
    name: str = "team_standard_training_experiment",
    task_name: str = "team_model_training",
    review: TeamCodeReview | None = None,
) -> Experiment:
    """An experiment with one training task whose code meets the required items of the checklist.

    Args:
        model_config: The first argument of the training function, such as a Config.
        training_config: Its second argument.
        train: The training function; its source file is what is reviewed.
        name: The experiment's name.
        task_name: The task's name.
        review: The review to use, for instance with its own ``tests`` folders.

    Raises:
        GateClosedError: A required item is missing (also a ValueError); ``details['gates']`` names the items.
    """
    experiment = recording.Experiment([Task(task_name, Partial(train, model_config, dict(training_config)))], name=name)
    review = review or TeamCodeReview()
    found = review.review_experiment(experiment)
    if not found["approved"]:
        missing = [item for item in _REQUIRED if not getattr(review.checklist, item)]
        raise GateClosedError(
            f"Experiment does not meet team standards: {review.checklist.get_missing_items()}",
            hint="; ".join(found["comments"][:5]),
            gates=missing,
        )
    return experiment
