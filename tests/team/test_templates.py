"""Templates give code that a linter accepts and that runs, whatever the name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from runward.errors import AlreadyExistsError, InvalidError
from runward.team.templates import TeamExperimentTemplate, TeamWorkflow, scaffold

NAMES = ["New Model Training", "class", "3 layers", 'A "quoted" \\name\nwith """lines"""', "Größe & co.", "long " * 30]


def test_the_names_of_the_documents() -> None:
    before = datetime.now()
    branch = TeamWorkflow.create_feature_branch("new-model training")
    assert branch in {f"feature/new_model_training_{day:%Y%m%d}" for day in (before, datetime.now())}
    assert TeamWorkflow.create_experiment_file_structure("x") == {
        "experiment_file": "experiments/x.py",
        "config_file": "configs/x_config.py",
        "test_file": "tests/test_x.py",
        "documentation_file": "docs/experiments/x.md",
    }
    assert TeamWorkflow.generate_commit_message("x", ["One", "Two"]) == "feat: x\n\n- One\n- Two"


@pytest.mark.parametrize("name", NAMES)
def test_the_template_is_python_under_any_name(name: str) -> None:
    text = TeamExperimentTemplate.create_experiment_template(name, "Ann 'the' \"boss\"")
    compile(text, "template.py", "exec")
    assert "@" not in text
    assert re.search(r"^def create_[a-z0-9_]+_experiment\($", text, re.MULTILINE)


def test_all_files_pass_the_linter_and_run(tmp_path: Path) -> None:
    paths = [path for index, name in enumerate(NAMES) for path in scaffold(f"{name} {index}", "Ann", tmp_path)]
    assert all(path.is_file() for path in paths)
    for command in (
        ["check", "--isolated"],
        ["check", "--isolated", "--select", "D", "--config", "lint.pydocstyle.convention='google'", "experiments"],
    ):
        where = [] if "experiments" in command else ["."]
        done = subprocess.run(["ruff", *command, *where], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    env = {**os.environ, "RUNWARD_DIR": str(tmp_path / "ws"), "PYTHONDONTWRITEBYTECODE": "1"}
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:runward", "-W", "error"]
    done = subprocess.run(plain, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{4 * len(NAMES)} passed" in done.stdout


def test_the_experiment_runs_as_a_script(tmp_path: Path) -> None:
    script = scaffold("First try", "", tmp_path)[0]
    env = {**os.environ, "RUNWARD_DIR": str(tmp_path / "ws")}
    done = subprocess.run(
        [sys.executable, str(script)], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "'loss': 0.001" in done.stdout


def test_the_documentation_names_everything(tmp_path: Path) -> None:
    text = scaffold("First try", "Ann", tmp_path)[3].read_text()
    assert text.startswith("First try\n=========\n")
    for heading in ("Description", "Dependencies", "Parameters", "Expected Outputs", "How to run", "Notes"):
        assert f"## {heading}\n" in text
    assert "**Author:** Ann" in text


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    taken = tmp_path / "docs" / "experiments" / "first_try.md"
    taken.parent.mkdir(parents=True)
    taken.write_text("mine")
    with pytest.raises(AlreadyExistsError, match=r"first_try\.md is there already"):
        scaffold("First try", folder=tmp_path)
    assert taken.read_text() == "mine"
    assert not (tmp_path / "experiments").exists()


@pytest.mark.parametrize("name", ["", "  ", "!?", "日本"])
def test_a_name_that_files_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(InvalidError, match="no letter or digit"):
        TeamExperimentTemplate.create_experiment_template(name, "Ann")
