"""The four git workflows: how their branches are named and where from, and what a commit message looks like. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from msgspec.structs import replace

from runward.config.targets import did_you_mean
from runward.core.patterns import check_pattern, fits
from runward.errors import InvalidError
from runward.review.model import CheckResult, Standards, Verdict, Workflow

BranchKind = Literal["feature", "release", "hotfix"]

_MAIN = "main|master"
_WORD = r"[a-zA-Z0-9][a-zA-Z0-9._-]*"
_VERSION = r"v?\d+(?:\.\d+)*(?:[a-z0-9.-]*)?"


class Rule(NamedTuple):
    """What a workflow asks of a branch's name."""

    pattern: str
    words: str
    start: str
    """The branch that work begins at and goes back to."""


RULES: dict[Workflow, Rule] = {
    "feature-branch": Rule(
        rf"{_MAIN}|feature/{_WORD}", "main, or feature/NAME such as feature/warmup_20260114", "main"
    ),
    "gitflow": Rule(
        rf"{_MAIN}|develop|(?:feature|bugfix|support)/{_WORD}|release/{_VERSION}|hotfix/{_WORD}",
        "main, develop, feature/NAME, bugfix/NAME, release/VERSION or hotfix/NAME",
        "develop",
    ),
    "github-flow": Rule(rf"{_MAIN}|{_WORD}(?:/{_WORD})*", "main, or a descriptive name such as longer-warmup", "main"),
    "trunk": Rule(
        rf"{_MAIN}|trunk|release/{_VERSION}|(?!release/){_WORD}/{_WORD}",
        "main, release/VERSION, or a short-lived WHO/WHAT such as ann/longer-warmup",
        "main",
    ),
}
"""The rule of each workflow; any other name is refused with the words."""

TYPES = ("feat", "fix", "docs", "test", "refactor", "perf", "style", "build", "ci", "chore", "revert")
"""What a commit message's first line begins with."""
LONGEST_SUBJECT = 72
_SUBJECT = re.compile(rf"(?:{'|'.join(TYPES)})(?:\([\w./-]+\))?!?: \S.*")
_OWN_WORDS = re.compile(r"(?:Merge|Revert|fixup!|squash!|amend!) ")


def branch_rule(workflow: Workflow | Literal[""], pattern: str = "") -> Rule | None:
    """What is asked of a branch's name: a project's own expression, else its workflow's rule; None for nothing."""
    if pattern:
        start = RULES[workflow].start if workflow else "main"
        return Rule(pattern, f"the project's rule is {pattern!r}", start)
    return RULES[workflow] if workflow else None


def branch_problem(branch: str, rule: Rule) -> str:
    """Why a branch's name breaks the rule, in a sentence that quotes it; empty where it does not."""
    if fits(rule.pattern, branch):
        return ""
    return f"the branch {branch!r} is not named by the rule: {rule.words}"


def branch_gate(branch: str, standards: Standards) -> CheckResult | None:
    """The gate on the branch that a run's code was on; None where the standards say nothing of branches."""
    rule = branch_rule(standards.workflow, standards.branches)
    if rule is None:
        return None
    if not branch:
        message = "the run was not started on a git branch, so its name cannot be checked"
        return CheckResult("branch", "gate", Verdict.UNDECIDED, message, [], required=True)
    problem = branch_problem(branch, rule)
    verdict = Verdict.FAIL if problem else Verdict.PASS
    return CheckResult("branch", "gate", verdict, problem or f"{branch} follows the rule", [], required=True)


def items_required(results: Sequence[CheckResult], standards: Standards) -> list[CheckResult]:
    """A run's checks, with those required that the standards name; one that could not be made is undecided."""
    named, made = set(standards.required_items), {result.name for result in results}
    missing = "no code was captured with the run that it could be judged by"
    absent = [
        CheckResult(name, "code", Verdict.UNDECIDED, missing, [], required=True)
        for name in standards.required_items
        if name not in made
    ]
    return [*(replace(result, required=True) if result.name in named else result for result in results), *absent]


def check_workflow(standards: Standards, items: Sequence[str]) -> None:
    """Raises: InvalidError (naming the field that says something unknown)."""
    check_pattern(standards.branches, "branches")
    for name in standards.required_items:
        if name not in items:
            hint = did_you_mean(name, items) or f"items are {', '.join(items)}"
            raise InvalidError(
                f"required_items names {name!r}, which is no item of the checklist", hint=hint, field="required_items"
            )


def branch_name(name: str, workflow: Workflow, kind: BranchKind = "feature", member: str = "") -> str:
    """The name of a new branch.

    Args:
        name: What it is for: an experiment's name, or the version of a release.
        workflow: Whose rule it follows.
        kind: A release or hotfix where the workflow knows them.
        member: Who works on it; needed for ``trunk``.

    Raises:
        InvalidError: The name has no letter or digit, or the workflow does not know this kind.
    """
    if not re.search(r"[a-zA-Z0-9]", name):
        raise InvalidError(f"the name {name!r} has no letter or digit that a branch can use")
    if kind == "release" and workflow in ("gitflow", "trunk"):
        return _checked(f"release/{name.strip()}", workflow)
    if kind == "hotfix" and workflow == "gitflow":
        return f"hotfix/{_dated(name)}"
    if kind != "feature":
        raise InvalidError(f"{workflow} has no {kind} branches", hint="use --kind feature, or another workflow")
    if workflow in ("feature-branch", "gitflow"):
        return f"feature/{_dated(name)}"
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    who = re.sub(r"[^a-z0-9]+", "-", member.lower()).strip("-") or "me"
    return words if workflow == "github-flow" else f"{who}/{words}"


def _checked(branch: str, workflow: Workflow) -> str:
    if problem := branch_problem(branch, RULES[workflow]):
        raise InvalidError(problem, hint="give the version of a release, such as 1.2")
    return branch


def _dated(name: str) -> str:
    """As the documents write it: each other character becomes one underscore, and today's local date follows."""
    clean = re.sub(r"[^a-zA-Z0-9]", "_", name.lower())
    return f"{clean}_{datetime.now():%Y%m%d}"


def commit_message(name: str, changes: Sequence[str], kind: str = "feat") -> str:
    """A commit message with one line for each change, as the documents write it.

    Raises:
        InvalidError: The kind is none of :data:`TYPES`.
    """
    if kind not in TYPES:
        raise InvalidError(f"a commit is no {kind!r}", hint=f"one of {', '.join(TYPES)}")
    return f"{kind}: {name}\n\n" + "\n".join(f"- {change}" for change in changes)


def message_problem(message: str) -> str:
    """Why a commit message breaks the rule, in a sentence; empty where it does not. Git's own messages are fine."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines:
        return "the commit message is empty"
    if _OWN_WORDS.match(lines[0]):
        return ""
    if not _SUBJECT.fullmatch(lines[0]):
        return f"the first line {lines[0]!r:.100} is not 'TYPE: what changed', with TYPE one of {', '.join(TYPES)}"
    if len(lines[0]) > LONGEST_SUBJECT:
        return f"the first line has {len(lines[0])} characters, at most {LONGEST_SUBJECT} are readable everywhere"
    if len(lines) > 1 and lines[1].strip():
        return "the second line is not empty; git takes it for a part of the first"
    return ""
