"""``wandb.util``: what scripts take from it."""

from __future__ import annotations

import secrets
import string


def generate_id(length: int = 8) -> str:
    """A random id for a run."""
    alphabet = string.ascii_lowercase + string.digits
    return secrets.choice(string.ascii_lowercase) + "".join(secrets.choice(alphabet) for _ in range(length - 1))
