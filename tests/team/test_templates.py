"""Templates give code that a linter accepts and that runs, whatever the name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from runward.errors import AlreadyExistsError, InvalidError, NotFoundError
from runward.team.shared import publish_library
from runward.team.templates import (
    BUILT_IN,
    TeamExperimentTemplate,
    TeamWorkflow,
    made_in,
    scaffold,
    write_template,
)
from runward.team.upgrades import find_template, upgrade_experiments

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
        *(["format", "--check", "--isolated", "--line-length", width] for width in ("88", "100", "120")),
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


def test_a_name_that_no_experiment_can_have_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="400 characters, at most 250"):
        scaffold("x" * 400, folder=tmp_path)
    assert not (tmp_path / "experiments").exists()


@pytest.mark.parametrize("name", ["", "  ", "!?", "日本"])
def test_a_name_that_files_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(InvalidError, match="no letter or digit"):
        TeamExperimentTemplate.create_experiment_template(name, "Ann")


# templates of the team, and newer versions of them --------------------------------------------------------------------

_FIRST = {
    "experiments/@IDENTIFIER@.py": '"""@TITLE@ by @AUTHOR@, @DATE@."""\n\nRATE = 0.1\n\n\n\nSTEPS = 10\n\n\nprint(RATE, STEPS)\n',
    "docs/@IDENTIFIER@.md": "@TITLE@\n@UNDERLINE@\n",
    "old.txt": "old\n",
    "gone.txt": "gone\n",
}
_SECOND = {
    "experiments/@IDENTIFIER@.py": _FIRST["experiments/@IDENTIFIER@.py"].replace("STEPS = 10", "STEPS = 20"),
    "docs/@IDENTIFIER@.md": "@TITLE@\n@UNDERLINE@\n\n## Question\n",
    "gone.txt": "gone\n",
    "tests/test_@IDENTIFIER@.py": "def test_it() -> None: ...\n",
}


def test_a_template_of_the_team_is_used_and_upgraded(tmp_path: Path) -> None:
    """What only the template changed is taken, what only I changed stays, and what both changed is marked."""
    publish_library("team/exp", {"files": _FIRST}, "1.0.0", kind="template")
    found = find_template("team/exp", "^1.0")
    for name in ("One try", "Another"):
        (tmp_path / "old.txt").unlink(missing_ok=True)
        (tmp_path / "gone.txt").unlink(missing_ok=True)
        write_template(found, name, "Ann", tmp_path)
    mine = tmp_path / "experiments" / "one_try.py"
    assert mine.read_text().startswith('"""One try by Ann, 20')
    mine.write_text(mine.read_text().replace("RATE = 0.1", "RATE = 0.5"))
    other = tmp_path / "experiments" / "another.py"
    other.write_text(other.read_text().replace("STEPS = 10", "STEPS = 99"))
    (tmp_path / "gone.txt").unlink()
    publish_library("team/exp", {"files": _SECOND}, "2.0.0", kind="template")
    first = upgrade_experiments(tmp_path, "One try")[0]
    assert (first.before, first.after) == ("1.0.0", "2.0.0")
    assert {file.path: file.what for file in first.files} == {
        "experiments/one_try.py": "merged",
        "docs/one_try.md": "merged",
        "tests/test_one_try.py": "added",
        "old.txt": "removed",
    }
    assert "RATE = 0.5\n\n\n\nSTEPS = 20" in mine.read_text()
    second = upgrade_experiments(tmp_path)
    assert [(one.name, len(one.files)) for one in second] == [("One try", 0), ("Another", 3)]
    assert {file.path: file.what for file in second[1].files}["experiments/another.py"] == "conflict"
    assert "<<<<<<< yours\nSTEPS = 99\n" in other.read_text()
    assert "STEPS = 20\n>>>>>>> template now" in other.read_text()
    assert upgrade_experiments(tmp_path)[1].files == []
    with pytest.raises(NotFoundError, match="'nobody'"):
        upgrade_experiments(tmp_path, "nobody")
    with pytest.raises(NotFoundError, match="nothing was made"):
        upgrade_experiments(tmp_path / "docs")


def test_the_built_in_template_is_up_to_date_when_new(tmp_path: Path) -> None:
    scaffold("First try", "Ann", tmp_path)
    assert made_in(tmp_path)["first_try"].version == BUILT_IN.version
    assert upgrade_experiments(tmp_path)[0].files == []
    with pytest.raises(NotFoundError, match="no version"):
        find_template(BUILT_IN.name, "9.0.0")
    publish_library("team/values", {"a": 1}, "1.0.0")
    with pytest.raises(InvalidError, match="not a template"):
        find_template("team/values")
    (tmp_path / ".runward-new.yaml").write_text("x: {template: 1}\n")
    with pytest.raises(InvalidError, match="cannot be read"):
        made_in(tmp_path)
