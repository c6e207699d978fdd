"""New experiments from a template: branch name, files, commit message, and code that runs from the first minute."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from runward.config.yaml12 import dump, load
from runward.errors import AlreadyExistsError, InvalidError
from runward.governance.names import MAX_NAME
from runward.review.workflow import branch_name, commit_message

NOTED = ".runward-new.yaml"
"""The file in a project's folder that says what experiments were made from; it belongs into git."""
_LONGEST = 48
"""Characters of a name that files and functions carry, so that imports stay within a line."""


class TeamWorkflow:
    """Names that a team's repositories share."""

    @staticmethod
    def create_feature_branch(experiment_name: str) -> str:
        """The branch of a new experiment, such as ``feature/new_model_20250724`` (today's local date)."""
        return branch_name(experiment_name, "feature-branch")

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
        return commit_message(experiment_name, changes)


class TeamExperimentTemplate:
    """Templates of a team's experiments."""

    @staticmethod
    def create_experiment_template(experiment_name: str, author: str) -> str:
        """A Python module for a new experiment. It runs as it is; its training function is there to be replaced.

        Raises:
            InvalidError: The name has no letter or digit.
        """
        return fill(_EXPERIMENT, _values(experiment_name, author, f"{datetime.now():%Y-%m-%d}"))


def identifier_of(experiment_name: str) -> str:
    """The name in letters, digits and underscores, as files and functions need it.

    Raises:
        InvalidError: The name has no ASCII letter or digit, or no experiment can have it.
    """
    words = re.sub(r"[^a-z0-9]+", "_", experiment_name.lower()).strip("_")
    if not words:
        raise InvalidError(
            f"the experiment name {experiment_name!r} has no letter or digit that files can use",
            hint="use at least one of a-z and 0-9",
        )
    if len(experiment_name) > MAX_NAME:
        raise InvalidError(
            f"the experiment name has {len(experiment_name):,} characters, at most {MAX_NAME} are allowed",
            hint="a shorter name; what it is about belongs into its page",
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
    return write_template(BUILT_IN, name, author, folder)


class Template(NamedTuple):
    """Files to begin an experiment with, in one version."""

    name: str
    version: str
    files: Mapping[str, str]
    """Text by path; both may have ``@TITLE@``, ``@LITERAL@``, ``@AUTHOR@``, ``@DATE@``, ``@IDENTIFIER@``, ``@UNDERLINE@``."""

    def filled(self, name: str, author: str, date: str) -> dict[str, str]:
        """The files for an experiment. Raises: InvalidError (the name has no letter or digit)."""
        values = _values(name, author, date)
        return {fill(path, values): fill(text, values) for path, text in self.files.items()}


def write_template(template: Template, name: str, author: str, folder: str | Path) -> list[Path]:
    """Write a template's files, and note in ``.runward-new.yaml`` what they were made from, for a later upgrade.

    Raises:
        InvalidError: The name has no letter or digit.
        AlreadyExistsError: One of the files is there; nothing is written then.
    """
    made = Made(template.name, template.version, name, author, f"{datetime.now():%Y-%m-%d}")
    texts = {Path(folder) / path: text for path, text in template.filled(name, author, made.date).items()}
    if taken := [path for path in texts if path.exists()]:
        raise AlreadyExistsError(f"{taken[0]} is there already", hint="choose another name, or remove the file")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    note_made(Path(folder), made)
    return list(texts)


class Made(NamedTuple):
    """What the files of an experiment were made from."""

    template: str
    version: str
    name: str
    author: str
    date: str


def made_in(folder: Path) -> dict[str, Made]:
    """What was made in a folder, by the experiment's identifier.

    Raises:
        InvalidError: ``.runward-new.yaml`` was changed by hand and cannot be read.
    """
    path = folder / NOTED
    noted = load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    try:
        return {key: Made(**values) for key, values in dict(noted or {}).items()}
    except (TypeError, ValueError) as error:
        raise InvalidError(f"{path} cannot be read: {error}", hint="restore it from git") from error


def note_made(folder: Path, made: Made) -> None:
    """Note what the files of an experiment were made from."""
    noted = {key: one._asdict() for key, one in {**made_in(folder), identifier_of(made.name): made}.items()}
    (folder / NOTED).write_text(dump(noted), encoding="utf-8")


def _values(name: str, author: str, date: str) -> dict[str, str]:
    title = _one_line(name)
    return {
        "TITLE": title,
        "LITERAL": _literal(title),
        "AUTHOR": _one_line(author) or "unknown",
        "DATE": date,
        "IDENTIFIER": identifier_of(name),
        "UNDERLINE": "=" * len(title),
    }


def fill(text: str, values: Mapping[str, str]) -> str:
    """Text with the placeholders that are known filled in; others stay as they are."""
    return re.sub(r"@([A-Z]+)@", lambda match: values.get(match[1], match[0]), text)


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


def train_model(
    model_config: dict[str, Any],
    training_config: dict[str, Any],
) -> dict[str, float]:
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
    model_config: dict[str, Any],
    training_config: dict[str, Any],
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
    task = run.Task(
        "@IDENTIFIER@",
        run.Partial(train_model, model_config, training_config),
    )
    experiment = run.Experiment(
        [task],
        name=@LITERAL@,
    )
    logger.info("Created %s", experiment.name)
    return experiment


if __name__ == "__main__":
    example = create_@IDENTIFIER@_experiment(
        {"start": 3.0},
        {"epochs": 20, "learning_rate": 0.1},
    )
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

from configs.@IDENTIFIER@_config import (
    MODEL_CONFIG,
    TRAINING_CONFIG,
)
from experiments.@IDENTIFIER@ import (
    create_@IDENTIFIER@_experiment as create_experiment,
)
from experiments.@IDENTIFIER@ import (
    train_model,
)


def test_training_lowers_the_loss() -> None:
    loss = train_model(MODEL_CONFIG, TRAINING_CONFIG)["loss"]
    assert loss < MODEL_CONFIG["start"] ** 2


@pytest.mark.parametrize("configs", [({}, TRAINING_CONFIG), (MODEL_CONFIG, {})])
def test_an_empty_configuration_is_refused(configs: tuple[dict, dict]) -> None:
    with pytest.raises(ValueError, match="required"):
        train_model(*configs)
    with pytest.raises(ValueError, match="required"):
        create_experiment(*configs)


def test_the_experiment_has_its_task() -> None:
    experiment = create_experiment(MODEL_CONFIG, TRAINING_CONFIG)
    names = [task.name for task in experiment.tasks]
    assert names == ["@IDENTIFIER@"]
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

BUILT_IN = Template(
    "runward/experiment",
    "1.0.0",
    {
        "experiments/@IDENTIFIER@.py": _EXPERIMENT,
        "configs/@IDENTIFIER@_config.py": _CONFIG,
        "tests/test_@IDENTIFIER@.py": _TEST,
        "docs/experiments/@IDENTIFIER@.md": _DOCUMENT,
    },
)
"""What `runward new` writes where no template of the team is named."""
OLDER: list[Template] = []
"""Earlier versions of it, from which experiments can be upgraded."""
