"""A documented experiment."""

from __future__ import annotations

import importlib.metadata
from typing import Any

from runward.team.documented import DocumentedExperiment


class Study(DocumentedExperiment):
    def __init__(self) -> None:
        super().__init__("study", "Which rate?", "Ann", "2.0.0")
        self.add_dependency("pytest", importlib.metadata.version("pytest")).add_dependency("msgspec")
        self.add_parameter("rate", "Step size", 0.5).add_parameter("name", "A label")
        self.add_expected_output("loss", "The loss", "float").set_notes("Small.")

    def _run_experiment_logic(self, config: dict[str, Any]) -> Any:
        if config.get("name") == "forgetful":
            return {}
        return {"loss": "small" if config.get("name") == "wordy" else config["rate"]}
