"""Branches and commit messages by workflow, and the files that hold them in a repository."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from runward.config.yaml12 import load
from runward.errors import AlreadyExistsError, InvalidError
from runward.review.model import Standards, Workflow
from runward.review.workflow import (
    RULES,
    branch_name,
    branch_problem,
    branch_rule,
    commit_message,
    message_problem,
)
from runward.team.files import Rules, standards_files, write_files
from tests.extras import needs

GOOD: dict[Workflow, list[str]] = {
    "feature-branch": ["main", "master", "feature/warmup_20260114"],
    "gitflow": ["main", "develop", "feature/x", "release/1.2", "release/v2.0.0-rc.1", "hotfix/oom", "bugfix/y"],
    "github-flow": ["main", "longer-warmup", "ann/longer-warmup"],
    "trunk": ["main", "trunk", "release/1.2", "ann/longer-warmup"],
}
BAD: dict[Workflow, list[str]] = {
    "feature-branch": ["develop", "warmup", "feature/", "feature/a/b", "Feature/x"],
    "gitflow": ["feature", "release/next", "wip", "release/"],
    "github-flow": ["-x", "a b", "a//b"],
    "trunk": ["feature", "a/b/c", "release/x"],
}


@pytest.mark.parametrize("workflow", list(RULES))
def test_each_workflow_has_its_branches(workflow: Workflow) -> None:
    """A name against the rule is told the rule in words."""
    rule = RULES[workflow]
    assert [name for name in GOOD[workflow] if branch_problem(name, rule)] == []
    for name in BAD[workflow]:
        assert rule.words in branch_problem(name, rule)
    assert rule.start in GOOD[workflow]


@pytest.mark.parametrize("workflow", list(RULES))
@pytest.mark.parametrize("name", ["New Model Training", "ResNet-50 (v2)", "größe"])
def test_a_made_name_follows_its_own_rule(workflow: Workflow, name: str) -> None:
    assert branch_problem(branch_name(name, workflow, member="Ann B."), RULES[workflow]) == ""


def test_made_names_are_those_of_the_documents() -> None:
    today = f"{datetime.now():%Y%m%d}"
    assert branch_name("new_model_training", "feature-branch") == f"feature/new_model_training_{today}"
    assert branch_name("OOM", "gitflow", "hotfix") == f"hotfix/oom_{today}"
    assert branch_name("1.2", "gitflow", "release") == "release/1.2"
    assert branch_name("Longer warmup", "trunk", member="ann") == "ann/longer-warmup"
    assert commit_message("new_model_training", ["Add it", "Test it"]) == (
        "feat: new_model_training\n\n- Add it\n- Test it"
    )
    for workflow, kind in (("github-flow", "release"), ("trunk", "hotfix"), ("feature-branch", "hotfix")):
        with pytest.raises(InvalidError, match=f"no {kind}"):
            branch_name("x", workflow, kind)  # type: ignore[arg-type]
    for wrong in ("", "ü!"):
        with pytest.raises(InvalidError, match="no letter"):
            branch_name(wrong, "trunk")
    with pytest.raises(InvalidError, match="rule"):
        branch_name("next one", "gitflow", "release")
    with pytest.raises(InvalidError, match="feat"):
        commit_message("x", [], "feature")


def test_a_project_may_have_a_rule_of_its_own() -> None:
    rule = branch_rule("gitflow", "exp/[0-9]+")
    assert rule is not None
    assert branch_problem("exp/12", rule) == ""
    assert "exp/[0-9]+" in branch_problem("main", rule)
    assert branch_rule("") is None


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("feat: x", ""),
        ("fix(data)!: x\n\n- a", ""),
        ("# comment\n\nfeat: x\n# more\n", ""),
        ("Merge branch 'x'", ""),
        ("fixup! feat: x", ""),
        ("", "empty"),
        ("# only\n", "empty"),
        ("wip", "TYPE"),
        ("feat:x", "TYPE"),
        ("feature: x", "TYPE"),
        (f"feat: {'x' * 80}", "86 characters"),
        ("feat: x\nand more", "second line"),
    ],
)
def test_commit_messages(message: str, said: str) -> None:
    assert (said in message_problem(message)) if said else (message_problem(message) == "")


def _rules(**said: str) -> Rules:
    return Rules("vision", 3, Standards(**said))  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", ["", "exp/[0-9]+", "a: b # {c} \"d\" 'e' \\d"])
def test_the_files_are_yaml_whatever_the_rule(pattern: str) -> None:
    """And name the project and the version of its standards."""
    files = standards_files(_rules(workflow="trunk", branches=pattern), forge="github")
    files |= standards_files(_rules(workflow="trunk", branches=pattern), forge="gitlab")
    assert set(files) == {".pre-commit-config.yaml", ".github/workflows/standards.yml", ".gitlab-ci.yml"}
    for text in files.values():
        assert "standards of vision v3" in text.splitlines()[0]
        said = str(load(text))
        assert "runward branch --check" in said
        assert ("--pattern" if pattern else "--workflow trunk") in said
    steps = load(files[".github/workflows/standards.yml"])["jobs"]["standards"]["steps"]
    assert {"ruff check .", "ruff format --check .", "python -m pytest"} <= {step.get("run") for step in steps}
    assert "--base" in str(load(files[".gitlab-ci.yml"])["standards"]["script"])


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    files = standards_files(_rules())
    assert write_files(files, tmp_path) == write_files(files, tmp_path)
    (tmp_path / ".pre-commit-config.yaml").write_text("mine")
    with pytest.raises(AlreadyExistsError, match="--replace"):
        write_files(files, tmp_path)
    write_files(files, tmp_path, replace=True)
    assert "ruff" in (tmp_path / ".pre-commit-config.yaml").read_text()


_GOOD_CODE = '''"""A module."""


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number
'''


def test_the_hooks_stop_a_bad_commit(tmp_path: Path) -> None:
    """With the real pre-commit: code, the name of the branch, and the message, each by itself."""
    needs("pre_commit")
    write_files(standards_files(_rules(workflow="feature-branch")), tmp_path)
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(tmp_path / ".cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_{what}": "a@b.c" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    (tmp_path / ".gitignore").write_text(".cache\n")

    def call(*words: str) -> tuple[int, str]:
        done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout + done.stderr

    for words in (
        "git init -q -b main",
        "git add .gitignore .pre-commit-config.yaml",
        "git commit -q --no-verify -m begin",
        "pre-commit install -t pre-commit -t commit-msg -t pre-push",
        "git switch -q -c feature/x_20260114",
    ):
        assert call(*words.split())[0] == 0
    code = tmp_path / "code.py"

    def commit(text: str, message: str = "feat: x") -> tuple[int, str]:
        code.write_text(text)
        call("git", "add", "code.py")
        return call("git", "commit", "-m", message)

    failed, said = commit("import os\n" + _GOOD_CODE)
    assert (failed, "F401" in said) == (1, True), said
    failed, said = commit(_GOOD_CODE.replace("2 * number", "2*number"))
    assert (failed, "would be reformatted" in said) == (1, True), said
    failed, said = commit(_GOOD_CODE, "some work")
    assert (failed, "'TYPE: what changed'" in said) == (1, True), said
    worked, said = commit(_GOOD_CODE)
    assert worked == 0, said
    for words in (
        "git init -q --bare .cache/there",
        "git remote add origin .cache/there",
        "git push -q --no-verify origin main",
    ):
        assert call(*words.split())[0] == 0
    call("git", "switch", "-q", "main")
    call("git", "merge", "-q", "feature/x_20260114")
    call("git", "switch", "-q", "-c", "feature/worse_20260114")
    worked, said = commit("def double(number):\n    return 2 * number\n", "refactor: y")
    assert worked == 0, said
    failed, said = call("git", "push", "origin", "HEAD")
    assert (failed, "type_hints_used" in said) == (1, True), said
    call("git", "switch", "-q", "-c", "wip")
    failed, said = commit(_GOOD_CODE + "# more\n")
    assert (failed, "feature/NAME" in said) == (1, True), said
