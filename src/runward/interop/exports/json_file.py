"""Runs with all their points as one JSON document."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec

from runward.interop.exports.model import Whole


class JsonFile:
    """Writes ``{"format": "runward-runs-1", "runs": [{"run": …, "series": […]}]}``, one run after the other.

    NaN and the infinities are null with their names in ``special``, as in the HTTP API. Artifacts are named by digest.
    """

    format = "json"

    def __init__(self, path: Path) -> None:
        self.target, self.lost = str(path), Counter[str]()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._file.write(b'{"format":"runward-runs-1","runs":[')
        self._comma = b""

    def write(self, whole: Whole) -> bool:
        """See :class:`Writer`."""
        keys = [metric.key for metric in whole.detail.metrics]
        series = whole.space.tracking.series(whole.run.id, keys).series if keys else []
        self._file.write(self._comma + msgspec.json.encode({"run": whole.detail, "series": series}))
        self._comma = b",\n"
        if whole.detail.artifacts:
            self.lost["bytes of artifacts (their digests are there)"] += len(whole.detail.artifacts)
        return True

    def close(self) -> None:
        """See :class:`Writer`."""
        self._file.write(b"]}\n")
        self._file.close()
