"""A task as a review wishes it."""

from __future__ import annotations


def train_well(sizes: list[int], options: dict[str, float]) -> dict[str, float]:
    """Train a little.

    Args:
        sizes: Width of each layer.
        options: Rate and epochs.

    Raises:
        ValueError: There is no layer.

    Example:
        >>> train_well([2], {"rate": 0.1})
    """
    if not sizes:
        raise ValueError("no layer")
    return {"accuracy": 0.9, "loss": options["rate"]}
