"""Reports: text, tables, curves and media over runs, live or pinned to a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runward.core.ids import ProjectId, RunId
from runward.tracking.analysis_model import RunGroups
from runward.tracking.model import Plain, Series

BlockKind = Literal["text", "runs", "curves", "groups", "media", "params"]
Axis = Literal["step", "relative", "wall"]


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One piece of a report. Which runs it shows: those of ``run_ids``, else those that ``where`` finds."""

    kind: BlockKind
    title: str = ""
    text: str = ""
    """Markdown; of every kind, shown before the rest."""
    where: str = ""
    """A condition in the search language, over the report's project and those below it."""
    sort: str = ""
    run_ids: list[str] = []
    limit: int = 20
    """At most so many runs, up to 200 (curves 100, media 12)."""
    keys: list[str] = []
    """Columns of ``runs`` (``metrics.loss.min``, ``params.lr``, ``duration_s``), metrics of ``curves`` and ``groups``,
    keys of ``media`` and ``params``; none for all media, and for the params that differ."""
    by: list[str] = []
    """What the runs of a group share, as in ``group_runs``."""
    step: int | None = None
    """Of ``media``; None for the last one."""
    axis: Axis = "step"
    log: bool = False
    smooth: float = 0.0
    """Weight of the curves' smoothing, 0 to below 1."""


class NewReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report to write, or to look at before it is written."""

    project: str
    title: str
    blocks: list[Block] = []


class ReportChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report's new content."""

    title: str
    blocks: list[Block]


class Pin(msgspec.Struct, frozen=True):
    """The moment that a report was pinned to."""

    at: datetime
    by: str
    digest: str
    """Of everything that the pinned report shows."""
    outdated: bool
    """Whether the report was edited since."""


class Report(msgspec.Struct, frozen=True):
    """A report as lists show it."""

    id: str
    project_id: ProjectId
    project: str
    title: str
    version: int
    author: str
    created_at: datetime
    updated_at: datetime
    updated_by: str
    pin: Pin | None
    """None for a live report."""


class ReportRun(msgspec.Struct, frozen=True):
    """A run as a report names it."""

    id: RunId
    name: str
    project: str
    status: str
    created_by: str
    started_at: datetime


class ReportTable(msgspec.Struct, frozen=True):
    """Values of the runs of a part, one row a run; of ``params`` one row a key."""

    columns: list[str]
    rows: list[list[Plain]]


class ReportCurve(msgspec.Struct, frozen=True):
    """One series of one run."""

    run_id: RunId
    series: Series


class ReportMedium(msgspec.Struct, frozen=True):
    """One medium of one run, by the digest of its bytes."""

    run_id: RunId
    key: str
    step: int
    path: str
    media_type: str
    size: int
    digest: str


class ReportPart(msgspec.Struct, frozen=True):
    """A block with what it shows."""

    block: Block
    runs: list[ReportRun] = []
    total: int = 0
    """Runs that the block's search finds in all."""
    table: ReportTable | None = None
    curves: list[ReportCurve] = []
    groups: RunGroups | None = None
    media: list[ReportMedium] = []
    problem: str = ""
    """Why the block, or a part of it, cannot be shown."""


class ReportContent(msgspec.Struct, frozen=True):
    """What a report shows, with the values of one moment."""

    title: str
    project: str
    parts: list[ReportPart]
    at: datetime
    digest: str
    """Of title and parts with all their values."""


class ReportDetail(msgspec.Struct, frozen=True):
    """A report with its blocks and what they show."""

    report: Report
    blocks: list[Block]
    """As they are written; a pinned report shows those of the moment that it was pinned to."""
    content: ReportContent


class ReportLink(msgspec.Struct, frozen=True):
    """A link that shows one report to whoever has it."""

    id: str
    report_id: str
    author: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class ReportLinkSecret(msgspec.Struct, frozen=True):
    """A new link; its path is told only once."""

    link: ReportLink
    path: str
    """``/shared/…`` on this server."""
