"""Copying an installed package into another environment, file by file as its RECORD lists them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from pathlib import Path

from runward.core.hashing import digest_bytes
from runward.errors import EnvironmentNotRebuiltError
from runward.tracking.capture.model import Package


def installed_record(package: Package, site_dirs: Iterable[str]) -> Path | None:
    """The RECORD of exactly that package in one of the folders; None where none has the captured digest."""
    stem = package.name.replace("-", "_")
    for folder in site_dirs:
        for record in Path(folder or ".").glob(f"*-{package.version}.dist-info/RECORD"):
            same_name = (
                record.parent.name.lower().replace("-", "_").replace(".", "_").startswith(stem.replace(".", "_"))
            )
            if same_name and digest_bytes(record.read_bytes()) == package.record:
                return record
    return None


def graft(package: Package, site_dirs: Iterable[str], target: Path) -> None:
    """Copy an installed package's files into a ``site-packages`` folder, without its scripts.

    Raises:
        EnvironmentNotRebuiltError: The package is not there any more, or one of its files is not.
    """
    record = installed_record(package, site_dirs)
    if record is None:
        raise EnvironmentNotRebuiltError(
            f"{package.name} {package.version}: not installed here as it was captured",
            hint="Install it again.",
        )
    site = record.parent.parent
    for row in csv.reader(record.read_text("utf-8").splitlines()):
        if row and not row[0].startswith(("../", "/")) and not row[0].endswith(".pyc"):
            _copy(package, site / row[0], target / row[0])


def _copy(package: Package, source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copy2(source, target)
    except OSError as error:
        raise EnvironmentNotRebuiltError(
            f"{package.name} {package.version}: {source.name} cannot be copied: {error}",
            hint="Install it again.",
        ) from error
