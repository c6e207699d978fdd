"""The documentation says what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import runward
from runward.cli.main import COMMANDS
from runward.errors import BY_CODE
from tests.docs.reference import DOCS, PAGES

ROOT = Path(__file__).parents[2]
PAGES_WITH_CODE = sorted(
    page for page in (ROOT / "docs").glob("*.md") if "```python" in page.read_text() and page.name != "add-a-feature.md"
)
_FRAGMENT = {"tutorial.md", "documents.md", "tables.md"}
"""Pages whose Python is a piece of a file that another test runs."""


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_is_fresh(name: str) -> None:
    """Run ``uv run python -m tests.docs.reference`` after changing a command or an operation."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name]()


@pytest.mark.parametrize("page", [p for p in PAGES_WITH_CODE if p.name not in _FRAGMENT], ids=lambda page: page.name)
def test_code_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """Each page's Python blocks run in order, in one fresh interpreter and an empty folder."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    program = tmp_path / "page.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_every_error_is_documented() -> None:
    """The tree in the docstring names every class."""
    assert runward.errors.__doc__ is not None
    missing = [kind.__name__ for kind in BY_CODE.values() if kind.__name__ not in runward.errors.__doc__]
    assert not missing


def test_every_command_is_told_somewhere() -> None:
    """Each command of the help is used on some page beside the reference."""
    text = "\n".join(page.read_text() for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
    assert [name for name in COMMANDS if f"runward {name}" not in text] == []


def test_no_link_leads_nowhere() -> None:
    """Relative links of README and pages point at files."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken
