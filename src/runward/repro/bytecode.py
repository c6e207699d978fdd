"""Compiled files of an environment: made once, and taken from an earlier environment that has the same package."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from runward.repro.uv import run_uv

_MANY = 50
_LOOKED_AT = 8
"""Earlier environments, the newest first."""


def compile_bytecode(site: Path, python: Path, cache: Path) -> int:
    """Compile what is installed, as far as no earlier environment did; returns how many files were compiled.

    A compiled file holds for its source's time and size. uv links the same source into every environment, so what was
    compiled in one holds in all.

    Args:
        site: The ``site-packages`` of an environment that is being built.
        python: Its interpreter.
        cache: The folder of finished environments.
    """
    pattern = f"*/{'Lib' if os.name == 'nt' else f'lib/{site.parent.name}'}/site-packages"
    earlier = sorted((path for path in cache.glob(pattern) if path != site), key=_made_at, reverse=True)
    missing = list[str]()
    for record in sorted(site.glob("*.dist-info/RECORD")):
        source = next((other for other in earlier[:_LOOKED_AT] if _has(other, record)), None)
        for folder, names in _sources(record).items():
            linked = _link(site / folder, source / folder, names) if source else set()
            missing += [str(site / folder / name) for name in names if name not in linked]
    if missing:
        # What cannot be compiled, such as a template, is reported and left alone.
        workers = "0" if len(missing) > _MANY else "1"
        run_uv([str(python), "-I", "-m", "compileall", "-q", "-j", workers, "-i", "-"], "\n".join(missing))
    return len(missing)


def _made_at(site: Path) -> float:
    return site.stat().st_mtime


def _has(site: Path, record: Path) -> bool:
    try:
        return (site / record.parent.name / "RECORD").read_bytes() == record.read_bytes()
    except OSError:
        return False


def _sources(record: Path) -> dict[str, list[str]]:
    """The names of a package's sources by their folder in ``site-packages``."""
    found: dict[str, list[str]] = {}
    for row in csv.reader(record.read_text("utf-8", "replace").splitlines()):
        if row and row[0].endswith(".py") and not row[0].startswith(("..", "/")):
            folder, _, name = row[0].rpartition("/")
            found.setdefault(folder, []).append(name)
    return found


def _link(here: Path, there: Path, names: Iterable[str]) -> set[str]:
    """Link the compiled files of the same sources in a folder of another environment; returns those of which it has."""
    linked = set[str]()
    try:
        compiled: dict[str, list[str]] = {}
        for name in os.listdir(there / "__pycache__"):
            compiled.setdefault(name.partition(".")[0], []).append(name)
        (here / "__pycache__").mkdir(exist_ok=True)
        for name in names:
            ours, theirs = os.stat(f"{here}/{name}"), os.stat(f"{there}/{name}")
            if (ours.st_mtime_ns, ours.st_size) == (theirs.st_mtime_ns, theirs.st_size):
                for one in compiled.get(name.removesuffix(".py"), []):
                    os.link(f"{there}/__pycache__/{one}", f"{here}/__pycache__/{one}")
                    linked.add(name)
    except OSError:
        # What another build removes meanwhile, or a disk without links, is compiled instead.
        return linked
    return linked
