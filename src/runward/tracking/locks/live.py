"""What is installed for an interpreter on this machine, now."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from runward.errors import EnvironmentNotRebuiltError
from runward.tracking.capture.edits import find_edits
from runward.tracking.capture.environment import normalised_name, scan_packages
from runward.tracking.capture.model import Package
from runward.tracking.locks.model import LockedPackage
from runward.tracking.locks.others import conda_installed

_ASK = """
import json, os, platform, sys
v = sys.implementation.version
full = "%d.%d.%d" % v[:3] + ("" if v.releaselevel == "final" else v.releaselevel[0] + str(v.serial))
print(json.dumps({"path": sys.path, "prefix": sys.prefix, "version": platform.python_version(), "markers": {
    "implementation_name": sys.implementation.name, "implementation_version": full, "os_name": os.name,
    "platform_machine": platform.machine(), "platform_release": platform.release(),
    "platform_system": platform.system(), "platform_version": platform.version(),
    "python_full_version": platform.python_version(), "python_version": "%d.%d" % sys.version_info[:2],
    "platform_python_implementation": platform.python_implementation(), "sys_platform": sys.platform}}))
"""
_TIMEOUT_S = 60.0
_SYSTEMS = {"linux": "linux", "darwin": "osx", "win32": "win"}
_MACHINES = {"x86_64": "64", "AMD64": "64", "arm64": "arm64", "aarch64": "aarch64", "ppc64le": "ppc64le"}


class Edited(msgspec.Struct, frozen=True, order=True):
    """An installed file that is not as it was installed."""

    package: str
    file: str
    """Relative to ``site-packages``."""
    change: Literal["edited", "gone"]


class Live(NamedTuple):
    """An interpreter and what is installed for it."""

    executable: str
    chosen_by: str
    """How it was found, in words."""
    version: str
    markers: dict[str, str]
    """The values of marker variables (PEP 508)."""
    site_dirs: list[str]
    packages: list[Package]
    conda: list[LockedPackage]
    """What Conda installed; empty in other environments."""

    @property
    def platform(self) -> str:
        """Conda's name of the platform, such as ``linux-64``."""
        system, machine = self.markers["sys_platform"], self.markers["platform_machine"]
        return f"{_SYSTEMS.get(system, system)}-{_MACHINES.get(machine, machine)}"


def choose_python(lock_folder: Path | None, given: str = "", environ: Mapping[str, str] = os.environ) -> Live:
    """The interpreter that is meant, and what it has.

    Args:
        lock_folder: Where the lock is; a ``.venv`` there is the project's.
        given: An interpreter or an environment's folder; empty for the active one.
        environ: Names the active environment.

    Raises: EnvironmentNotRebuiltError (it does not run).
    """
    if given:
        return _ask(_program(Path(given).absolute()), "--python")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(name):
            return _ask(_program(Path(environ[name])), name)
    if lock_folder is not None and (lock_folder / ".venv").is_dir():
        return _ask(_program(lock_folder / ".venv"), "the project's .venv")
    return _ask(Path(sys.executable), "the interpreter of this command")


def _program(place: Path) -> Path:
    if not place.is_dir():
        return place
    candidates = ("Scripts/python.exe", "python.exe") if os.name == "nt" else ("bin/python", "bin/python3")
    return next((place / name for name in candidates if (place / name).exists()), place / candidates[0])


def _ask(program: Path, chosen_by: str) -> Live:
    try:
        done = subprocess.run(
            [str(program), "-c", _ASK], capture_output=True, text=True, check=True, timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL, cwd=tempfile.gettempdir(),
        )  # fmt: skip
        said = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise EnvironmentNotRebuiltError(
            f"python: {program} ({chosen_by}) does not answer: {error}", hint="name another one with --python PATH"
        ) from error
    folders = [path for path in said["path"] if path]
    meta = Path(said["prefix"], "conda-meta")
    conda = conda_installed(sorted(os.listdir(meta))) if meta.is_dir() else []
    return Live(str(program), chosen_by, said["version"], said["markers"], folders, scan_packages(folders), conda)


def edited_files(site_dirs: Iterable[str]) -> list[Edited]:
    """Files in ``site-packages`` that were changed or removed since they were installed.

    Files that were not touched since are not read: a look costs a stat each.
    """
    found, present = list[Edited](), list[str]()
    folders = list(dict.fromkeys(site_dirs))
    for record in (record for folder in folders for record in sorted(Path(folder).glob("*.dist-info/RECORD"))):
        site, package = str(record.parents[1]), normalised_name(record.parent.name.partition("-")[0])
        for path in _recorded(record):
            file = f"{site}/{path}"
            if os.path.lexists(file):
                present.append(file)
            else:
                found.append(Edited(package, path, "gone"))
    edits = find_edits(folders, present)
    return sorted([*found, *(Edited(edit.package, edit.path, "edited") for edit in edits)])


def _recorded(record: Path) -> Iterator[str]:
    """The files that a RECORD lists with a digest, below its ``site-packages``."""
    rows = csv.reader(record.read_text("utf-8", "replace").splitlines())
    return (row[0] for row in rows if len(row) > 1 and row[1] and not row[0].startswith(("..", "/")))
