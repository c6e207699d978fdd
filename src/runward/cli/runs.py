"""``runward runs``: list, show, compare, diff, export, delete."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import click
import msgspec

from runward.cli.output import NO, Output, pass_output, with_json
from runward.core.sizes import in_words
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.tracking.analysis_model import GroupMetric, RunGroup
from runward.tracking.model import Run, State
from runward.tracking.organise_model import Anchor, BulkEdit, Deltas, NewComment, NewView

_SIGNS = {"running": "…", "finished": "✓", "failed": "✗", "cancelled": "–", "timed_out": "⧖"}


@click.group()
def runs() -> None:
    """List, show, compare and export runs. RUN is an id, the beginning of one, a name or @last."""


def marks_of(run: Run) -> str:
    """A run's review and verification in a word each."""
    labels = {mark.kind: mark.label for mark in run.marks}
    words = []
    if "team_result" in labels:
        let_in = "! team result, not reviewed" if "not_reviewed" in labels else "✓ team result"
        words.append("⟳ team result, outdated" if labels["team_result"] == "outdated" else let_in)
    elif labels.get("review") in ("open", "changes_requested"):
        words.append("◌ in review")
    if "verification" in labels:
        sign = {"differs": "≠", "undecided": "?", "outdated": "⟳"}.get(labels["verification"], "≡")
        # The result agrees, under conditions that earn no level.
        word = "no level" if labels["verification"] == "reproduced" else labels["verification"]
        words.append(f"{sign} {word}")
    if labels.get("gates") == "closed":
        words.append("✗ gates")
    return ", ".join(words)


def used_by(run: Run) -> str:
    """What a run used of its machine, as far as it was seen."""
    gpu = [] if run.gpu_percent is None else [f"GPU {run.gpu_percent:g} % busy"]
    return ", ".join(
        [
            *([] if run.peak_memory_bytes is None else [f"{in_words(run.peak_memory_bytes)} memory at most"]),
            *([] if run.cpu_s is None else [f"{run.cpu_s:,.1f} s of CPU"]),
            *([] if run.peak_gpu_memory_bytes is None else [f"{in_words(run.peak_gpu_memory_bytes)} GPU memory"]),
            *gpu,
        ]
    )


@runs.command("list")
@click.option("--project", "-p", default="", help="Path of a project; the projects below it count too.")
@click.option("--where", "-w", default="", help="A condition, such as 'metrics.loss < 0.3 and params.lr = 0.1'.")
@click.option("--sort", "-s", default="", help="Fields by commas; '-metrics.acc' sorts downwards.")
@click.option("--limit", "-n", default=50, show_default=True, type=click.IntRange(1, 1000))
@click.option("--cursor", default=None, help="next_cursor of the page before.")
@click.option("--view", default="", help="Id of a saved view: its project, search, order and columns.")
@click.option("--archived", "state", flag_value="archived", help="Archived runs instead.")
@click.option(
    "--deleted", "state", flag_value="deleted", help="Deleted runs instead, which `runs restore` brings back."
)
@click.option("--columns", "-c", default="", help="Metrics and params to show, by commas: metrics.acc,params.lr")
@with_json
@pass_output
def list_runs(
    output: Output,
    project: str,
    where: str,
    sort: str,
    limit: int,
    cursor: str | None,
    view: str,
    state: State | None,
    columns: str,
) -> None:
    """List runs, newest first, with the exact number of matches."""
    space = current_workspace()
    if view:
        saved = space.organise.get_view(view)
        both = " and ".join(f"({part})" for part in (saved.where, where) if part)
        project, where, sort = project or saved.project_id, both, sort or saved.sort
        columns = columns or ",".join(saved.columns)
    page = space.tracking.search_runs(project, where, sort, limit, cursor, state or "active")
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


@runs.command("groups")
@click.option("--by", multiple=True, required=True, help="params.lr, tags.team, experiment; params: all but the seed.")
@click.option("--project", "-p", default="", help="Path of a project; the projects below it count too.")
@click.option("--where", "-w", default="", help="A condition, such as 'metrics.loss < 0.3 and params.lr = 0.1'.")
@click.option("--metrics", "-m", default="", help="By commas: metrics.loss,metrics.acc.max")
@click.option("--sort", "-s", default="", help="One of the metrics ('-metrics.acc': greatest mean first), a BY, or n.")
@click.option("--against", type=click.Choice(["best", "baseline"]), default="best", show_default=True)
@with_json
@pass_output
def groups(
    output: Output,
    by: tuple[str, ...],
    project: str,
    where: str,
    metrics: str,
    sort: str,
    against: Literal["best", "baseline"],
) -> None:
    """Groups of runs, such as the seeds of one setting: means with 95 % intervals, tested against the best."""
    found = current_workspace().analysis.group_runs([*by], project, where, metrics, sort, against)
    keys = [metric.key for metric in found.groups[0].metrics] if found.groups else []
    rows = [
        [*map(_group_value, group.values), group.n, *(cell for m in group.metrics for cell in _group_cells(group, m))]
        for group in found.groups
    ]
    note = f"{found.total:,} groups of {found.runs:,} runs; mean ± half of the 95 % interval"
    output.table(found, [*by, "n", *(head for key in keys for head in (key, "against the " + against))], rows, note)


