"""The plan of the house is a test, and the test is tested: planted violations are found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "runward"

PLANTED = {
    "layers": ("core/bad_layer.py", "from runward.tracking import model\n"),
    "acyclic": (
        "review/bad_one.py",
        "from runward.review import bad_two\n",
        "review/bad_two.py",
        "from runward.review import bad_one\n",
    ),
    "pure-config": ("config/bad_pure.py", "import sqlite3\n"),
    "core-knows-no-store": ("core/bad_store.py", "import psycopg\n"),
    "one-http": ("knowledge/bad_http.py", "from starlette.requests import Request\n"),
    "one-driver": ("review/bad_driver.py", "import sqlite3\n"),
    "governance-inside": ("cli/bad_governance.py", "from runward.governance import repository\n"),
    "tracking-inside": ("review/bad_tracking.py", "from runward.tracking.repository import find_runs\n"),
    "knowledge-inside": ("server/bad_knowledge.py", "from runward.knowledge.service import KnowledgeService\n"),
    "coordination-inside": ("review/bad_coordination.py", "from runward.coordination.service import notify\n"),
    "registry-inside": ("cli/bad_registry.py", "from runward.registry.service import RegistryService\n"),
    "data-inside": ("cli/bad_data.py", "from runward.data.service import DataService\n"),
    "repro-inside": ("review/bad_repro.py", "from runward.repro import service\n"),
    "insights-inside": ("cli/bad_insights.py", "from runward.insights.service import ReportService\n"),
    "privacy-inside": ("cli/bad_privacy.py", "from runward.privacy.service import PrivacyService\n"),
    "review-inside": ("cli/bad_review.py", "from runward.review.repository import votes\n"),
}
"""By contract: files with what it forbids."""


def _contracts() -> dict[str, str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["id"]: contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


def _lint(source: Path) -> tuple[int, str]:
    command = [
        str(Path(sys.executable).parent / "lint-imports"),
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(source), "COLUMNS": "400"}
    done = subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_no_room_reaches_where_it_may_not() -> None:
    code, said = _lint(ROOT / "src")
    assert code == 0, said


def test_planted_violations_of_every_contract_are_found(tmp_path: Path) -> None:
    contracts = _contracts()
    assert set(PLANTED) == set(contracts)
    shutil.copytree(PACKAGE, tmp_path / "runward", ignore=shutil.ignore_patterns("__pycache__", "static"))
    for planted in PLANTED.values():
        for name, content in zip(planted[::2], planted[1::2], strict=True):
            (tmp_path / "runward" / name).write_text(content)
    code, said = _lint(tmp_path)
    assert code == 1, said
    lines = said.replace("\n", " ")
    kept = [contract for contract, name in contracts.items() if f"{name} BROKEN" not in " ".join(lines.split())]
    assert kept == []


_WEIGHT = "import sys; import {module}; print(*sorted(sys.modules))"


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("runward", {"sqlite3", "starlette", "uvicorn", "numpy", "msgspec", "click", "rich", "asyncio", "http.client"}),
        (
            "runward.testing.plugin",
            {"starlette", "uvicorn", "psycopg", "runward.workspace", "runward.tracking", "click"},
        ),
        ("runward.cli.main", {"starlette", "uvicorn", "sqlite3", "rich", "runward.workspace", "numpy"}),
        ("runward.cli.data", {"http.client", "yaml", "polars", "runward.review.service", "runward.tracking.search"}),
        ("runward.tracking.client", {"starlette", "uvicorn", "sqlite3", "numpy", "click", "rich"}),
    ],
)
def test_importing_loads_only_what_is_needed(module: str, never: set[str]) -> None:
    """A training script pays for tracking, not for a server."""
    done = subprocess.run(
        [sys.executable, "-c", _WEIGHT.format(module=module)], capture_output=True, text=True, timeout=60, check=True
    )
    assert set(done.stdout.split()) & never == set()


def test_every_public_name_of_the_face_exists() -> None:
    """And nothing else is promised."""
    import runward

    assert len(set(runward.__all__)) == len(runward.__all__)
    for name in runward.__all__:
        assert getattr(runward, name) is not None, name
    assert set(runward.__all__) <= set(dir(runward))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = runward.nothing


def test_modules_stay_short() -> None:
    """500 lines at most: a file that grows with every capability is the first sign of a layer."""
    sizes = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {name: size for name, size in sizes.items() if size > 500} == {}
