"""``runward projects``: the tree and its standards."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from runward.cli.output import Output, pass_output, with_json
from runward.config.yaml12 import load
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.review.model import Standards
from runward.tracking.model import NewProject


@click.group()
def projects() -> None:
    """List and create projects and their standards."""


@projects.command("list")
@with_json
@pass_output
def list_projects(output: Output) -> None:
    """The projects that you may see, by path."""
    found = current_workspace().tracking.list_projects()
    output.table(found, ["path", "team", "runs"], [[p.path, p.team, p.runs] for p in found])


@projects.command("create")
@click.argument("path")
@click.option("--team", default="")
@click.option("--description", default="")
@with_json
@pass_output
def create(output: Output, path: str, team: str, description: str) -> None:
    """Create a project and its missing parents: vision/digits."""
    found = current_workspace().tracking.create_project(NewProject(path=path, team=team, description=description))
    output.result(found, f"project {found.path} ({found.id})")


@projects.command("standards")
@click.argument("path")
@click.option("--set", "source", type=click.Path(path_type=Path, exists=True), help="A YAML or JSON file to set.")
@with_json
@pass_output
def standards(output: Output, path: str, source: Path | None) -> None:
    """Show or set what the team asks of results in a project."""
    reviews = current_workspace().review
    if source is not None:
        try:
            document = msgspec.convert(load(source.read_text(encoding="utf-8")), Standards)
        except msgspec.ValidationError as error:
            raise InvalidError(
                f"{source}: {error}",
                hint='for example: thresholds: [{metric: accuracy, op: ">=", value: 0.9}]; docs/tutorial.md shows a whole file',
            ) from error
        found = reviews.set_standards(path, document)
    else:
        found = reviews.get_standards(path)
    s = found.standards
    rules = ", ".join(f"{r.metric} {r.op} {r.value:g}" for r in s.thresholds)
    output.result(
        found,
        [
            f"standards of {found.project or path}, version {found.version}"
            + (f", by {found.author}" if found.author else ""),
            f"  required metrics: {', '.join(s.required_metrics) or 'none'}",
            f"  thresholds: {rules or 'none'}",
            f"  naming: {s.naming_help or s.naming or 'any'}",
            f"  approvals: {s.approvals}; verification: {s.require_level or 'not required'}",
        ],
    )
