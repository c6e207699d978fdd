"""What the blocks of a report show: each is answered by the room that knows, for the report's project alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import msgspec

from runward.core.hashing import digest_value
from runward.core.ids import Digest
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.insights.model import (
    Block,
    ReportContent,
    ReportCurve,
    ReportMedium,
    ReportPart,
    ReportRun,
    ReportTable,
)
from runward.tracking.analysis_api import Analysis
from runward.tracking.api import Tracking
from runward.tracking.model import Plain, Run

MAX_BLOCKS = 100
MAX_TEXT = 50_000
MAX_KEYS = 60
MOST_RUNS = {"curves": 100, "media": 12}
MAX_RUNS = 200
MAX_CURVE_KEYS = 12
CURVE_WIDTH = 400
_NO_KEYS = "metrics.-"
"""Columns that no run has: only the heads of runs are read."""
MAX_MEDIA = 60
FIELDS = ("status", "duration_s", "created_by", "started_at", "seed", "branch", "commit")
"""Columns beside metrics, params and tags."""


def content_of(call: Call, project_id: str, title: str, blocks: list[Block], *, strict: bool = False) -> ReportContent:
    """What a report shows now.

    Args:
        call: On behalf of whom.
        project_id: Runs of this project and those below it are shown, and no others.
        title: The report's.
        blocks: As they are written.
        strict: Raise where a block cannot be shown, instead of saying so in its place.

    Raises: InvalidError, NotFoundError (``strict``).
    """
    path = str(call.tx.scalar("SELECT path FROM projects WHERE id = ?", (project_id,)))
    parts = [_part(call, project_id, block, strict) for block in blocks]
    return ReportContent(title, path, parts, call.now, _digest(title, parts))


def _digest(title: str, parts: list[ReportPart]) -> Digest:
    return digest_value([title, msgspec.to_builtins(parts, str_keys=True)])


def sealed_again(data: bytes) -> tuple[bytes, Digest]:
    """What a report was pinned to, after a name in it was replaced: with the digest of what it shows now."""
    found = msgspec.json.decode(data, type=ReportContent)
    digest = _digest(found.title, found.parts)
    return msgspec.json.encode(msgspec.structs.replace(found, digest=digest)), digest


def check_blocks(blocks: list[Block]) -> None:
    """Refuse what no report can hold, whatever the runs are. Raises: InvalidError."""
    if len(blocks) > MAX_BLOCKS:
        raise InvalidError(f"the report has {len(blocks)} blocks; at most {MAX_BLOCKS}")
    for number, block in enumerate(blocks, 1):
        most = MOST_RUNS.get(block.kind, MAX_RUNS)
        if not 1 <= block.limit <= MAX_RUNS:
            raise InvalidError(f"limit of block {number} ({block.kind}) is {block.limit}", hint=f"1 to {MAX_RUNS}")
        if len(block.run_ids) > most:
            raise InvalidError(f"block {number} ({block.kind}) shows at most {most} runs, not {len(block.run_ids)}")
        if len(block.text) > MAX_TEXT or len(block.title) > 300:
            raise InvalidError(f"the text of block {number} is too long", hint=f"at most {MAX_TEXT:,} characters")
        if not 0 <= block.smooth < 1:
            raise InvalidError(f"smooth of block {number} is {block.smooth}", hint="0 to below 1")
        keys = MAX_CURVE_KEYS if block.kind == "curves" else MAX_KEYS
        if len(block.keys) > keys:
            raise InvalidError(f"block {number} ({block.kind}) has {len(block.keys)} keys; at most {keys}")
        if block.kind in ("curves", "groups") and not block.keys:
            raise InvalidError(f"block {number} ({block.kind}) names no metric", hint='keys, for example ["loss"]')
        if block.kind == "groups" and not block.by:
            raise InvalidError(f"block {number} (groups) does not say by what", hint='by, for example ["params.lr"]')


def _part(call: Call, project_id: str, block: Block, strict: bool) -> ReportPart:
    if block.kind == "text":
        return ReportPart(block)
    try:
        check_blocks([block])
        return _SHOWN[block.kind](call, project_id, block)
    except (InvalidError, NotFoundError) as error:
        if strict:
            raise
        return ReportPart(block, problem=error.message)


def _runs(call: Call, project_id: str, block: Block, columns: str) -> tuple[list[Run], int, str]:
    """The runs of a block, how many match, and what is missing."""
    where = block.where
    if block.run_ids:
        where = f"id in ({', '.join(json.dumps(run_id) for run_id in block.run_ids)})"
    limit = len(block.run_ids) or min(block.limit, MOST_RUNS.get(block.kind, MAX_RUNS))
    page = call.use(Tracking).search_runs(project_id, where, block.sort, limit, None, columns=columns)
    if not block.run_ids:
        return page.runs, page.total, ""
    gone = len(set(block.run_ids)) - page.total
    problem = f"not here any more: {gone} of {len(set(block.run_ids))} runs" if gone else ""
    place = {run_id: at for at, run_id in enumerate(block.run_ids)}
    return page.runs if block.sort else sorted(page.runs, key=lambda run: place[run.id]), page.total, problem


def _head(run: Run) -> ReportRun:
    return ReportRun(run.id, run.name, run.project, run.status.value, run.created_by, run.started_at)


def _table(call: Call, project_id: str, block: Block) -> ReportPart:
    keyed = [key for key in block.keys if key not in FIELDS]
    runs, total, problem = _runs(call, project_id, block, ",".join(_quoted(key) for key in keyed) or _NO_KEYS)
    table = ReportTable(block.keys, [[_cell(run, key) for key in block.keys] for run in runs])
    return ReportPart(block, [_head(run) for run in runs], total, table, problem=problem)


def _quoted(column: str) -> str:
    group, dot, key = column.replace("`", "").partition(".")
    return f"{group}{dot}`{key}`"


def _cell(run: Run, column: str) -> Plain:
    """A column's value; what is not finite by its name."""
    if column in FIELDS:
        value = getattr(run, column)
        return value.isoformat() if isinstance(value, datetime) else getattr(value, "value", value)
    group, _, key = column.replace("`", "").partition(".")
    if group in ("params", "tags"):
        return getattr(run, group).get(key)
    if key in run.metrics:
        return run.metrics[key].last_special or run.metrics[key].last
    base, _, stat = key.rpartition(".")
    if base not in run.metrics or stat not in ("last", "min", "max", "n"):
        return None
    metric = run.metrics[base]
    return (metric.last_special or metric.last) if stat == "last" else getattr(metric, stat)


