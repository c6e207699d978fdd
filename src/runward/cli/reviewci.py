"""What ``runward review check`` found, in the forms that CI systems show beside the code."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runward.review.checks import REQUIRED, CodeReport, Finding
from runward.review.model import Verdict

_MOST = 50
_SIGNS = {Verdict.PASS: "✓ pass", Verdict.FAIL: "✗ fail", Verdict.NEEDS_PERSON: "☞ needs a person"}

Placed = Callable[[str], str]
"""The path of a file from where the job runs, by the path that is shown."""


def lines_of(findings: Sequence[Finding], failed: Sequence[str], placed: Placed) -> list[str]:
    """A line a finding; where GitHub runs it, as a command that shows it beside the code.

    Args:
        findings: What was found.
        failed: The items that decided the exit code; they are errors, all else is a warning.
        placed: Where the files are.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return [f"{f.place.file}:{f.place.line}: {f.rule}: {f.place.message}" for f in findings]
    return [
        f"::{'error' if f.rule in failed else 'warning'} file={_property(placed(f.place.file))},line={f.place.line},"
        f"title={_property(f.rule)}::{_data(f.place.message)}"
        for f in findings
    ]


def _data(text: str) -> str:
    """A command's message: GitHub undoes these three and no others there."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def code_quality(findings: Sequence[Finding], texts: Mapping[str, str], placed: Placed) -> list[dict[str, Any]]:
    """The findings as GitLab's Code Quality report.

    A finding is known again by its rule, its file and the text of its line, so that it stays the same when lines move.
    """
    seen: Counter[str] = Counter()
    found = []
    for finding in findings:
        place = finding.place
        lines = texts.get(place.file, "").splitlines()
        line = lines[place.line - 1].strip() if 0 < place.line <= len(lines) else place.message
        known = hashlib.sha256(f"{finding.rule}\0{placed(place.file)}\0{line}".encode()).hexdigest()
        seen[known] += 1
        found.append(
            {
                "description": place.message,
                "check_name": finding.rule,
                "fingerprint": known
                if seen[known] == 1
                else hashlib.sha256(f"{known}{seen[known]}".encode()).hexdigest(),
                "severity": _severity(finding.rule),
                "location": {"path": placed(place.file), "lines": {"begin": max(place.line, 1)}},
            }
        )
    return found


def _severity(rule: str) -> str:
    return "blocker" if rule in REQUIRED else "minor" if rule.isupper() or any(c.isdigit() for c in rule) else "major"


def summary(report: CodeReport, findings: Sequence[Finding], policy: Mapping[str, Any], placed: Placed) -> str:
    """The outcome as Markdown, for a job's page."""
    outcome = "yes" if policy["passed"] else f"no: {', '.join(policy['items'])}"
    rows = [f"| {_SIGNS[one.verdict]} | `{one.name}` | {_cell(one.message)} |" for one in report.results]
    found = [f"- `{placed(f.place.file)}:{f.place.line}` {f.rule}: {_cell(f.place.message)}" for f in findings[:_MOST]]
    more = [f"- … and {len(findings) - _MOST} more"] if len(findings) > _MOST else []
    table = ["| | item | |", "|---|---|---|", *rows] if rows else ["Nothing to check."]
    head = f"### Review checklist: {policy['name']}? {outcome}"
    return "\n".join([head, "", *table, *(["", "**Findings**", "", *found, *more] if found else []), ""])


def _cell(text: str) -> str:
    """A text in one cell of a table, without markup."""
    shown = " ".join(text.split()).replace("\\", "\\\\")
    for sign in ("|", "`", "*", "_", "<", ">", "[", "]"):
        shown = shown.replace(sign, f"\\{sign}")
    return shown


def from_checkout(repo: Path | None) -> Placed:
    """Paths from the folder that the job checked out, with forward slashes; as they are shown outside of it."""
    root = Path(os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or ".").resolve()

    def placed(shown: str) -> str:
        file = repo / shown if repo is not None and (repo / shown).exists() else Path(shown)
        real = file.resolve()
        return real.relative_to(root).as_posix() if real.is_relative_to(root) else Path(shown).as_posix()

    return placed
