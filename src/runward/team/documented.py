"""An experiment that brings its own documentation, and whose promises are checked."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

# The face, because its names load when they are used: a task that unpickles such an experiment needs none of them.
import runward as run
from runward.core.said import is_said
from runward.errors import GateClosedError, InvalidError
from runward.team.declared import type_problem, version_problem

if TYPE_CHECKING:
    from runward.execution.experiment import Experiment


class DocumentedExperiment:
    """Base class of experiments with declared dependencies, parameters, outputs and notes.

    Subclasses implement ``_run_experiment_logic``.

    Args:
        name: The experiment's and its task's name.
        description: What it is about.
        author: Who wrote it.
        version: Its version.
    """

    def __init__(self, name: str, description: str, author: str, version: str = "1.0.0") -> None:
        self.name = name
        self.description = description
        self.author = author
        self.version = version
        self.dependencies: list[dict[str, str]] = []
        self.parameters: dict[str, dict[str, Any]] = {}
        self.expected_outputs: dict[str, dict[str, str]] = {}
        self.notes = ""

    def add_dependency(self, dependency: str, version: str | None = None) -> Self:
        """Declare a package, and what its version must be: a version, or clauses of PEP 440 such as ``>=1.12,<3``."""
        self.dependencies.append({"name": dependency, **({"version": version} if version else {})})
        return self

    def add_parameter(self, name: str, description: str, default_value: Any = None) -> Self:
        """Declare a parameter. Its default, unless None, holds where the configuration has no value."""
        self.parameters[name] = {"description": description, "default": default_value}
        return self

    def add_expected_output(self, name: str, description: str, data_type: str) -> Self:
        """Declare a key of the dict that the experiment returns, and the name of its value's type."""
        self.expected_outputs[name] = {"description": description, "type": data_type}
        return self

    def set_notes(self, notes: str) -> Self:
        """Add notes."""
        self.notes = notes
        return self

    def check_dependencies(self) -> list[str]:
        """Compare the declared packages with what is installed here.

        Returns:
            One sentence for each package that is not there or has another version; empty if all agree.

        Raises:
            InvalidError: What is declared is no version and no specifier.
        """
        problems = []
        for dependency in self.dependencies:
            try:
                installed = importlib.metadata.version(dependency["name"])
            except importlib.metadata.PackageNotFoundError:
                problems.append(f"{dependency['name']} is not installed")
                continue
            if problem := version_problem(dependency.get("version", installed), installed):
                problems.append(f"{dependency['name']} is {problem}")
        return problems

    def check_documentation(self) -> list[str]:
        """Look for what is declared without a word: template text such as ``TODO`` says nothing either.

        Returns:
            One sentence for each thing that is not described; empty if all is.
        """
        described = {
            "the description": self.description,
            "the author": self.author,
            **{f"parameter {name!r}": item["description"] for name, item in self.parameters.items()},
            **{f"output {name!r}": item["description"] for name, item in self.expected_outputs.items()},
        }
        problems = [f"{what} says nothing" for what, text in described.items() if not is_said(str(text))]
        if not self.expected_outputs:
            problems.append("no output is declared: add_expected_output")
        return problems

    def create_experiment(
        self, config: Mapping[str, Any], *, require_dependencies: bool = False, require_documentation: bool = False
    ) -> Experiment:
        """The experiment with one task that runs the logic with the configuration.

        What :meth:`check_dependencies` finds is kept in ``metadata["dependency_problems"]``.

        Args:
            config: Values of the parameters; declared defaults fill in the rest.
            require_dependencies: Refuse if a declared package is missing or has another version.
            require_documentation: Refuse if :meth:`check_documentation` finds anything.

        Raises:
            InvalidError: The configuration has a parameter that is not declared, or a declared version is none.
            GateClosedError: A problem with dependencies or documentation, where that is required.
        """
        if require_documentation and (unsaid := self.check_documentation()):
            raise GateClosedError(
                f"{self.name!r} is not documented: {'; '.join(unsaid)}",
                hint="describe it: what is empty or says TODO counts as missing",
                gates=["documentation"],
            )
        problems = self.check_dependencies()
        if problems and require_dependencies:
            raise GateClosedError(
                f"the environment is not what {self.name!r} declares: {'; '.join(problems)}",
                hint="install the declared versions",
                gates=["dependencies"],
            )
        task = run.Task(self.name, run.Partial(self._execute_experiment, self._complete(config)))
        experiment: Experiment = run.Experiment([task], description=self.description)
        experiment.metadata.update({"author": self.author, "version": self.version, "notes": self.notes})
        if problems:
            experiment.metadata["dependency_problems"] = problems
        return experiment

    def _complete(self, config: Mapping[str, Any]) -> dict[str, Any]:
        unknown = [key for key in config if key not in self.parameters]
        if self.parameters and unknown:
            raise InvalidError(
                f"{self.name!r} declares no parameter {unknown[0]!r}", hint=f"it declares {', '.join(self.parameters)}"
            )
        defaults = {key: item["default"] for key, item in self.parameters.items() if item["default"] is not None}
        return {**defaults, **config}

    def _execute_experiment(self, config: dict[str, Any]) -> Any:
        logger = logging.getLogger(__name__)
        logger.info("Starting experiment %s %s by %s: %s", self.name, self.version, self.author, self.description)
        result = self._run_experiment_logic(config)
        absent = [key for key in self.expected_outputs if not isinstance(result, Mapping) or key not in result]
        if absent:
            raise InvalidError(
                f"{self.name!r} promised the output {', '.join(absent)} and did not return it",
                hint="return a dict with every key declared by add_expected_output",
            )
        for key, item in self.expected_outputs.items():
            if result[key] is None:
                logger.warning("%s promised the output %s (%s) and returned None", self.name, key, item["type"])
            elif found := type_problem(item["type"], result[key]):
                raise InvalidError(
                    f"{self.name!r} promised the output {key} as {item['type']} and returned {found}",
                    hint="return what was promised, or change add_expected_output",
                )
        logger.info("Completed experiment %s", self.name)
        return result

    def _run_experiment_logic(self, config: dict[str, Any]) -> Any:
        """The experiment itself. Raises: NotImplementedError unless a subclass implements it."""
        raise NotImplementedError("Subclasses must implement _run_experiment_logic")

    def generate_documentation(self) -> str:
        """The documentation as Markdown: title, description, dependencies, parameters, outputs, notes."""
        parts = [
            f"# {self.name}\n\n**Version:** {self.version}\n**Author:** {self.author}",
            f"## Description\n{self.description}",
            _section("Dependencies", [_dependency_line(item) for item in self.dependencies]),
            _section("Parameters", [_parameter_line(*item) for item in self.parameters.items()]),
            _section(
                "Expected Outputs",
                [
                    f"- **{name}** ({item['type']}): {item['description']}"
                    for name, item in self.expected_outputs.items()
                ],
            ),
            f"## Notes\n{self.notes}" if self.notes else "",
        ]
        return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([f"## {title}", *(lines or ["None."])])


def _dependency_line(item: Mapping[str, str]) -> str:
    return f"- {item['name']}" + (f" (v{item['version']})" if "version" in item else "")


def _parameter_line(name: str, item: Mapping[str, Any]) -> str:
    default = "" if item["default"] is None else f" (default: {item['default']})"
    return f"- **{name}**: {item['description']}{default}"
