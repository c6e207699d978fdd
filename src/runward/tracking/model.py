"""What tracking stores: projects, experiments, runs, params, metric series, artifacts, captures."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from runward.core.ids import Digest, ExperimentId, ProjectId, RunId
from runward.core.usage import Usage

Scalar = str | int | float | bool | None
Plain = Any
"""A JSON value."""


RESUMED_TAG = "runward.resumed"
"""The tag that says when a run was taken up again."""

State = Literal["active", "archived", "deleted"]
"""Which part of a list is shown: what is in use, what was laid aside, what was deleted and can be restored."""


class RunStatus(StrEnum):
    """Where a run stands. Only ``running`` accepts an end."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"

    @property
    def is_terminal(self) -> bool:
        """Whether the run is over."""
        return self is not RunStatus.RUNNING


class Project(msgspec.Struct, frozen=True):
    """A place in the tree; ``path`` is its full name, such as ``vision/digits``."""

    id: ProjectId
    path: str
    name: str
    team: str
    parent_id: ProjectId | None
    description: str
    created_by: str
    created_at: datetime
    runs: int = 0
    archived: bool = False
    deleted_at: datetime | None = None
    favourite: bool = False
    """Whether the caller marked it."""


class NewProject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A project to create, with the parents that are missing."""

    path: str
    team: str = ""
    """Empty for the caller's team."""
    description: str = ""
    exist_ok: bool = False

    @property
    def place(self) -> str:
        """Where it is to be: path and team, with a tab between them, which neither can contain."""
        return f"{self.path}\t{self.team}"


class Experiment(msgspec.Struct, frozen=True):
    """A group of runs that answer one question."""

    id: ExperimentId
    project_id: ProjectId
    project: str
    name: str
    description: str
    status: RunStatus
    metadata: dict[str, Plain]
    metadata_version: int
    plan: Plain
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    runs: int = 0


class NewExperiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An experiment to create. With an ``id`` from :func:`runward.core.ids.new_id` the call may be repeated safely."""

    project: str
    name: str
    description: str = ""
    metadata: dict[str, Plain] = {}
    plan: Plain = None
    id: str = ""


class RunParam(msgspec.Struct, frozen=True):
    """One parameter and where its value came from."""

    key: str
    value: Plain
    origin: str = "run"
    """``run``, ``user``, ``project PATH vN`` or ``team PATH vN`` (whose standards, which version), ``default``, or
    ``library NAME VERSION``."""


class MetricSummary(msgspec.Struct, frozen=True, gc=False):
    """A series in one line. NaN is a legal value; ``min``, ``max`` pass over it and are None when all are NaN."""

    key: str
    n: int
    last: float | None
    last_step: int
    min: float | None
    max: float | None
    last_special: str = ""
    """``NaN``, ``Infinity`` or ``-Infinity`` where ``last`` is not finite (JSON has no words for them)."""


class Mark(msgspec.Struct, frozen=True):
    """What an upper room found out about a run: its review, its verification, its gates."""

    kind: str
    """``review``, ``verification``, ``gates`` or ``team_result``."""
    label: str
    ref: str
    """Id of the evidence."""
    at: datetime


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One execution and its outcome, as lists show it."""

    id: RunId
    name: str
    project_id: ProjectId
    project: str
    experiment_id: ExperimentId | None
    experiment: str | None
    status: RunStatus
    purpose: str
    created_by: str
    created_at: datetime
    started_at: datetime
    ended_at: datetime | None
    duration_s: float | None
    exit_code: int | None
    error: str
    seed: int | None
    commit: str
    branch: str
    dirty: bool | None
    rerun_of: RunId | None
    fingerprint: str
    revision: int
    """Grows with every change of the run."""
    archived: bool = False
    deleted_at: datetime | None = None
    params: dict[str, Plain] = {}
    metrics: dict[str, MetricSummary] = {}
    tags: dict[str, str] = {}
    marks: list[Mark] = []
    peak_memory_bytes: int | None = None
    """What the run used of its machine, as :class:`runward.core.usage.Usage` says; None for what was not seen."""
    cpu_s: float | None = None
    peak_gpu_memory_bytes: int | None = None
    gpu_percent: float | None = None


class RunPage(msgspec.Struct, frozen=True):
    """A page of runs with the exact number of matches."""

    runs: list[Run]
    total: int
    next_cursor: str | None


class NewRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run to create. With an ``id`` from :func:`runward.core.ids.new_id` the call may be repeated safely."""

    project: str
    id: str = ""
    name: str = ""
    experiment_id: str | None = None
    purpose: str = ""
    params: list[RunParam] = []
    tags: dict[str, str] = {}
    seed: int | None = None
    rerun_of: str | None = None
    started_at: datetime | None = None


class RunPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Changes to a run; what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    purpose: str | msgspec.UnsetType = msgspec.UNSET
    tags: dict[str, str | None] | msgspec.UnsetType = msgspec.UNSET
    """Tags to set; None removes one."""


class RunEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a run ended."""

    status: RunStatus
    exit_code: int | None = None
    error: str = ""
    ended_at: datetime | None = None
    usage: Usage = Usage()


class Artifact(msgspec.Struct, frozen=True):
    """A file of a run: name, content digest, size in bytes."""

    path: str
    digest: Digest
    size: int
    media_type: str
    created_at: datetime


class NewArtifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file to attach whose bytes were uploaded to the project before."""

    path: str
    digest: str
    media_type: str = ""


class CapturePart(msgspec.Struct, frozen=True):
    """One part of what was captured: a JSON document in the blob store and the few lines that lists show."""

    kind: Literal["code", "environment", "machine", "process", "pylock", "reads", "spec"]
    digest: Digest
    summary: dict[str, Plain] = {}


class RunDetail(msgspec.Struct, frozen=True):
    """Everything about a run but its series."""

    run: Run
    params: list[RunParam]
    metrics: list[MetricSummary]
    artifacts: list[Artifact]
    captures: list[CapturePart]


class Points(msgspec.Struct, frozen=True):
    """Points of one series as columns of raw little-endian bytes: int64 steps, float64 times and values.

    Times are seconds since 1970. Raw columns decode 30 times faster than JSON and keep NaN payloads and -0.0.
    """

    key: str
    steps: bytes
    times: bytes
    values: bytes


class OutputChunk(msgspec.Struct, frozen=True):
    """A piece of what a run printed."""

    stream: Literal["stdout", "stderr"]
    text: str
    at: float


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Frames ``first`` to ``first + count - 1`` of one client's journal.

    The server keeps the number of the next frame it expects from (run, client). What it has already is passed over,
    a gap is refused, so a journal is stored exactly once however often it is sent.
    """

    client: str
    first: int
    count: int
    points: list[Points] = []
    params: dict[str, Plain] = {}
    tags: dict[str, str] = {}
    output: list[OutputChunk] = []
    origins: dict[str, str] = {}
    """Where params came from, by key; ``run`` for those that are not here."""
    end: RunEnd | None = None
    """How the run ended, if what is in the batch is the last of it: stored with it, or not at all."""


class Ack(msgspec.Struct, frozen=True):
    """All frames before ``next`` are stored durably."""

    next: int


class Series(msgspec.Struct, frozen=True):
    """One series for a chart or an analysis, in order of step, then of arrival."""

    key: str
    n: int
    """Points stored in all."""
    steps: list[int]
    times: list[float]
    values: list[float | None]
    special: dict[int, str]
    """Positions whose value is ``NaN``, ``Infinity`` or ``-Infinity``; JSON shows None there."""
    reduced: bool
    """True when only the minimum and maximum of each pixel column are given."""


class RunSeries(msgspec.Struct, frozen=True):
    """The asked series of one run."""

    run_id: RunId
    series: list[Series]


class OutputPage(msgspec.Struct, frozen=True):
    """What a run printed from ``after`` on."""

    chunks: list[OutputChunk]
    next: int
    more: bool


class HistoryEntry(msgspec.Struct, frozen=True):
    """Something that happened to an object."""

    id: int
    at: datetime
    kind: str
    actor: str
    data: dict[str, Plain]


class ComparedRow(msgspec.Struct, frozen=True):
    """One key over several runs."""

    key: str
    values: list[Plain]
    differs: bool


class FileChange(msgspec.Struct, frozen=True):
    """How one file differs between two captures."""

    path: str
    change: Literal["added", "removed", "modified"]
    diff: str
    """Unified diff; empty for binary or very large files."""


class CodeFile(msgspec.Struct, frozen=True):
    """A file of the code that a run ran with, as text."""

    path: str
    text: str
    """Of a notebook the cells, without what they printed; empty for what is binary or very large."""
    size: int
    """Bytes of the file."""


class Comparison(msgspec.Struct, frozen=True):
    """Several runs side by side; ``code`` compares the first two."""

    runs: list[Run]
    params: list[ComparedRow]
    metrics: list[ComparedRow]
    environment: list[ComparedRow]
    code: list[FileChange]


class KnownKeys(msgspec.Struct, frozen=True):
    """Keys that a search can name."""

    params: list[str]
    metrics: list[str]
    tags: list[str]
