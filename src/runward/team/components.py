"""Reusable parts of experiments, and a builder that wires them by their dependencies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from runward.config.buildable import Partial
from runward.config.targets import did_you_mean
from runward.errors import AlreadyExistsError, InvalidError
from runward.execution.model import Task
from runward.recording import Experiment


class ExperimentComponent:
    """A named function with parameters that several experiments use.

    Args:
        name: The task's name.
        function: What it runs. A parameter named like a dependency gets what that dependency returned.
        dependencies: Names of the components that must succeed before.
        version: The component's version, for its users.
        owner: Who answers for it.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        dependencies: Iterable[str] | None = None,
        *,
        version: str = "1.0.0",
        owner: str = "",
    ) -> None:
        self.name = name
        self.function = function
        self.dependencies = list(dependencies or ())
        self.version = version
        self.owner = owner
        self.description = ""
        self.parameters: dict[str, Any] = {}

    def set_description(self, description: str) -> Self:
        """Say what the component does."""
        self.description = description
        return self

    def set_parameters(self, parameters: Mapping[str, Any]) -> Self:
        """Fix parameters of the function by name."""
        self.parameters = dict(parameters)
        return self

    def create_task(self) -> Task:
        """The component as a task that waits for its dependencies.

        Raises:
            InvalidError: The function has no parameter of a given name.
        """
        return Task(self.name, Partial(self.function, **self.parameters), dependencies=self.dependencies)


class TeamExperimentBuilder:
    """Builds experiments from registered components."""

    def __init__(self) -> None:
        self.components: dict[str, ExperimentComponent] = {}

    def register_component(self, component: ExperimentComponent) -> None:
        """Add a component. The same name again is refused unless it is a newer version's object.

        Raises:
            AlreadyExistsError: Another component of the same version has this name.
        """
        known = self.components.get(component.name)
        if known is not None and known is not component and known.version == component.version:
            raise AlreadyExistsError(
                f"there is a component {component.name!r} {component.version} already", hint="give it a new version="
            )
        self.components[component.name] = component

    def create_experiment(self, component_names: Iterable[str], name: str | None = None) -> Experiment:
        """An experiment of the named components, run in the order of their dependencies.

        Args:
            component_names: Components to use; those they depend on are taken in.
            name: The experiment's name; the first component's when not given.

        Raises:
            InvalidError: An unknown component or dependency, or dependencies in a circle.
        """
        names = list(component_names)
        chosen = self._with_dependencies(names)
        tasks = [self.components[item].create_task() for item in chosen]
        experiment = Experiment(tasks, name=name if name is not None or not names else names[0])
        experiment.plan()
        return experiment

    def _with_dependencies(self, names: list[str]) -> list[str]:
        chosen: list[str] = []
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            if name not in self.components:
                raise InvalidError(f"Unknown component: {name!r}", hint=did_you_mean(name, self.components))
            if name not in chosen:
                chosen.append(name)
                waiting += self.components[name].dependencies
        return chosen

    def list_components(self) -> dict[str, str]:
        """Descriptions of all components by name."""
        return {name: component.description for name, component in self.components.items()}
