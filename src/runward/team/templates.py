"""New experiments from a template: branch name, files, commit message, and code that runs from the first minute."""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from runward.errors import AlreadyExistsError, InvalidError

_LONGEST = 48
"""Characters of a name that files and functions carry, so that imports stay within a line."""


class TeamWorkflow:
    """Names that a team's repositories share."""

    @staticmethod
    def create_feature_branch(experiment_name: str) -> str:
        """The branch of a new experiment, such as ``feature/new_model_20250724`` (today's local date)."""
        clean = re.sub(r"[^a-zA-Z0-9]", "_", experiment_name.lower())
        return f"feature/{clean}_{datetime.now():%Y%m%d}"

    @staticmethod
    def create_experiment_file_structure(experiment_name: str) -> dict[str, str]:
        """Where the files of an experiment lie."""
        return {
            "experiment_file": f"experiments/{experiment_name}.py",
            "config_file": f"configs/{experiment_name}_config.py",
            "test_file": f"tests/test_{experiment_name}.py",
            "documentation_file": f"docs/experiments/{experiment_name}.md",
        }

    @staticmethod
    def generate_commit_message(experiment_name: str, changes: Sequence[str]) -> str:
        """A commit message with one line for each change."""
        return f"feat: {experiment_name}\n\n" + "\n".join(f"- {change}" for change in changes)


class TeamExperimentTemplate:
    """Templates of a team's experiments."""

    @staticmethod
    def create_experiment_template(experiment_name: str, author: str) -> str:
        """A Python module for a new experiment. It runs as it is; its training function is there to be replaced.

        Raises:
            InvalidError: The name has no letter or digit.
        """
        return _fill(_EXPERIMENT, experiment_name, author)


def identifier_of(experiment_name: str) -> str:
    """The name in letters, digits and underscores, as files and functions need it.

    Raises:
        InvalidError: The name has no ASCII letter or digit.
    """
    words = re.sub(r"[^a-z0-9]+", "_", experiment_name.lower()).strip("_")
    if not words:
        raise InvalidError(
            f"the experiment name {experiment_name!r} has no letter or digit that files can use",
            hint="use at least one of a-z and 0-9",
        )
    words = words[:_LONGEST].rstrip("_")
    return f"experiment_{words}" if words[0].isdigit() or keyword.iskeyword(words) else words


def scaffold(name: str, author: str = "", folder: str | Path = ".") -> list[Path]:
    """Write experiment, configuration, test and documentation of a new experiment.

    Args:
        name: The experiment's name, such as ``New Model Training``.
        author: Who writes it.
        folder: The project's folder; made where missing.

    Returns:
        The four files written.

    Raises:
        InvalidError: The name has no letter or digit.
        AlreadyExistsError: One of the files is there; nothing is written then.
    """
    places = TeamWorkflow.create_experiment_file_structure(identifier_of(name))
    texts = [_EXPERIMENT, _CONFIG, _TEST, _DOCUMENT]
    paths = [Path(folder) / place for place in places.values()]
    if taken := [path for path in paths if path.exists()]:
        raise AlreadyExistsError(f"{taken[0]} is there already", hint="choose another name, or remove the file")
    for path, text in zip(paths, texts, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_fill(text, name, author), encoding="utf-8")
    return paths


def _fill(template: str, name: str, author: str) -> str:
    title = _one_line(name)
    values = {
        "TITLE": title,
        "LITERAL": _literal(title),
        "AUTHOR": _one_line(author) or "unknown",
        "DATE": f"{datetime.now():%Y-%m-%d}",
        "IDENTIFIER": identifier_of(name),
        "UNDERLINE": "=" * len(title),
    }
    return re.sub(r"@(\w+)@", lambda match: values[match[1]], template)


def _one_line(text: str) -> str:
    """Text that cannot leave the docstring or line it is put into."""
    return re.sub(r'[\x00-\x1f\\"]+', " ", text).strip()


def _literal(text: str) -> str:
    return f'"{text}"'


