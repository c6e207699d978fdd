"""Capture of the hardware: what changes the last bits of a result, and what a person asks about."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from runward.tracking.capture.model import Gpu, MachineSnapshot

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_LEVELS = (("avx512", "avx512f"), ("avx2", "avx2"), ("avx", "avx"), ("sse", "sse4_2"), ("neon", "asimd"))
_GPU_TIMEOUT_S = 10.0


def capture_machine(variables: Mapping[str, str] | None = None) -> MachineSnapshot:
    """Describe this computer. May start ``nvidia-smi``, so call it in the background.

    Args:
        variables: Environment variables that set numbers of threads; by default those of now.
    """
    cpuinfo = _read("/proc/cpuinfo")
    return MachineSnapshot(
        hostname=platform.node(),
        os=platform.system(),
        kernel=platform.release(),
        architecture=platform.machine(),
        cpu=_field(cpuinfo, "model name") or platform.processor(),
        cpu_level=cpu_level(f"{_field(cpuinfo, 'flags')} {_field(cpuinfo, 'Features')}"),
        cpus=os.cpu_count() or 0,
        usable_cpus=_usable_cpus(),
        memory_bytes=1024 * int(re.sub(r"\D", "", _field(_read("/proc/meminfo"), "MemTotal")) or 0),
        gpus=_gpus(),
        threads=capture_threads(variables),
    )


def capture_threads(variables: Mapping[str, str] | None = None) -> dict[str, int]:
    """Threads that numeric libraries were told to use, and those a loaded library says it uses."""
    given = os.environ if variables is None else variables
    threads = {name: int(given[name]) for name in _THREAD_VARIABLES if given.get(name, "").isdecimal()}
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        threads["torch"] = int(torch.get_num_threads())
    return threads


def cpu_level(flags: str) -> str:
    """The widest vector instructions among a processor's flags, by family name."""
    present = set(flags.split())
    return next((level for level, flag in _LEVELS if flag in present), "")


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 0


def _gpus() -> list[Gpu]:
    if not Path("/proc/driver/nvidia").exists() or not (program := shutil.which("nvidia-smi")):
        return []
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=_GPU_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return parse_gpus(done.stdout)


def parse_gpus(table: str) -> list[Gpu]:
    """Read ``nvidia-smi``'s lines of name, memory in MiB and driver."""
    rows = [[cell.strip() for cell in line.split(",")] for line in table.splitlines()]
    return [
        Gpu(name=name, memory_bytes=int(memory) << 20 if memory.isdecimal() else 0, driver=driver)
        for name, memory, driver in (row for row in rows if len(row) == 3)
    ]


def _field(text: str, name: str) -> str:
    match = re.search(rf"^{re.escape(name)}\s*:\s*(.*)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""
