"""What keeps a workspace in order: views, baselines, bulk edits, comments, collected garbage."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runward.core.ids import ProjectId, RunId
from runward.tracking.model import Run


class Edited(msgspec.Struct, frozen=True):
    """What a change over many runs did: exactly these runs, and no other."""

    changed: int
    run_ids: list[RunId]


class BulkEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One change to many runs of a project and those below it: all of them or none."""

    run_ids: list[str] = []
    where: str = ""
    """A search instead of ids."""
    set_tags: dict[str, str] = {}
    remove_tags: list[str] = []
    move_to: str = ""
    archive: bool | None = None
    delete: bool = False
    expect: int | None = None
    """How many runs should match; another number changes nothing."""


class Baseline(msgspec.Struct, frozen=True):
    """What a project's runs are measured against: named runs, or those that a search finds now."""

    project: str
    """The project that names it: this one or one above."""
    run_ids: list[RunId]
    where: str
    author: str
    at: datetime


class NewBaseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A baseline to set; without runs and search there is none any more."""

    run_ids: list[str] = []
    where: str = ""


class Delta(msgspec.Struct, frozen=True):
    """One metric against the baseline; differences are this minus baseline, in the metric's unit."""

    key: str
    value: float
    """Mean of the run's group."""
    baseline: float
    difference: float
    n: int
    baseline_n: int
    low: float | None
    high: float | None
    """95 % interval of the difference; None where no spread is known."""
    verdict: Literal["higher", "lower", "not distinguishable", "one run says nothing about spread"]


class Deltas(msgspec.Struct, frozen=True):
    """A run against its project's baseline."""

    baseline: Baseline | None
    group: list[RunId]
    """The run and those that differ from it only in the seed."""
    baseline_runs: list[RunId]
    metrics: list[Delta]


class View(msgspec.Struct, frozen=True):
    """A saved way to look at a project's runs."""

    id: str
    project_id: ProjectId
    project: str
    name: str
    where: str
    sort: str
    columns: list[str]
    group: str
    author: str
    at: datetime


class NewView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A view to save; one of the same name in the project is replaced by its author or a maintainer."""

    project: str
    name: str
    where: str = ""
    sort: str = ""
    columns: list[str] = []
    group: str = ""


class Layout(msgspec.Struct, frozen=True):
    """What stands on top of a project's list: pinned runs, the baseline, saved views."""

    pins: list[Run]
    baseline: Baseline | None
    views: list[View]


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a comment is about."""

    kind: Literal["run", "metric", "chart", "artifact"] = "run"
    key: str = ""
    """The metric, the chart or the artifact's path."""
    step: int | None = None
    """A point of the metric."""


class NewComment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A comment to write; with ``thread_id`` an answer in that thread, about the same thing."""

    body: str
    anchor: Anchor = Anchor()
    thread_id: str = ""


class Comment(msgspec.Struct, frozen=True):
    """A comment in Markdown."""

    id: str
    run_id: RunId
    thread_id: str
    """Id of the thread's first comment."""
    anchor: Anchor
    author: str
    at: datetime
    version: int
    body: str
    removed: bool
    edited_at: datetime | None = None
    """When the present version was written; None for the first."""
    removed_by: str = ""
    resolved_at: datetime | None = None
    """When its thread was settled; only a thread's first comment says so."""
    resolved_by: str = ""


class CommentVersion(msgspec.Struct, frozen=True):
    """A comment as it was."""

    version: int
    body: str
    author: str
    at: datetime


class Collect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to collect garbage."""

    grace_days: float = 30.0
    """Runs and projects deleted more recently than this stay."""
    dry_run: bool = False


class Collected(msgspec.Struct, frozen=True):
    """What one bounded step took (or would take)."""

    runs: int
    projects: int
    blobs: int
    bytes: int
    """Of the blobs."""
    more: bool
    """Whether another step has work to do."""
