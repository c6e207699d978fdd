"""What a training has left in the workspace."""

from __future__ import annotations

from typing import Any

import msgspec

from runward.tracking.model import RunDetail
from runward.workspace import FolderWorkspace


def only_run(space: FolderWorkspace) -> RunDetail:
    """The one run that there is."""
    found = space.tracking.search_runs().runs
    assert len(found) == 1, [run.name for run in found]
    return space.tracking.get_run(found[0].id)


def values(space: FolderWorkspace, detail: RunDetail, key: str) -> list[float | None]:
    """A series' values by step."""
    return space.tracking.series(detail.run.id, [key]).series[0].values


def document(space: FolderWorkspace, detail: RunDetail, path: str) -> Any:
    """A JSON artifact."""
    return msgspec.json.decode(b"".join(space.files.artifact(detail.run.id, path)))


def paths(detail: RunDetail) -> set[str]:
    """The artifacts."""
    return {artifact.path for artifact in detail.artifacts}