def _curves(call: Call, project_id: str, block: Block) -> ReportPart:
    runs, total, problem = _runs(call, project_id, block, _NO_KEYS)
    keys = [key.removeprefix("metrics.") for key in block.keys]
    found = [
        ReportCurve(run.id, series)
        for run in runs
        for series in call.use(Tracking).series(run.id, keys, CURVE_WIDTH).series
        if series.n
    ]
    return ReportPart(block, [_head(run) for run in runs], total, curves=found, problem=problem)


def _groups(call: Call, project_id: str, block: Block) -> ReportPart:
    metrics = ",".join(key if key.startswith("metrics.") else f"metrics.{key}" for key in block.keys)
    groups = call.use(Analysis).group_runs(block.by, project_id, block.where, metrics, block.sort)
    shown = msgspec.structs.replace(groups, groups=groups.groups[: block.limit])
    return ReportPart(block, total=groups.runs, groups=shown)


def _params(call: Call, project_id: str, block: Block) -> ReportPart:
    """One row a param, one column a run: those asked for, else those that differ."""
    runs, total, problem = _runs(call, project_id, block, "")
    keys = [key.removeprefix("params.") for key in block.keys] or sorted({key for run in runs for key in run.params})
    rows: list[list[Plain]] = []
    for key in keys:
        values = [run.params.get(key) for run in runs]
        if block.keys or len(runs) == 1 or any(value != values[0] for value in values):
            rows.append([key, *values])
    table = ReportTable(["param", *(run.name or run.id for run in runs)], rows[:1000])
    return ReportPart(block, [_head(run) for run in runs], total, table, problem=problem)


def _media(call: Call, project_id: str, block: Block) -> ReportPart:
    runs, total, problem = _runs(call, project_id, block, _NO_KEYS)
    found: list[ReportMedium] = []
    listed = call.use(Analysis).media([run.id for run in runs]) if runs else []
    for one in listed:
        wanted = [medium for medium in one.media if not block.keys or medium.key in block.keys]
        last = {medium.key: medium.step for medium in wanted}
        sql = "SELECT path, digest FROM artifacts WHERE run_id = ? AND substr(path, 1, 6) = 'media/'"
        digests = {row[0]: row[1] for row in call.tx.all(sql, (one.run_id,))}
        found += [
            ReportMedium(one.run_id, m.key, m.step, m.path, m.media_type, m.size, digests[m.path])
            for m in wanted
            if m.step == (last[m.key] if block.step is None else block.step)
        ]
    if len(found) > MAX_MEDIA:
        problem = f"{len(found)} media were found, the first {MAX_MEDIA} are shown"
    return ReportPart(block, [_head(run) for run in runs], total, media=found[:MAX_MEDIA], problem=problem)


_SHOWN: dict[str, Callable[[Call, str, Block], ReportPart]] = {
    "runs": _table,
    "curves": _curves,
    "groups": _groups,
    "params": _params,
    "media": _media,
}
