"""``runward runs``: list, show, compare, diff, export, delete."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from runward.cli.output import NO, Output, pass_output, with_json
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.tracking.model import Run

_SIGNS = {"running": "…", "finished": "✓", "failed": "✗", "cancelled": "–", "timed_out": "⧖"}


@click.group()
def runs() -> None:
    """List, show, compare and export runs. RUN is an id, the beginning of one, a name or @last."""


def marks_of(run: Run) -> str:
    """A run's review and verification in a word each."""
    labels = {mark.kind: mark.label for mark in run.marks}
    words = []
    if "team_result" in labels:
        words.append("⟳ team result, outdated" if labels["team_result"] == "outdated" else "✓ team result")
    elif labels.get("review") in ("open", "changes_requested"):
        words.append("◌ in review")
    if "verification" in labels:
        sign = {"differs": "≠", "undecided": "?", "outdated": "⟳"}.get(labels["verification"], "≡")
        words.append(f"{sign} {labels['verification']}")
    if labels.get("gates") == "closed":
        words.append("✗ gates")
    return ", ".join(words)


@runs.command("list")
@click.option("--project", "-p", default="", help="Path of a project; the projects below it count too.")
@click.option("--where", "-w", default="", help="A condition, such as 'metrics.loss < 0.3 and params.lr = 0.1'.")
@click.option("--sort", "-s", default="", help="Fields by commas; '-metrics.acc' sorts downwards.")
@click.option("--limit", "-n", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.option("--cursor", default=None, help="next_cursor of the page before.")
@click.option("--columns", "-c", default="", help="Metrics and params to show, by commas: metrics.acc,params.lr")
@with_json
@pass_output
def list_runs(
    output: Output, project: str, where: str, sort: str, limit: int, cursor: str | None, columns: str
) -> None:
    """List runs, newest first, with the exact number of matches."""
    page = current_workspace().tracking.search_runs(project, where, sort, limit, cursor)
    chosen = [word.strip() for word in columns.split(",") if word.strip()] or _common(page.runs)
    rows = [
        [run.id, f"{_SIGNS[run.status]} {run.name}", run.project, *(_cell(run, c) for c in chosen), marks_of(run)]
        for run in page.runs
    ]
    note = f"{len(page.runs)} of {page.total:,}" + (f" · next: --cursor {page.next_cursor}" if page.next_cursor else "")
    output.table(page, ["id", "name", "project", *chosen, "trust"], rows, note)


def _common(found: list[Run]) -> list[str]:
    counts: dict[str, int] = {}
    for run in found:
        for key in run.metrics:
            counts[f"metrics.{key}"] = counts.get(f"metrics.{key}", 0) + 1
    return sorted(counts, key=lambda key: (-counts[key], key))[:4]


def _cell(run: Run, column: str) -> Any:
    group, _, key = column.partition(".")
    if group == "metrics":
        metric = run.metrics.get(key)
        return None if metric is None else (metric.last_special or metric.last)
    if group in ("params", "tags"):
        return getattr(run, group).get(key)
    if not hasattr(run, column):
        raise InvalidError(f"there is no column {column!r}", hint="metrics.KEY, params.KEY, tags.KEY or a run's field")
    return getattr(run, column)


@runs.command("show")
@click.argument("ref", metavar="RUN")
@with_json
@pass_output
def show(output: Output, ref: str) -> None:
    """Everything about a run but its curves."""
    space = current_workspace()
    detail = space.tracking.get_run(space.tracking.resolve_run(ref).id)
    run = detail.run
    lines = [
        f"{_SIGNS[run.status]} {run.name}  {run.id}  {run.status}  {run.project}",
        f"  by {run.created_by}, {run.started_at:%Y-%m-%d %H:%M:%S} UTC"
        + (f", {run.duration_s:.1f} s" if run.duration_s is not None else ""),
        *([f"  purpose: {run.purpose}"] if run.purpose else []),
        *([f"  error: {run.error}"] if run.error else []),
        f"  code: {run.commit[:12] or 'no commit'} {run.branch}" + (" with uncommitted changes" if run.dirty else ""),
        f"  seed: {run.seed if run.seed is not None else 'none recorded'}   trust: {marks_of(run) or 'nothing yet'}",
        "  params",
        *(f"    {p.key} = {p.value!r}" + (f"  ({p.origin})" if p.origin != "run" else "") for p in detail.params),
        "  metrics",
        *(f"    {m.key} = {m.last_special or m.last}  (step {m.last_step}, {m.n:,} points)" for m in detail.metrics),
        "  artifacts",
        *(f"    {a.path}  {a.size:,} bytes  {a.digest[:12]}" for a in detail.artifacts),
    ]
    output.result(detail, lines)


@runs.command("compare")
@click.argument("refs", metavar="RUN…", nargs=-1, required=True)
@click.option("--all", "show_all", is_flag=True, help="Also rows that do not differ.")
@with_json
@pass_output
def compare(output: Output, refs: tuple[str, ...], show_all: bool) -> None:
    """Runs side by side: by default only what differs."""
    found = current_workspace().tracking.compare(list(refs))
    rows = [
        [f"{group}.{row.key}", *row.values]
        for group, part in (("params", found.params), ("metrics", found.metrics), ("environment", found.environment))
        for row in part
        if show_all or row.differs
    ]
    note = f"code: {len(found.code)} file(s) differ between the first two" if len(refs) > 1 else ""
    output.table(found, ["", *(run.name for run in found.runs)], rows, note)


@runs.command("diff")
@click.argument("first", metavar="RUN_A")
@click.argument("second", metavar="RUN_B")
@with_json
@pass_output
def diff(output: Output, first: str, second: str) -> int:
    """What differs between two runs: params, environment, code, results. Exit code 1 if anything does."""
    found = current_workspace().tracking.compare([first, second])
    lines = [
        f"{group} {row.key}: {row.values[0]!r} → {row.values[1]!r}"
        for group, part in (("param", found.params), ("environment", found.environment), ("metric", found.metrics))
        for row in part
        if row.differs
    ]
    for change in found.code:
        lines.append(f"code {change.change}: {change.path}")
        lines.extend("  " + line for line in change.diff.splitlines())
    output.result(found, lines or ["nothing differs"])
    return NO if lines else 0


@runs.command("export")
@click.argument("refs", metavar="RUN…", nargs=-1, required=True)
@click.option("--output", "-o", "target", type=click.Path(path_type=Path), default=None, help="A file; default stdout.")
@with_json
@pass_output
def export(output: Output, refs: tuple[str, ...], target: Path | None) -> None:
    """Runs with all their points as JSON, one document."""
    space = current_workspace()
    documents = []
    for ref in refs:
        detail = space.tracking.get_run(space.tracking.resolve_run(ref).id)
        keys = [metric.key for metric in detail.metrics]
        series = space.tracking.series(detail.run.id, keys).series if keys else []
        documents.append({"run": msgspec.to_builtins(detail), "series": msgspec.to_builtins(series)})
    data = msgspec.json.encode({"format": "runward-runs-1", "runs": documents})
    if target is None:
        sys.stdout.write(data.decode() + "\n")
    else:
        target.write_bytes(data)
        output.result({"file": str(target), "runs": len(documents)}, f"{len(documents)} run(s) in {target}")


@runs.command("delete")
@click.argument("ref", metavar="RUN")
@with_json
@pass_output
def delete(output: Output, ref: str) -> None:
    """Put a run out of sight. Its data stays until the workspace collects garbage."""
    space = current_workspace()
    run = space.tracking.resolve_run(ref)
    space.tracking.delete_run(run.id)
    output.result({"deleted": run.id}, f"run {run.name} ({run.id}) is out of sight")
