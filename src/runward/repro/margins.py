"""What of a run a margin may be given for."""

from __future__ import annotations

from collections.abc import Iterable

from runward.errors import InvalidError
from runward.tracking.model import RunDetail


def comparable(detail: RunDetail) -> set[str]:
    """The metrics and artifacts that a run logged, and ``stdout``."""
    logged = [*(metric.key for metric in detail.metrics), *(artifact.path for artifact in detail.artifacts)]
    return {*logged, "stdout"}


def check_margins(detail: RunDetail, names: Iterable[str]) -> None:
    """Raise InvalidError unless the run has all that margins are given for."""
    known = comparable(detail)
    if unknown := sorted(set(names) - known):
        raise InvalidError(
            f"a margin is given for {unknown[0]!r}, which the run did not log",
            hint=f"it logged: {', '.join(sorted(known))}",
        )
