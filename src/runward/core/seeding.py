"""One seed for every random generator, also for libraries that are imported later."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from runward.core.lazyseed import SEEDERS, seed_when_needed
from runward.errors import InvalidError

_LIMIT = 2**32
NO_SEED_VARIABLE = "RUNWARD_NO_SEED"
"""Set to ``1`` where commands and tasks without a seed shall not be given one."""
OTHER_SEED_VARIABLE = "RUNWARD_OTHER_SEED"
"""Set by a verification that makes replicates: the seed that stands in for whatever the program asks for."""
SEED_SITE = Path(__file__).parent / "seedsite"
"""A folder that, first on ``PYTHONPATH``, makes any Python seed itself and say what it read and used."""


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
    seed = int(os.environ.get(OTHER_SEED_VARIABLE) or check_seed(seed))
    random.seed(seed)
    seed_when_needed(seed)
    others = {name: "now" if name in sys.modules else "on import" for name in SEEDERS if name != "random"}
    return {"python": "now", **others}


def chosen_seed(given: int | None) -> int | None:
    """The seed that somebody gave, or a fresh one: what draws its own never tells it, and cannot be repeated.

    None where nobody gave one and ``RUNWARD_NO_SEED`` says that none is wanted.
    """
    if given is not None or os.environ.get(NO_SEED_VARIABLE, "0") not in ("", "0"):
        return given
    return int.from_bytes(os.urandom(4), "big") >> 1


def check_seed(seed: int) -> int:
    """The seed itself, if every library accepts it.

    Raises:
        InvalidError: Not a whole number from 0 to 4294967295.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _LIMIT:
        raise InvalidError(f"seed must be a whole number from 0 to {_LIMIT - 1}, got {seed!r}")
    return seed