_EXPERIMENT = '''"""@TITLE@.

Author: @AUTHOR@
Date: @DATE@

Description: what this experiment finds out.

Dependencies:
- runward

Parameters:
- model_config["start"]: where the weight begins
- training_config["epochs"]: steps of gradient descent
- training_config["learning_rate"]: size of a step

Expected Outputs:
- loss: squared distance from the optimum
"""

import logging
from typing import Any

import runward as run

logger = logging.getLogger(__name__)


def train_model(model_config: dict[str, Any], training_config: dict[str, Any]) -> dict[str, float]:
    """Train; put your training here. This one walks down a parabola.

    Args:
        model_config: Model configuration.
        training_config: Training configuration.

    Returns:
        The metrics.

    Raises:
        ValueError: A configuration is empty.

    Example:
        >>> train_model({"start": 3.0}, {"epochs": 1, "learning_rate": 0.5})
        {'loss': 0.0}
    """
    if not model_config:
        raise ValueError("Model configuration is required")
    if not training_config:
        raise ValueError("Training configuration is required")
    weight = float(model_config["start"])
    for _ in range(training_config["epochs"]):
        weight -= training_config["learning_rate"] * 2 * weight
    return {"loss": weight**2}


def create_@IDENTIFIER@_experiment(
    model_config: dict[str, Any], training_config: dict[str, Any]
) -> run.Experiment:
    """Create the experiment.

    Args:
        model_config: Model configuration.
        training_config: Training configuration.

    Returns:
        The experiment, ready to run.

    Raises:
        ValueError: A configuration is empty.
    """
    if not model_config or not training_config:
        raise ValueError("Model and training configuration are required")
    task = run.Task("@IDENTIFIER@", run.Partial(train_model, model_config, training_config))
    experiment = run.Experiment([task], name=@LITERAL@)
    logger.info("Created %s", experiment.name)
    return experiment


if __name__ == "__main__":
    example = create_@IDENTIFIER@_experiment({"start": 3.0}, {"epochs": 20, "learning_rate": 0.1})
    print(example.run().metrics)
'''

_CONFIG = '''"""Configuration of @TITLE@."""

from typing import Any

MODEL_CONFIG: dict[str, Any] = {"start": 3.0}
TRAINING_CONFIG: dict[str, Any] = {"epochs": 20, "learning_rate": 0.1}
'''

_TEST = '''"""Tests of @TITLE@."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from configs import @IDENTIFIER@_config
from experiments import @IDENTIFIER@

MODEL_CONFIG, TRAINING_CONFIG = @IDENTIFIER@_config.MODEL_CONFIG, @IDENTIFIER@_config.TRAINING_CONFIG
create_experiment, train_model = @IDENTIFIER@.create_@IDENTIFIER@_experiment, @IDENTIFIER@.train_model


def test_training_lowers_the_loss() -> None:
    assert train_model(MODEL_CONFIG, TRAINING_CONFIG)["loss"] < MODEL_CONFIG["start"] ** 2


@pytest.mark.parametrize("configs", [({}, TRAINING_CONFIG), (MODEL_CONFIG, {})])
def test_an_empty_configuration_is_refused(configs: tuple[dict, dict]) -> None:
    with pytest.raises(ValueError, match="required"):
        train_model(*configs)
    with pytest.raises(ValueError, match="required"):
        create_experiment(*configs)


def test_the_experiment_has_its_task() -> None:
    experiment = create_experiment(MODEL_CONFIG, TRAINING_CONFIG)
    assert [task.name for task in experiment.tasks] == ["@IDENTIFIER@"]
'''

_DOCUMENT = """@TITLE@
@UNDERLINE@

**Author:** @AUTHOR@ · **Date:** @DATE@

## Description

What this experiment finds out, and what would count as an answer.

## Dependencies

- runward

## Parameters

- **start**: where the weight begins (default: 3.0)
- **epochs**: steps of gradient descent (default: 20)
- **learning_rate**: size of a step (default: 0.1)

## Expected Outputs

- **loss** (float): squared distance from the optimum

## How to run

    python experiments/@IDENTIFIER@.py
    python -m pytest tests/test_@IDENTIFIER@.py

## Notes

"""
