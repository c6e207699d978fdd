"""What is known of a workspace's health."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runward.core.beats import Beat

State = Literal["well", "ailing", "failing"]
"""``well``; ``ailing``: it works, and somebody should look; ``failing``: something does not work."""


class DatabaseHealth(msgspec.Struct, frozen=True):
    """The database. That it answers is seen by this being told at all."""

    kind: Literal["sqlite", "postgresql"]
    size_bytes: int | None
    """What it takes up on its disk; None where it does not say."""
    connections: int
    """Open ones of the process that answers."""
    format: int
    """Of its tables: the number of migrations that were run."""
    newest_format: int
    """The one that this Runward works with."""
    clock_ahead_s: float
    """By how much its clock is ahead of the server's, in seconds; 0 where they are one."""


class BlobsHealth(msgspec.Struct, frozen=True):
    """The store of files."""

    kind: Literal["folder", "bucket"]
    is_encrypted: bool
    is_reachable: bool
    error: str = ""
    """What it said where it is not."""


class DiskHealth(msgspec.Struct, frozen=True):
    """The disk of the folder that the answering server keeps its own files in."""

    free_bytes: int
    total_bytes: int


class TrailPlace(msgspec.Struct, frozen=True):
    """A file that checkpoints of the audit trail are written to."""

    path: str
    is_own: bool
    """Whether it lies in the workspace's folder: it is outside of the database, and goes down with the machine."""
    written_at: datetime | None
    """When it was last written to; None if it cannot be found."""


class TrailHealth(msgspec.Struct, frozen=True):
    """The audit trail."""

    checkpoint_at: datetime | None
    """When the last checkpoint of this server was made."""
    age_s: float | None
    """How long ago, in seconds."""
    uncovered: int
    """Events since."""
    places: list[TrailPlace]


class DeliveriesHealth(msgspec.Struct, frozen=True):
    """What leaves the house."""

    waiting: int
    late_s: float
    """For how many seconds the oldest one that waits could have been sent; 0 where none is due."""
    given_up: int
    """Of those of the last 24 hours."""


class JobsHealth(msgspec.Struct, frozen=True):
    """Verification jobs that are not over."""

    queued: int
    running: int
    waits_s: float
    """For how many seconds the oldest queued one has waited."""


class BackupHealth(msgspec.Struct, frozen=True):
    """The last `runward backup` that came to its end and could note it."""

    at: datetime
    files: int
    bytes: int
    """Of the files."""


class HealthCheck(msgspec.Struct, frozen=True):
    """A sentence about one thing."""

    name: str
    state: State
    message: str
    hint: str = ""
    """What to do."""


class Seen(msgspec.Struct, frozen=True):
    """What is read at one moment, quickly, however much is stored."""

    audit: TrailHealth
    deliveries: DeliveriesHealth
    jobs: JobsHealth


class Health(msgspec.Struct, frozen=True):
    """The health of a workspace, as the process that answers sees it."""

    state: State
    """The worst one of the checks."""
    at: datetime
    """By the clock of the process that answers."""
    version: str
    checks: list[HealthCheck]
    database: DatabaseHealth
    blobs: BlobsHealth
    disk: DiskHealth | None
    audit: TrailHealth
    deliveries: DeliveriesHealth
    jobs: JobsHealth
    backup: BackupHealth | None
    work: list[Beat]
    """What the process does beside its requests; empty where it does nothing, as in a folder without a server."""
