"""One seed for every random generator, also for libraries that are imported later."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from runward.errors import InvalidError

_LIMIT = 2**32
SEED_SITE = Path(__file__).parent / "seedsite"
"""A folder that, first on ``PYTHONPATH``, seeds any Python by the environment variable ``RUNWARD_SEED``."""


def _seed_numpy(numpy: Any, seed: int) -> None:
    numpy.random.seed(seed)


def _seed_torch(torch: Any, seed: int) -> None:
    # Covers the CPU and every CUDA device, those not initialised yet included.
    torch.manual_seed(seed)


_SEEDERS: dict[str, Callable[[Any, int], None]] = {"numpy": _seed_numpy, "torch": _seed_torch}


class _SeedOnImport:
    """A finder that lets the others find a library and seeds it once it is loaded."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        if name not in _SEEDERS:
            return None
        for finder in sys.meta_path:
            spec = None if isinstance(finder, _SeedOnImport) else finder.find_spec(name, path, target)
            if spec is not None:
                self._seed_after(spec.loader, name)
                return spec
        return None

    def _seed_after(self, loader: Any, name: str) -> None:
        load = loader.exec_module

        def load_and_seed(module: ModuleType) -> None:
            load(module)
            _SEEDERS[name](module, self.seed)

        loader.exec_module = load_and_seed


def seed_everything(seed: int) -> dict[str, str]:
    """Seed Python's ``random``, numpy and torch (all CUDA devices too), now or when they are imported later.

    Hash randomisation is fixed when an interpreter starts; set ``PYTHONHASHSEED`` for it (tasks get it).

    Args:
        seed: A whole number from 0 to 4294967295.

    Returns:
        What was seeded: library name to ``"now"`` or ``"on import"``.

    Raises:
        InvalidError: Not a whole number in that range.
    """
    check_seed(seed)
    random.seed(seed)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _SeedOnImport)]
    sys.meta_path.insert(0, _SeedOnImport(seed))
    seeded = {"python": "now"}
    for name, seeder in _SEEDERS.items():
        module = sys.modules.get(name)
        if module is not None:
            seeder(module, seed)
        seeded[name] = "on import" if module is None else "now"
    return seeded


def check_seed(seed: int) -> int:
    """The seed itself, if every library accepts it.

    Raises:
        InvalidError: Not a whole number from 0 to 4294967295.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _LIMIT:
        raise InvalidError(f"seed must be a whole number from 0 to {_LIMIT - 1}, got {seed!r}")
    return seed
