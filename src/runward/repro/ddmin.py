"""Delta debugging: the smallest set of differences that makes the difference, found by trying."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def minimal(items: Sequence[T], restores: Callable[[Sequence[T]], bool]) -> list[T]:
    """A subset that restores, from which nothing can be left out (it is 1-minimal; others may restore as well).

    The algorithm is ddmin of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE
    Transactions on Software Engineering 28(2), 2002. It asks at most about n² times, and about 2 log₂ n times where one
    item alone is the cause.

    Args:
        items: All of them together restore; the caller has seen that.
        restores: Whether a subset does. It is asked about a subset more than once, so it should remember.
    """
    chosen, pieces = list(items), 2
    while len(chosen) > 1:
        size = -(-len(chosen) // pieces)
        parts = [chosen[start : start + size] for start in range(0, len(chosen), size)]
        if part := next((part for part in parts if restores(part)), None):
            chosen, pieces = part, 2
            continue
        rests = [[item for item in chosen if item not in part] for part in parts] if len(parts) > 2 else []
        if rest := next((rest for rest in rests if restores(rest)), None):
            chosen, pieces = rest, max(len(parts) - 1, 2)
            continue
        if size == 1:
            break
        pieces = min(2 * pieces, len(chosen))
    return chosen
