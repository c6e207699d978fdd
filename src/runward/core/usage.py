"""What a process and those below it used: memory, CPU time and, where a driver of NVIDIA's is there, the GPU.

Nothing here is asked of the process that is watched: a thread looks at ``/proc`` and at the driver's own library, rarely,
and what cannot be seen stays None.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator

import msgspec

from runward.core.nvml import Gpus

_FIRST_S = 0.1
_LONGEST_S = 2.0
_GPU_S = 1.0
"""Shorter runs than this do not open the driver."""
_SEEN_S = 3.0
"""A process that lived for so long was looked at often enough."""
_IN_KIB = sys.platform != "darwin"


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run used of its machine; None for what was not seen."""

    peak_memory_bytes: int | None = None
    """The greatest resident memory of all its processes together (Linux), or of the greatest one of them."""
    cpu_s: float | None = None
    """Processor time in user and system mode, over all cores and all processes that it waited for, in seconds."""
    peak_gpu_memory_bytes: int | None = None
    """The greatest GPU memory, by the driver or by what PyTorch had reserved."""
    gpu_percent: float | None = None
    """How much of the time a kernel ran on its GPUs on average, 0 to 100, as the driver samples it."""


class Meter:
    """Watches one process and those below it until it is stopped. Linux; elsewhere only the end is known."""

    def __init__(self, pid: int) -> None:
        """Begin. ``pid`` is this process's own or a child's."""
        self._pid, self._own = pid, pid == os.getpid()
        self._before = _own_cpu_s() if self._own else 0.0
        self._own_peak = _own_peak()
        self._begun = time.monotonic()
        self._over = threading.Event()
        self._together = self._single = 0
        self._gpus: Gpus | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True, name="runward-usage")
        self._thread.start()

    def _watch(self) -> None:
        pause, waited = _FIRST_S, 0.0
        while not self._over.wait(pause):
            waited += pause
            pause = min(pause * 1.5, _LONGEST_S)
            # Whatever the machine's files say, the run that is watched goes on.
            with contextlib.suppress(OSError, ValueError):
                self._look(gpus=waited >= _GPU_S)

    def _look(self, *, gpus: bool) -> None:
        pids = list(tree_of(self._pid))
        sizes = [found for pid in pids if (found := _sizes(pid))]
        self._together = max(self._together, sum(now for now, _ in sizes))
        self._single = max(self._single, *(peak for _, peak in sizes), 0)
        if gpus:
            self._gpus = self._gpus or Gpus()
            self._gpus.look(pids)

    def stop(self, used: resource.struct_rusage | None = None, torch_bytes: int = 0) -> Usage:
        """End the watching and say what was used.

        Args:
            used: What the system says of a child that ended; of this process itself it is asked here.
            torch_bytes: GPU memory that PyTorch reserved in these processes, at the most.
        """
        self._over.set()
        if self._own:
            with contextlib.suppress(OSError, ValueError):
                self._look(gpus=False)
        gpus = self._gpus
        memory = max(self._together, self._single, self._by_system(used))
        seen = max(gpus.peak_bytes if gpus else 0, torch_bytes)
        return Usage(
            peak_memory_bytes=memory or None,
            cpu_s=round(_own_cpu_s() - self._before, 3) if self._own else _cpu_s(used),
            peak_gpu_memory_bytes=seen or None,
            gpu_percent=gpus.percent(used=torch_bytes > 0) if gpus else None,
        )

    def _by_system(self, used: resource.struct_rusage | None) -> int:
        if self._own:
            return max(self._own_peak if self._single else _own_peak(), _bytes(resource.RUSAGE_CHILDREN))
        if used is None:
            return 0
        peak = used.ru_maxrss * (1024 if _IN_KIB else 1)
        # A child begins as its parent's image, and Linux counts that one's memory as the child's, too. Of a short child
        # the looks may have missed the peak: rather too much is said of it than too little.
        seen = self._single and time.monotonic() - self._begun >= _SEEN_S
        return 0 if seen and peak <= self._own_peak else peak


def wait(process: subprocess.Popen[bytes]) -> tuple[int, resource.struct_rusage | None]:
    """Wait for a child as ``Popen.wait`` does: its exit code, and what it and those that it waited for used."""
    try:
        _, status, used = os.wait4(process.pid, 0)
    except ChildProcessError:
        return process.wait(), None  # Somebody else, such as poll(), was told first.
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used


def tree_of(pid: int) -> Iterator[int]:
    """A process and all below it, from ``/proc``."""
    by_parent: dict[int, list[int]] | None = None
    left = [pid]
    while left:
        at = left.pop()
        yield at
        children = _children(at)
        if children is None:
            by_parent = _by_parent() if by_parent is None else by_parent
            children = by_parent.get(at, [])
        left += children


def _children(pid: int) -> list[int] | None:
    """The children of a process; None where the kernel keeps no list of them."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    except FileNotFoundError:
        return None
    except OSError:
        return found
    return found


def _by_parent() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                # The name of the program stands in brackets and may hold anything.
                parent = int(file.read().rpartition(b")")[2].split()[1])
                found.setdefault(parent, []).append(int(name))
    return found


def _sizes(pid: int) -> tuple[int, int] | None:
    """Resident memory of a process in bytes, now and at the most; None where it is gone."""
    found = {}
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
        found = dict(_kib(file))
    return (found["VmRSS"], found.get("VmHWM", found["VmRSS"])) if "VmRSS" in found else None


def _kib(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for line in lines:
        name, _, rest = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            yield name, int(rest.split()[0]) * 1024


def _own_peak() -> int:
    # What the system says of this process may be its parent's, from before it was this program.
    sizes = _sizes(os.getpid())
    return sizes[1] if sizes else _bytes(resource.RUSAGE_SELF)


def _bytes(who: int) -> int:
    return resource.getrusage(who).ru_maxrss * (1024 if _IN_KIB else 1)


def _cpu_s(used: resource.struct_rusage | None) -> float | None:
    return None if used is None else round(used.ru_utime + used.ru_stime, 3)


def _own_cpu_s() -> float:
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both)
