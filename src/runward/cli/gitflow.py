"""``runward branch`` and ``runward commit-message``: names and messages by the team's git workflow, and their checks."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

import click

from runward.cli.output import NO, Output, pass_output, with_json
from runward.errors import InvalidError, NotFoundError
from runward.face import current_workspace, default_project
from runward.governance.signin import local_name
from runward.review.model import Workflow
from runward.review.workflow import (
    RULES,
    TYPES,
    BranchKind,
    branch_name,
    branch_problem,
    branch_rule,
    commit_message,
    message_problem,
)

_workflow = click.option("--workflow", type=click.Choice(list(RULES)), help="Default: the project's standards say.")


@click.command()
@click.argument("name", default="")
@_workflow
@click.option("--kind", type=click.Choice(["feature", "release", "hotfix"]), default="feature", show_default=True)
@click.option("--project", default="", help="Whose standards; default: the project of runs started here.")
@click.option("--create", is_flag=True, help="Create it with git and go there.")
@click.option("--check", is_flag=True, help="Check the branch NAME, or the one that is checked out. Exit code 1: no.")
@click.option("--pattern", default="", help="With --check: this regular expression instead of a workflow's rule.")
@with_json
@pass_output
def branch(
    output: Output,
    name: str,
    workflow: Workflow | None,
    kind: BranchKind,
    project: str,
    create: bool,
    check: bool,
    pattern: str,
) -> int:
    """The name of a branch for an experiment, by the team's workflow; or whether a branch is named by it."""
    if check:
        return _checked(output, name, workflow, pattern, project)
    if not name:
        raise InvalidError("what is the branch for?", hint="runward branch 'longer warmup'")
    chosen = workflow or _standards(project)[0] or "feature-branch"
    found, start = branch_name(name, chosen, kind, local_name()), RULES[chosen].start
    if kind == "hotfix":
        start = "main"
    if create:
        _git("switch", "--create", found)
    output.result({"branch": found, "workflow": chosen, "start": start}, found)
    if not create:
        output.hint(f"git switch -c {found} {start}")
    return 0


def _checked(output: Output, name: str, workflow: Workflow | None, pattern: str, project: str) -> int:
    said = (workflow, pattern) if workflow or pattern else _standards(project)
    rule = branch_rule(said[0] or "", said[1])
    found = name or _git("branch", "--show-current")
    problem = branch_problem(found, rule) if rule and found else ""
    good = "a commit without a branch has no name to check" if not found else f"{found} is named well"
    document = {"branch": found, "passes": not problem, "rule": rule.words if rule else ""}
    output.result(document, problem or (good if rule else "the project has no rule for branches"))
    return NO if problem else 0


def _standards(project: str) -> tuple[Workflow | Literal[""], str]:
    """(workflow, pattern) of a project that the workspace may not know yet."""
    try:
        found = current_workspace().review.get_standards(project or default_project()).standards
    except NotFoundError:
        return "", ""
    return found.workflow, found.branches


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError as error:
        raise InvalidError("git is not installed", hint="install git, or give the branch's name") from error
    if done.returncode:
        raise InvalidError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


@click.command("commit-message")
@click.argument("words", metavar="NAME CHANGE… | FILE", nargs=-1)
@click.option("--type", "kind", type=click.Choice(TYPES), default="feat", show_default=True)
@click.option("--check", is_flag=True, help="Check the message in FILE, as git's commit-msg hook gives it.")
@with_json
@pass_output
def message(output: Output, words: tuple[str, ...], kind: str, check: bool) -> int:
    """A commit message with a line for each change; or whether a message follows the rule (exit code 1: no)."""
    if not words:
        raise InvalidError("what was changed?", hint="runward commit-message 'longer warmup' 'Warm up for 500 steps'")
    if not check:
        text = commit_message(words[0], words[1:], kind)
        output.result({"message": text}, text)
        return 0
    path = Path(words[0])
    if not path.is_file():
        raise InvalidError(f"there is no file {words[0]!r}", hint="give the file that has the message")
    problem = message_problem(path.read_text(encoding="utf-8", errors="replace"))
    output.result({"passes": not problem, "problem": problem}, problem or "the message follows the rule")
    return NO if problem else 0
