"""``runward model deploy`` and ``deployments``: what serves where, since when, and whether a review had let it in."""

from __future__ import annotations

from typing import Any

import click

from runward.cli.models import moment, when
from runward.cli.modelversions import find_version
from runward.cli.output import Output, pass_output, with_json
from runward.face import current_workspace
from runward.registry.version_model import Deployment, NewDeployment

_STATES = ("started", "live", "failed", "retired")


@click.command("deploy")
@click.argument("name")
@click.argument("version", metavar="VERSION|ALIAS")
@click.option("--to", "target", required=True, help="The place: eu-west, phones, batch.")
@click.option("--state", type=click.Choice(_STATES), default="live", show_default=True)
@click.option("--url", default="", help="Where it answers.")
@click.option("--note", "-m", default="", help="For the record.")
@click.option("--reviewed-only", is_flag=True, help="Refuse a version that no applied review let in as it is.")
@with_json
@pass_output
def deploy(
    output: Output, name: str, version: str, target: str, state: Any, url: str, note: str, reviewed_only: bool
) -> None:
    """Write down that a version was deployed, went live, failed or was retired. It deploys nothing itself.

    Call it from the script that deploys. The team hears of it; warnings say what is not as a review let it in.
    """
    space = current_workspace()
    alias = "" if version.isdigit() else version
    new = NewDeployment(find_version(space, name, version), target, state, url, note, alias, reviewed_only)
    made: Deployment = space.registry.record_deployment(name, new)
    output.result(made, _line(made))
    for warning in made.warnings:
        output.say(f"WARNING: {warning}")


@click.command("deployments")
@click.argument("name")
@click.option("--to", "target", default="", help="Of this place only.")
@click.option("--at", default="", metavar="DATE", help="What served then: 2026-11-21, or with a time; `now` for now.")
@with_json
@pass_output
def deployments(output: Output, name: str, target: str, at: str) -> None:
    """What was deployed where, newest first; with --at what served each place on that day."""
    registry = current_workspace().registry
    if at:
        found = registry.serving(name, target, None if at == "now" else moment(at))
        output.result(found, [_line(one) for one in found] or f"nothing of {name} served then")
        return
    found = registry.list_deployments(name, target)
    rows = [[one.target, one.version, one.state, _reviewed(one), one.by, when(one.at), one.note] for one in found]
    output.table(found, ["target", "version", "state", "reviewed", "by", "when", "note"], rows)


def _reviewed(one: Deployment) -> str:
    return f"#{one.evidence.run.review}" if one.evidence.run.review else "yes" if one.reviewed else "NOT REVIEWED"


def _line(one: Deployment) -> str:
    where = f" at {one.url}" if one.url else ""
    return f"{one.target}: {one.model} {one.version} {one.state}{where}, by {one.by}, {when(one.at)}, {_reviewed(one)}"
