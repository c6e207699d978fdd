"""Whole runs from other tools, as they travel into a workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runward.core.ids import ProjectId
from runward.tracking.model import NewArtifact, OutputChunk, Points, RunParam, RunStatus

SOURCE_TAG = "runward.source"
"""The tool that an imported run comes from."""
SOURCE_ID_TAG = "runward.source.id"
"""The run's id in that tool."""
SOURCE_PLACE_TAG = "runward.source.place"
"""The file, folder or URL that it was read from."""
SOURCE_PROJECT_TAG = "runward.source.project"
"""The experiment or project that it belongs to in that tool, by the name it has there."""
SOURCE_USER_TAG = "runward.source.user"
"""Who ran it, by the name that person has in that tool."""
VERSION_TAG = "runward.source.version"
"""What the source looked like when it was imported; empty while only a part is stored."""
IMPORT_CLIENT = "import"
"""The client in whose name imported points are stored."""


class ForeignRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run of another tool with all that belongs to it; the bytes of its artifacts were uploaded before."""

    id: str
    """The same for the same foreign run, however often it is imported."""
    version: str
    """Changes with the foreign run. Empty when more points follow by ``append``."""
    name: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None = None
    purpose: str = ""
    exit_code: int | None = None
    error: str = ""
    seed: int | None = None
    params: list[RunParam] = []
    tags: dict[str, str] = {}
    points: list[Points] = []
    artifacts: list[NewArtifact] = []
    output: list[OutputChunk] = []


class KnownImport(msgspec.Struct, frozen=True):
    """A run that is there already."""

    id: str
    project_id: ProjectId
    version: str | None
    """None for a run that was not imported."""
    deleted: bool


class Taken(msgspec.Struct, frozen=True):
    """What became of one foreign run."""

    id: str
    outcome: Literal["created", "replaced", "deleted", "refused"]
    """``deleted``: it was deleted here and stays so."""
    problem: str = ""
    """Why it was refused."""
