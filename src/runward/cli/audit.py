"""``runward audit``: who did what, and whether the trail is as it was written."""

from __future__ import annotations

from datetime import timedelta

import click

from runward.cli.models import moment, when
from runward.cli.output import NO, YES, Output, pass_output, with_json
from runward.face import current_workspace
from runward.governance.model import AuditEvent


@click.group()
def audit() -> None:
    """Who did what: the audit trail, and whether it is as it was written."""


@audit.command("list")
@click.option("--object", "object_id", default="", metavar="ID", help="Only what was done to this object.")
@click.option("--member", default="", help="Only what this member did.")
@click.option("--operation", default="", help="Only this operation (review.approve), or those of a room (review.).")
@click.option("--outcome", default="", help="ok, refused (any error), or the code of an error (forbidden).")
@click.option("--from", "since", default="", metavar="DATE", help="Not before: 2026-11-21, or with a time.")
@click.option("--to", "until", default="", metavar="DATE", help="Up to and with this day, or before this time.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@with_json
@pass_output
def list_events(
    output: Output, object_id: str, member: str, operation: str, outcome: str, since: str, until: str, limit: int
) -> None:
    """Events, newest first."""
    governance = current_workspace().governance
    found: list[AuditEvent] = []
    before: int | None = None
    first = moment(since, "--from", timedelta(0)) if since else None
    last = moment(until, "--to", timedelta(days=1)) if until else None
    while len(found) < limit:
        page = governance.audit(
            before, object_id, min(limit - len(found), 1000), member, operation, outcome, first, last
        )
        found += page.events
        before = page.next_before
        if before is None:
            break
    rows = [
        [
            when(e.at),
            e.actor,
            e.operation,
            f"{e.object_kind} {e.object_id}",
            e.outcome,
            " ".join([e.via, e.address]).strip(),
        ]
        for e in found
    ]
    note = "" if before is None else f"the newest {limit}; --limit shows more"
    output.table(found, ["when", "who", "what", "object", "outcome", "via"], rows, note)


@audit.command("verify")
@with_json
@pass_output
def verify(output: Output) -> int:
    """Read the whole trail: exit code 0 where it is as it was written, 1 where it is not."""
    proof = current_workspace().governance.prove_audit()
    lines = [f"{proof.events:,} events: {'as they were written' if proof.holds else 'CHANGED'}"]
    lines += [f"  {one.kind}: {f'event {one.event}: ' if one.event else ''}{one.message} (chain {one.lane}, row {one.seq})"
              for one in proof.problems]  # fmt: skip
    if proof.problem_count > len(proof.problems):
        lines.append(f"  and {proof.problem_count - len(proof.problems):,} more")
    if proof.forgotten:
        lines.append(f"  of {proof.forgotten:,} events the member was forgotten")
    if proof.redacted:
        lines.append(f"  in {proof.redacted:,} events an object's name was replaced by a pseudonym")
    if proof.unchained:
        lines.append(f"  {proof.unchained:,} events are older than the chains: nothing shows whether they were changed")
    if proof.checkpoint_at is None:
        lines.append("  no checkpoint: a trail that was put back as a whole is not found out; runward audit checkpoint")
    else:
        lines.append(
            f"  compared with {proof.checkpoints:,} checkpoint{'s' * (proof.checkpoints != 1)}, the latest of {when(proof.checkpoint_at)}"
        )
    output.result(proof, lines)
    return YES if proof.holds else NO


@audit.command("checkpoint")
@with_json
@pass_output
def checkpoint(output: Output) -> None:
    """Note where the trail ends now, outside of the database. A server does so every minute."""
    made = current_workspace().governance.checkpoint_audit()
    output.result(made, f"{made.events:,} events until {when(made.at)}, noted in {', '.join(made.places)}")