def _group_value(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return " ".join(f"{key}={one}" for key, one in value.items()) or "all the same"


def _group_cells(group: RunGroup, metric: GroupMetric) -> tuple[str, str]:
    if metric.mean is None:
        return "", ""
    half = "" if metric.high is None else f" ± {metric.high - metric.mean:.3g}"
    verdict = metric.test.verdict if metric.test else ("reference" if group.is_reference else "")
    return f"{metric.mean:.5g}{half}", verdict


@runs.command("show")
@click.argument("ref", metavar="RUN")
@with_json
@pass_output
def show(output: Output, ref: str) -> None:
    """Everything about a run but its curves."""
    space = current_workspace()
    detail = space.tracking.get_run(space.tracking.resolve_run(ref).id)
    run, deltas = detail.run, space.organise.deltas(detail.run.id)
    lines = [
        f"{_SIGNS[run.status]} {run.name}  {run.id}  {run.status}  {run.project}",
        f"  by {run.created_by}, {run.started_at:%Y-%m-%d %H:%M:%S} UTC"
        + (f", {run.duration_s:.1f} s" if run.duration_s is not None else ""),
        *([f"  used: {used}"] if (used := used_by(run)) else []),
        *([f"  purpose: {run.purpose}"] if run.purpose else []),
        *([f"  error: {run.error}"] if run.error else []),
        f"  code: {run.commit[:12] or 'no commit'} {run.branch}" + (" with uncommitted changes" if run.dirty else ""),
        f"  seed: {run.seed if run.seed is not None else 'none recorded'}   trust: {marks_of(run) or 'nothing yet'}",
        "  params",
        *(f"    {p.key} = {p.value!r}" + (f"  ({p.origin})" if p.origin != "run" else "") for p in detail.params),
        "  metrics",
        *(f"    {m.key} = {m.last_special or m.last}  (step {m.last_step}, {m.n:,} points)" for m in detail.metrics),
        *_against_baseline(deltas),
        "  artifacts",
        *(f"    {a.path}  {a.size:,} bytes  {a.digest[:12]}" for a in detail.artifacts),
    ]
    output.result(detail, lines)


def _against_baseline(found: Deltas) -> list[str]:
    if found.baseline is None:
        return []
    return [
        f"  against the baseline of {found.baseline.project}",
        *(
            f"    {d.key}: {d.difference:+.6g}"
            + (f"  95 % [{d.low:+.6g}, {d.high:+.6g}]" if d.low is not None and d.high is not None else "")
            + f"  n = {d.n} against {d.baseline_n}: {d.verdict}"
            for d in found.metrics
        ),
    ]


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
    """Put a run out of sight. `runs restore` brings it back until `runward gc` collects it."""
    space = current_workspace()
    run = space.tracking.resolve_run(ref)
    space.tracking.delete_run(run.id)
    output.result({"deleted": run.id}, f"run {run.name} ({run.id}) is out of sight: runward runs restore {run.id}")


@runs.command("restore")
@click.argument("run_id", metavar="ID")
@with_json
@pass_output
def restore(output: Output, run_id: str) -> None:
    """Bring back a deleted run by its whole id; `runs list --deleted` shows it."""
    run = current_workspace().organise.restore_run(run_id)
    output.result(run, f"run {run.name} ({run.id}) is back in {run.project}")


@runs.command("pin")
@click.argument("ref", metavar="RUN")
@click.option("--undo", is_flag=True, help="Take the pin away.")
@with_json
@pass_output
def pin(output: Output, ref: str, undo: bool) -> None:
    """Pin a run to the top of its project for everybody."""
    space = current_workspace()
    run = space.tracking.resolve_run(ref)
    space.organise.set_pin(run.id, pinned=not undo)
    output.result({"run": run.id, "pinned": not undo}, f"run {run.name} is {'not ' if undo else ''}pinned")


@runs.command("edit")
@click.argument("run_ids", metavar="ID…", nargs=-1)
@click.option("--project", "-p", required=True, help="Path of the project; the projects below it count too.")
@click.option("--where", "-w", default="", help="A search instead of ids.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Set a tag.")
@click.option("--untag", multiple=True, metavar="KEY", help="Remove a tag.")
@click.option("--move", default="", metavar="PROJECT", help="Move them to a project.")
@click.option("--archive/--unarchive", "archive", default=None, help="Lay them aside, or take them back.")
@click.option("--delete", "remove", is_flag=True, help="Put them out of sight.")
@click.option("--expect", type=int, default=None, help="Change nothing unless exactly so many match.")
@with_json
@pass_output
def edit(output: Output, /, run_ids: tuple[str, ...], project: str, tags: tuple[str, ...], **given: Any) -> None:
    """Change many runs at once: all of them or none."""
    change = BulkEdit(
        run_ids=list(run_ids),
        where=given["where"],
        set_tags=dict(_pair(tag) for tag in tags),
        remove_tags=list(given["untag"]),
        move_to=given["move"],
        archive=given["archive"],
        delete=given["remove"],
        expect=given["expect"],
    )
    done = current_workspace().organise.edit_runs(project, change)
    output.result(done, f"{done.changed:,} run(s) changed")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidError(f"--tag {text!r} has no '='", hint="write it like --tag stage=final")
    return key, value


@runs.command("save-view")
@click.argument("name")
@click.option("--project", "-p", required=True)
@click.option("--where", "-w", default="")
@click.option("--sort", "-s", default="")
@click.option("--columns", "-c", default="", help="By commas: metrics.acc,params.lr")
@click.option("--group", default="", help="Field to group by.")
@with_json
@pass_output
def save_view(output: Output, name: str, project: str, where: str, sort: str, columns: str, group: str) -> None:
    """Save a way to look at a project's runs, for all who may read it."""
    chosen = [word.strip() for word in columns.split(",") if word.strip()]
    saved = current_workspace().organise.save_view(NewView(project, name, where, sort, chosen, group))
    output.result(saved, f"view {saved.name}: runward runs list --view {saved.id}, or /views/{saved.id} in the web")


@runs.command("views")
@click.argument("project")
@with_json
@pass_output
def views(output: Output, project: str) -> None:
    """The saved views of a project."""
    found = current_workspace().organise.layout(project).views
    rows = [[view.id, view.name, view.where, view.sort, view.author] for view in found]
    output.table(found, ["id", "name", "where", "sort", "by"], rows)


@runs.command("comment")
@click.argument("ref", metavar="RUN")
@click.argument("body")
@click.option("--metric", default="", help="Comment on a metric.")
@click.option("--step", type=int, default=None, help="A point of the metric.")
@click.option("--artifact", default="", help="Comment on an artifact.")
@click.option("--thread", default="", help="Answer in a thread.")
@with_json
@pass_output
def comment(output: Output, ref: str, body: str, metric: str, step: int | None, artifact: str, thread: str) -> None:
    """Write a comment on a run; @name tells a member."""
    space = current_workspace()
    kind: Any = "metric" if metric else "artifact" if artifact else "run"
    new = NewComment(body, Anchor(kind, metric or artifact, step), thread)
    made = space.organise.add_comment(space.tracking.resolve_run(ref).id, new)
    output.result(made, f"comment {made.id} in thread {made.thread_id}")


@runs.command("comments")
@click.argument("ref", metavar="RUN")
@with_json
@pass_output
def comments(output: Output, ref: str) -> None:
    """The comments on a run, oldest first."""
    space = current_workspace()
    found = space.organise.list_comments(space.tracking.resolve_run(ref).id)
    lines = [
        f"{'  ' if c.id != c.thread_id else ''}{c.author} {c.at:%Y-%m-%d %H:%M} [{c.anchor.key or c.anchor.kind}] "
        f"{f'(removed by {c.removed_by})' if c.removed else c.body}"
        f"{' (edited)' if c.edited_at and not c.removed else ''}"
        f"{f' (settled by {c.resolved_by})' if c.resolved_at else ''}"
        for c in found
    ]
    output.result(found, lines or "no comments")


@runs.command("resolve-comment")
@click.argument("comment_id", metavar="COMMENT")
@click.option("--undo", is_flag=True, help="Open the thread again.")
@with_json
@pass_output
def resolve_comment(output: Output, comment_id: str, undo: bool) -> None:
    """Settle a comment's thread."""
    first = current_workspace().organise.resolve_comment(comment_id, not undo)
    output.result(first, f"thread {first.id} is {'open again' if undo else 'settled'}")
