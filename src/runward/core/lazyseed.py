"""Seeding that costs nothing until there is something to seed: no generator is imported for it.

Loaded by path into processes that may have no Runward installed, before their first line, so it stands alone.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_MOST_PROCESSES = 10_000
_LIMIT = 2**32


def seed_when_needed(seed: int | None) -> None:
    """Seed ``random``, numpy and torch, each as soon as it is imported; what is imported already, now.

    Without a seed only PyTorch is told to be deterministic, where ``RUNWARD_DETERMINISTIC`` is 1.
    """
    sys.meta_path[:] = [finder for finder in sys.meta_path if not hasattr(finder, "seeds_what_is_imported")]
    sys.meta_path.insert(0, _SeedOnImport(seed))
    for name, seeder in SEEDERS.items():
        if name in sys.modules:
            seeder(sys.modules[name], seed)


def seed_of_process(seed: int, folder: str) -> int:
    """The seed for one of several processes that share a seed: the first takes it, later ones one of their own.

    Args:
        seed: The run's seed.
        folder: Where the processes count themselves; "" if there is only one.
    """
    for order in range(_MOST_PROCESSES if folder else 0):
        try:
            os.close(os.open(os.path.join(folder, f"{order}.order"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        except OSError:
            return seed
        # Any step that is odd and large keeps the seeds of processes, and of neighbouring runs, apart.
        return (seed + order * 0x9E3779B1) % _LIMIT
    return seed


def _seed_random(random: Any, seed: int | None) -> None:
    if seed is not None:
        random.seed(seed)


def _seed_numpy(numpy: Any, seed: int | None) -> None:
    if seed is None:
        return
    numpy.random.seed(seed)
    # New-style generators that are made without a seed ask the system for entropy; they get a stream of ours.
    source: Any = sys.modules.get("numpy.random.bit_generator")
    if hasattr(source, "randbits"):
        import random

        source.randbits = random.Random(seed).getrandbits


def _seed_torch(torch: Any, seed: int | None) -> None:
    if seed is not None:
        # Covers the CPU and every CUDA device, those not initialised yet included.
        torch.manual_seed(seed)
    if os.environ.get("RUNWARD_DETERMINISTIC") == "1":
        torch.use_deterministic_algorithms(True, warn_only=True)


SEEDERS = {"random": _seed_random, "numpy": _seed_numpy, "torch": _seed_torch}
"""What seeds a library, by its name."""


class _SeedOnImport:
    """A finder that lets the others find a library and seeds it once it is loaded."""

    seeds_what_is_imported = True

    def __init__(self, seed: int | None) -> None:
        self.seed = seed

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        if name not in SEEDERS:
            return None
        for finder in sys.meta_path:
            spec = None if hasattr(finder, "seeds_what_is_imported") else finder.find_spec(name, path, target)
            if spec is not None:
                self._seed_after(spec.loader, name)
                return spec
        return None

    def _seed_after(self, loader: Any, name: str) -> None:
        load = loader.exec_module

        def load_and_seed(module: ModuleType) -> None:
            load(module)
            SEEDERS[name](module, self.seed)

        loader.exec_module = load_and_seed
