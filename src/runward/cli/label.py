"""``runward label``, ``runward scan``: what may be done with what."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

import click

from runward.cli.models import when
from runward.cli.output import NO, YES, Output, pass_output, with_json
from runward.face import current_workspace
from runward.policy.model import Labelled, LabelName, Terms


@click.group()
def label() -> None:
    """Labels of datasets, runs, models and pages: public, internal, restricted, personal.

    A THING is dataset:PROJECT:NAME, run:ID, model:NAME or page:ID.
    """


@label.command("show")
@click.argument("thing")
@with_json
@pass_output
def show(output: Output, thing: str) -> None:
    """The label that holds for a thing, and where it comes from."""
    found = current_workspace().policy.get_label(_placed(thing))
    output.result(found, lines(found))


@label.command("set")
@click.argument("thing")
@click.argument("name", metavar="LABEL", type=click.Choice(get_args(LabelName)))
@click.option("--reason", default="", help="Why; needed for a lower label, and with --release.")
@click.option("--release", is_flag=True, help="It carries nothing of what it was made of.")
@with_json
@pass_output
def set_label(output: Output, thing: str, name: LabelName, reason: str, release: bool) -> None:
    """Label a thing. All that was and will be made of it carries the label."""
    found = current_workspace().policy.set_label(_placed(thing), name, reason, release)
    output.result(found, lines(found))


@click.command()
@click.argument("dataset")
@click.option("--purpose", "purposes", multiple=True, help="For what it may be used; several times for several.")
@click.option("--legal-basis", default="", help='On what grounds: "consent, GDPR Art. 6(1)(a)".')
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), default=None, help="The last day on which it may be read."
)
@with_json
@pass_output
def terms(output: Output, dataset: str, purposes: tuple[str, ...], legal_basis: str, expires: datetime | None) -> None:
    """Say for what a dataset may be used, and on what grounds. What is not said is taken away."""
    said = Terms(purposes=list(purposes), legal_basis=legal_basis, expires_on=expires.date() if expires else None)
    found = current_workspace().policy.set_terms(dataset.replace("/", ":"), said)
    output.result(found, lines(found))


@click.command()
@click.argument("thing")
@with_json
@pass_output
def scan(output: Output, thing: str) -> int:
    """Look for obvious personal data and secrets in a run or a dataset: exit code 1 where there are some."""
    found = current_workspace().policy.scan(_placed(thing))
    rows = [[one.place, one.kind, one.count, one.example] for one in found.findings]
    output.table(found, ["where", "what", "times", "example"], rows, f"looked at: {'; '.join(found.looked_at)}")
    return NO if found.findings else YES


def lines(found: Labelled) -> list[str]:
    """A label in words."""
    shown = [f"{found.thing}: {found.label}"]
    if found.own:
        how = ", released from what it was made of" if found.released else ""
        why = f": {found.reason}" if found.reason else ""
        shown.append(
            f"  {found.own} of its own{how}, by {found.set_by}, {when(found.set_at) if found.set_at else ''}{why}"
        )
    shown += [f"  {one.label} from {one.kind} {one.name or one.id}" for one in found.because]
    for use in found.uses:
        shown.append(f"  it read {use.label} data of {use.dataset}: {use.problem or 'its purpose is one of theirs'}")
    if found.terms:
        shown.append(f"  purposes: {'; '.join(found.terms.purposes) or 'none'}")
        shown.append(f"  legal basis: {found.terms.legal_basis or 'not said'}")
        shown.append(f"  may be read up to: {found.terms.expires_on or 'no end'}")
    return shown


def _placed(thing: str) -> str:
    """A thing with the project's path as addresses have it."""
    kind, _, name = thing.partition(":")
    return f"{kind}:{name.replace('/', ':')}" if kind == "dataset" else thing
