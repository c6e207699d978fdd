"""NVIDIA's own account of who uses its GPUs, from the library that comes with the driver.

It is asked through ``ctypes``: five calls, which release Python's lock, need no package and start no program.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

_DRIVER = "/proc/driver/nvidia/version"
_LIBRARY = "libnvidia-ml.so.1"
_MOST = 256
_UNKNOWN = (1 << 64) - 1


class Gpus:
    """The GPUs that a run may use; none where there is no driver."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        """The greatest memory that the processes had on all of them together."""
        self._own: list[float] = []
        self._visible: list[float] = []
        self._library: Any = None
        self._devices: list[Any] = []
        if os.path.exists(_DRIVER):
            self._open()

    def _open(self) -> None:
        import ctypes

        try:
            self._library = ctypes.CDLL(_LIBRARY)
            if self._library.nvmlInit_v2() != 0:
                return
            count = ctypes.c_uint()
            self._library.nvmlDeviceGetCount_v2(ctypes.byref(count))
        except (OSError, AttributeError):
            return
        for word in _visible(count.value):
            device = ctypes.c_void_p()
            by_id = self._library.nvmlDeviceGetHandleByUUID(word.encode(), ctypes.byref(device))
            if by_id == 0 or (
                word.isdigit()
                and self._library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(int(word)), ctypes.byref(device)) == 0
            ):
                self._devices.append(device)

    def look(self, pids: Iterable[int]) -> None:
        """Note what some processes have now, and how busy the GPUs are."""
        own, together = set(pids), 0
        for device in self._devices:
            sizes = self._sizes(device)
            mine = [size for pid, size in sizes if pid in own]
            together += sum(size for size in mine if size != _UNKNOWN)
            if (busy := self._busy(device)) is not None:
                self._visible.append(busy)
                if mine:
                    self._own.append(busy)
        self.peak_bytes = max(self.peak_bytes, together)

    def percent(self, *, used: bool) -> float | None:
        """How busy they were on average: those that the processes used.

        Args:
            used: Whether it is known otherwise that the processes used a GPU. In a container the driver knows them by
                other numbers; then all GPUs that the run could see count.
        """
        seen = self._own or (self._visible if used else [])
        return round(sum(seen) / len(seen), 1) if seen else None

    def _sizes(self, device: Any) -> list[tuple[int, int]]:
        import ctypes

        class Info(ctypes.Structure):
            _fields_ = (
                ("pid", ctypes.c_uint),
                ("used", ctypes.c_ulonglong),
                ("gpu_instance", ctypes.c_uint),
                ("compute_instance", ctypes.c_uint),
            )

        count, found = ctypes.c_uint(_MOST), (Info * _MOST)()
        ask = getattr(self._library, "nvmlDeviceGetComputeRunningProcesses_v3", None)
        if ask is None or ask(device, ctypes.byref(count), found) != 0:
            return []
        return [(found[i].pid, found[i].used) for i in range(min(count.value, _MOST))]

    def _busy(self, device: Any) -> float | None:
        import ctypes

        rates = (ctypes.c_uint * 2)()
        if self._library.nvmlDeviceGetUtilizationRates(device, rates) != 0:
            return None
        return float(rates[0])


def _visible(count: int) -> list[str]:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return [str(i) for i in range(count)]
    return [word.strip() for word in chosen.split(",") if word.strip()]
