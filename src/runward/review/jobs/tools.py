"""Which tools a repository wants for its tests, by its own declarations. Nothing of it is run for that."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from runward.review.jobs.model import JobName
from runward.tracking.capture.environment import normalised_name

_GROUPS = ("test", "tests", "testing", "dev", "develop")
_FILES = ("requirements-dev.txt", "requirements-test.txt", "test-requirements.txt", "dev-requirements.txt")
_OF_JOB: dict[JobName, tuple[str, ...]] = {
    "tests": ("pytest",),
    "coverage": ("pytest", "coverage"),
    "type_check": ("mypy",),
    "security": ("bandit",),
}
_NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")


def wanted_tools(project: Path, jobs: Collection[JobName]) -> list[list[str]]:
    """Requirements to install beside the captured packages: with what the repository declares for its tests, or without.

    Args:
        project: The folder with the repository's ``pyproject.toml``.
        jobs: What is to be run.
    """
    tools = sorted({tool for job in jobs for tool in _OF_JOB[job]})
    declared = _declared(project)
    named = {_name(line) for line in declared}
    missing = [tool for tool in tools if tool not in named]
    return [[*declared, *missing], tools] if declared else [tools]


def _declared(project: Path) -> list[str]:
    document = _toml(project / "pyproject.toml")
    table, groups = document.get("project", {}), document.get("dependency-groups", {})
    extras = table.get("optional-dependencies", {})
    own = normalised_name(str(table.get("name", "")))
    for name in _GROUPS:
        found = _group(groups, name, set()) if name in groups else extras.get(name, [])
        usable = [line for line in found if isinstance(line, str) and _is_plain(line) and _name(line) != own]
        if usable:
            return usable
    for file in _FILES:
        if (project / file).is_file():
            lines = (project / file).read_text(encoding="utf-8", errors="replace").splitlines()
            return [line.partition(" #")[0].strip() for line in lines if _NAME.match(line) and _is_plain(line)]
    return []


def _group(groups: Mapping[str, Any], name: str, seen: set[str]) -> list[str]:
    """The lines of a dependency group with those that it includes (PEP 735)."""
    if name in seen:
        return []
    seen.add(name)
    lines = list[str]()
    for entry in groups.get(name, []):
        if isinstance(entry, str):
            lines.append(entry)
        elif isinstance(entry, dict):
            lines += _group(groups, str(entry.get("include-group", "")), seen)
    return lines


def _is_plain(line: str) -> bool:
    """Whether it is a package of an index: what a URL or a path names is not to be had by version."""
    return "://" not in line and " @ " not in line


def _name(line: str) -> str:
    found = _NAME.match(line)
    return normalised_name(found[1]) if found else ""


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def types_configured(project: Path) -> bool:
    """Whether the repository says what mypy is to check."""
    if "files" in (mypy := _toml(project / "pyproject.toml").get("tool", {}).get("mypy", {})) or "packages" in mypy:
        return True
    files = [project / name for name in ("mypy.ini", ".mypy.ini", "setup.cfg")]
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    return any(re.search(r"(?ms)^\[mypy\][^\[]*^(?:files|packages)\s*=", text) for text in texts)
