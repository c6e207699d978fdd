"""``runward retention`` and ``runward hold``: how long things are kept, and what must stay."""

from __future__ import annotations

from typing import get_args

import click

from runward.cli.output import Output, pass_output, span, with_json
from runward.errors import InvalidError, NotFoundError
from runward.face import current_workspace
from runward.privacy.model import NewHold, RetentionDue, RetentionKind

_KIND = click.option("--kind", type=click.Choice(get_args(RetentionKind)), required=True)
_DAY_S = 86_400


@click.group()
def retention() -> None:
    """How long projects keep runs, artifacts, logs and tables."""


@retention.command("set")
@click.argument("project")
@_KIND
@click.option("--after", callback=span, default=None, help="Time after a run's end, such as 90d.")
@click.option("--keep", is_flag=True, help="Keep them for ever, whatever a project above says.")
@click.option("--results", is_flag=True, help="Take team results and versions of models, and what they need, too.")
@with_json
@pass_output
def set_rule(output: Output, project: str, kind: RetentionKind, after: float | None, keep: bool, results: bool) -> None:
    """Say how long a project and those below it keep a kind; the nearest project's rule counts."""
    if (after is None) != keep:
        raise InvalidError("say --after TIME or --keep, one of them", hint="--after 90d")
    days = None if after is None else after / _DAY_S
    found = current_workspace().privacy.set_retention(project, kind, days, results)
    output.result(found, f"{found.project}: {kind} {_kept(found.after_days)}")
    output.hint("runward retention apply --dry-run")


def _kept(days: float | None) -> str:
    return "are kept" if days is None else f"go {days:g} days after the end of their run"


@retention.command("remove")
@click.argument("project")
@_KIND
@with_json
@pass_output
def remove_rule(output: Output, project: str, kind: RetentionKind) -> None:
    """Take a rule away: what a project above says counts again."""
    current_workspace().privacy.remove_retention(project, kind)
    output.result({"project": project, "kind": kind}, f"{project} has no rule of its own for {kind}")


@retention.command("list")
@click.argument("project", default="")
@with_json
@pass_output
def list_rules(output: Output, project: str) -> None:
    """The rules in force for a PROJECT, or all rules."""
    found = current_workspace().privacy.list_retention(project)
    rows = [
        [one.project, one.kind, one.after_days, "too" if one.results else "stay", one.author, f"{one.at:%F}"]
        for one in found
    ]
    output.table(found, ["project", "kind", "days", "results", "by", "since"], rows)


@retention.command("apply")
@click.option("--dry-run", is_flag=True, help="Only say what would go, and how many bytes.")
@with_json
@pass_output
def apply(output: Output, dry_run: bool) -> None:
    """Put out of sight what is over its time; `runward gc` removes it after the grace. A server does so every hour."""
    privacy = current_workspace().privacy
    if dry_run:
        found = privacy.retention_due()
    else:
        found = []
        while done := privacy.apply_retention():
            found += done
    _told(output, found)


def _told(output: Output, found: list[RetentionDue]) -> None:
    rows = [
        [one.project, one.kind, one.runs, one.items, one.bytes, one.spared_results, one.spared_held] for one in found
    ]
    output.table(found, ["project", "kind", "runs", "items", "bytes", "stay: results", "stay: held"], rows)


@retention.command("restore")
@click.argument("run")
@_KIND
@with_json
@pass_output
def restore(output: Output, run: str, kind: RetentionKind) -> None:
    """Bring back what a rule took from a run; a whole run comes back by `runward runs restore`."""
    space = current_workspace()
    run_id = space.tracking.resolve_run(run).id
    output.result(space.privacy.restore_set_aside(run_id, kind), f"{kind} of {run_id} are back")


@click.group()
def hold() -> None:
    """Legal holds: what nobody deletes, collects or erases."""


@hold.command("set")
@click.argument("name", metavar="PROJECT|RUN")
@click.option("--reason", required=True, help="Why: whoever is refused reads it.")
@with_json
@pass_output
def set_hold(output: Output, name: str, reason: str) -> None:
    """Hold a project with all below it, or a run."""
    space = current_workspace()
    if any(project.path == name for project in space.tracking.list_projects()):
        new = NewHold(reason, project=name)
    else:
        try:
            new = NewHold(reason, run_id=space.tracking.resolve_run(name).id)
        except NotFoundError as error:
            raise NotFoundError(f"there is no project or run {name!r}", hint=error.hint) from None
    found = space.privacy.set_hold(new)
    output.result(found, f"hold {found.id} on {found.object_kind} {found.name}")


@hold.command("list")
@click.option("--all", "lifted", is_flag=True, help="Also those that were lifted.")
@with_json
@pass_output
def list_holds(output: Output, lifted: bool) -> None:
    """The holds, newest first."""
    found = current_workspace().privacy.list_holds(lifted)
    rows = [
        [one.id, one.object_kind, one.name or one.object_id, one.reason, one.author, f"{one.at:%F}",
         f"{one.lifted_at:%F} {one.lifted_by}: {one.lifted_reason}" if one.lifted_at else None]
        for one in found
    ]  # fmt: skip
    output.table(found, ["id", "on", "name", "reason", "by", "since", "lifted"], rows)


@hold.command("lift")
@click.argument("hold_id", metavar="HOLD")
@click.option("--reason", required=True, help="Why it counts no more.")
@with_json
@pass_output
def lift(output: Output, hold_id: str, reason: str) -> None:
    """Let a hold count no more."""
    found = current_workspace().privacy.lift_hold(hold_id, reason)
    output.result(found, f"the hold on {found.object_kind} {found.name} is lifted")
