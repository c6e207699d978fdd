"""Files that a repository needs to hold the team's standards: pre-commit hooks, CI of GitHub and GitLab."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Literal, NamedTuple

from runward.errors import AlreadyExistsError
from runward.review.model import Standards, Workflow
from runward.review.workflow import RULES

Forge = Literal["github", "gitlab"]

_HEAD = "# Written by `runward standards files`, from the standards of {project} v{version}.\n"
_PRE_COMMIT = """\
# Once: pip install pre-commit "runward[review]" && pre-commit install -t pre-commit -t commit-msg -t pre-push
repos:
  - repo: local
    hooks:
      - id: ruff-check
        name: ruff check
        entry: ruff check --force-exclude
        language: system
        types_or: [python, pyi, jupyter]
        stages: [pre-commit]
      - id: ruff-format
        name: ruff format
        entry: ruff format --check --force-exclude
        language: system
        types_or: [python, pyi, jupyter]
        stages: [pre-commit]
      - id: runward-checklist
        name: checklist, no item worse than on {start}
        entry: runward review check . --base {start}
        language: system
        always_run: true
        pass_filenames: false
        stages: [pre-push]
      - id: runward-branch
        name: branch name
        entry: {check_branch}
        language: system
        always_run: true
        pass_filenames: false
        stages: [pre-commit]
      - id: runward-commit-message
        name: commit message
        entry: runward commit-message --check
        language: system
        stages: [commit-msg]
"""
_GITHUB = """\
name: standards
on:
  pull_request:
  push:
    branches: [{start}]
permissions:
  contents: read
jobs:
  standards:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: python -m pip install pytest "runward[review]"
      - run: if [ -f pyproject.toml ]; then python -m pip install -e .; fi
      - run: ruff check .
      - run: ruff format --check .
      - run: {check_branch}
        env:
          BRANCH: ${{{{ github.head_ref || github.ref_name }}}}
      - run: python -m pytest
      - run: runward review check . --ci --base "$BASE"
        env:
          BASE: ${{{{ github.event_name == 'pull_request' && format('origin/{{0}}', github.base_ref) || 'HEAD^' }}}}
"""
_GITLAB = """\
standards:
  image: python:3.12
  variables:
    GIT_DEPTH: "0"
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  script:
    - python -m pip install pytest "runward[review]"
    - if [ -f pyproject.toml ]; then python -m pip install -e .; fi
    - ruff check .
    - ruff format --check .
    - {check_branch}
    - python -m pytest
    - runward review check . --ci --base "${{CI_MERGE_REQUEST_DIFF_BASE_SHA:-HEAD^}}"
"""


class _File(NamedTuple):
    path: str
    text: str
    branch: str
    """The branch to check, in the words of the shell that runs it; empty for the one that is checked out."""


_FILES = {
    "hooks": _File(".pre-commit-config.yaml", _PRE_COMMIT, ""),
    "github": _File(".github/workflows/standards.yml", _GITHUB, ' "$BRANCH"'),
    "gitlab": _File(".gitlab-ci.yml", _GITLAB, ' "${CI_MERGE_REQUEST_SOURCE_BRANCH_NAME:-$CI_COMMIT_BRANCH}"'),
}


class Rules(NamedTuple):
    """What the files follow."""

    project: str
    version: int
    standards: Standards

    @property
    def branch_options(self) -> str:
        """The rule on branches as options: neither a hook nor CI asks a server for it."""
        if self.standards.branches:
            return f" --pattern {shlex.quote(self.standards.branches)}"
        workflow: Workflow = self.standards.workflow or "feature-branch"
        return f" --workflow {workflow}"


def standards_files(rules: Rules, *, hooks: bool = True, forge: Forge | None = None) -> dict[str, str]:
    """The text of each file by its path."""
    files = [_FILES[name] for name in (*(["hooks"] if hooks else []), *([forge] if forge else []))]
    head = _HEAD.format(project=rules.project, version=rules.version)
    start = RULES[rules.standards.workflow or "feature-branch"].start
    return {file.path: head + file.text.format(check_branch=_check_branch(file, rules), start=start) for file in files}


def _check_branch(file: _File, rules: Rules) -> str:
    """The command as YAML text, whatever characters the project's rule has."""
    return json.dumps(f"runward branch --check{file.branch}{rules.branch_options}", ensure_ascii=False)


def write_files(files: dict[str, str], folder: Path, *, replace: bool = False) -> list[Path]:
    """Write files into a folder; one that says the same already stays.

    Raises:
        AlreadyExistsError: A file has another content and ``replace`` was not asked for; nothing is written then.
    """
    wanted = {folder / path: text for path, text in files.items()}
    for path, text in wanted.items():
        if path.exists() and not replace and path.read_text(encoding="utf-8") != text:
            raise AlreadyExistsError(f"{path} is there already", hint="look at it, then give --replace")
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(wanted)
