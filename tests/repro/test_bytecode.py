"""Compiled files are made once and shared by environments that have the same package."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from runward.repro.bytecode import compile_bytecode

HERE = Path(sys.executable)


def environment(cache: Path, name: str, sources: dict[str, str], like: Path | None = None) -> Path:
    """A ``site-packages`` with one package; its files are those of another environment where they are the same."""
    site = cache / name / "lib" / "python3.11" / "site-packages"
    info = site / "tool-1.0.dist-info"
    info.mkdir(parents=True)
    for path, text in sources.items():
        (site / path).parent.mkdir(exist_ok=True)
        twin = like / path if like else None
        if twin and twin.exists() and twin.read_text() == text:
            os.link(twin, site / path)
        else:
            (site / path).write_text(text)
    (info / "RECORD").write_text("".join(f"{path},,\n" for path in [*sources, "tool-1.0.dist-info/RECORD", "../x.py"]))
    return site


def compiled(site: Path) -> set[str]:
    return {str(path.relative_to(site)) for path in site.rglob("*.pyc")}


@pytest.fixture
def first(tmp_path: Path) -> Path:
    site = environment(tmp_path, "first", {"tool/__init__.py": "A = 1\n", "top.py": "B = 2\n", "tool/bad.py": "def ("})
    assert compile_bytecode(site, HERE, tmp_path) == 3
    assert len(compiled(site)) == 2
    return site


def test_what_was_compiled_is_linked(first: Path, tmp_path: Path) -> None:
    """The same source, linked by uv, needs no second compilation; what never compiled is tried again."""
    sources = {"tool/__init__.py": "A = 1\n", "top.py": "B = 2\n", "tool/bad.py": "def ("}
    second = environment(tmp_path, "second", sources, like=first)
    assert compile_bytecode(second, HERE, tmp_path) == 1
    assert compiled(second) == compiled(first)
    assert all(os.path.samefile(first / path, second / path) for path in compiled(first))


def test_another_source_is_compiled_anew(first: Path, tmp_path: Path) -> None:
    """A file that differs in time or size, or a package whose list of files differs."""
    touched = environment(tmp_path, "touched", {"tool/__init__.py": "A = 3000\n", "top.py": "B = 2\n", "tool/bad.py": "def ("}, like=first)  # fmt: skip
    assert compile_bytecode(touched, HERE, tmp_path) == 2
    name = next(path for path in compiled(touched) if "__init__" in path)
    assert not os.path.samefile(first / name, touched / name)
    grown = environment(tmp_path, "grown", {"tool/__init__.py": "A = 1\n", "tool/new.py": "C = 3\n"}, like=first)
    assert compile_bytecode(grown, HERE, tmp_path) == 2


def test_an_earlier_environment_that_is_gone_or_bare(first: Path, tmp_path: Path) -> None:
    """Everything is compiled then."""
    shutil.rmtree(first / "tool" / "__pycache__")
    second = environment(tmp_path, "second", {"tool/__init__.py": "A = 1\n", "top.py": "B = 2\n", "tool/bad.py": "def ("}, like=first)  # fmt: skip
    assert compile_bytecode(second, HERE, tmp_path) == 2
    assert len(compiled(second)) == 2
