"""Third-party packages that only some tests need."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runward.testing.plugin import missing


def needs(module: str, group: str = "frameworks") -> Any:
    """A module of a dependency group; without it the test is skipped, or fails where nothing may be left out."""
    try:
        return importlib.import_module(module)
    except ImportError:
        missing(f"{module} is not installed (uv sync --group {group})")


def needs_torch(module: str) -> Any:
    """A module that needs torch, which takes minutes to install: it is in no group. How: docs/frameworks.md."""
    return pytest.importorskip(module, reason=f"{module} is not installed; docs/frameworks.md says how these are run")


@contextlib.contextmanager
def disk_of(size: str, folder: Path) -> Iterator[Path]:
    """A file system of its own in memory, of a size such as ``4m``."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode != 0:
        missing("a small file system cannot be mounted here (it needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
