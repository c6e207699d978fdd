"""What rebuilding an environment costs: from uv's cache, with one package exchanged, and when it is there already."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runward.errors import EnvironmentNotRebuiltError
from runward.repro.environment import rebuild_environment
from runward.repro.pylock import write_pylock
from runward.repro.uv import find_uv
from runward.tracking.capture.environment import scan_packages
from runward.tracking.capture.model import EnvironmentSnapshot, Package

Row = tuple[str, str, str, str]
NAMES = (
    "numpy scipy scikit-learn pandas matplotlib joblib threadpoolctl python-dateutil six pillow packaging pyparsing"
    " cycler kiwisolver fonttools contourpy narwhals"
)


def measure(folder: str) -> list[Row]:
    """Wall and CPU of each way; nothing where the packages are not installed here."""
    packages = [package for package in scan_packages(sys.path) if package.name in NAMES.split()]
    if len(packages) < 10:
        return []
    cache = Path(folder, "cache")
    snapshot = _snapshot(packages)
    try:
        plain = _cost(lambda: rebuild_environment(snapshot, Path(folder, "plain"), compile_bytecode=False))
        again = _cost(
            lambda: rebuild_environment(snapshot, Path(folder, "second"), compile_bytecode=False, offline=True)
        )
        full = _cost(lambda: rebuild_environment(snapshot, cache))
    except EnvironmentNotRebuiltError:
        return []
    other = [*(package for package in packages if package.name != "six"), Package(name="six", version="1.16.0")]
    changed = _cost(lambda: rebuild_environment(_snapshot(other), cache))
    found = _cost(lambda: rebuild_environment(snapshot, cache))
    lock = _cost(lambda: write_pylock(snapshot, uv=find_uv(), offline=True))
    what = f"environment of {len(packages)} packages"
    return [
        (f"{what} rebuilt, without bytecode", again, "≤ 1 s CPU", f"uv's cache warm; first time {plain}"),
        ("the same with its bytecode compiled", full, "", "once for each package"),
        ("the same with one package exchanged", changed, "≤ 1 s CPU", "bytecode of the others is linked"),
        ("the same again, found by its digest", found, "≤ 0.1 s CPU", ""),
        ("its `pylock.toml` with hashes", lock, "", "uv's cache warm, no network"),
    ]


def _snapshot(packages: list[Package]) -> EnvironmentSnapshot:
    return EnvironmentSnapshot(
        python=platform.python_version(), implementation=platform.python_implementation(), executable=sys.executable,
        prefix=sys.prefix, platform=platform.platform(), packages=packages,
    )  # fmt: skip


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _cost(call: Callable[[], object]) -> str:
    began, cpu = time.perf_counter(), _cpu_s()
    call()
    return f"{_cpu_s() - cpu:.2f} s CPU, {time.perf_counter() - began:.2f} s"
