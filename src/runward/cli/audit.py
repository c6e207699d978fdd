"""``runward audit``: who did what, and whether the trail is as it was written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click
import msgspec

from runward.cli.models import moment, when
from runward.cli.output import NO, YES, Output, pass_output, with_json
from runward.core.clock import from_us, utc_now
from runward.errors import CorruptedError, InvalidError, NotFoundError
from runward.face import current_workspace
from runward.governance.inclusion import check
from runward.governance.model import AuditEvent, EventProof


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


audit.add_command(list_events, "query")


@audit.command("proof")
@click.argument("event_id", metavar="EVENT", type=click.IntRange(1))
@click.option("--output", "-o", "path", type=click.Path(path_type=Path), help="Write it to this file.")
@with_json
@pass_output
def proof_of_event(output: Output, event_id: int, path: Path | None) -> None:
    """That one event is on the trail, for somebody who sees nothing else of it. ``audit list --json`` shows ids."""
    proof = current_workspace().governance.prove_event(event_id)
    if path is None:
        output.json = True
        output.result(proof)
    else:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(proof), indent=2) + b"\n")
        output.result(
            proof, f"{path}: runward audit verify --proof {path} --key KEY, where KEY is what `runward key` prints"
        )


@audit.command("verify")
@click.option("--proof", type=click.Path(path_type=Path, exists=True), help="Check one event's proof instead.")
@click.option(
    "--key", type=click.Path(path_type=Path, exists=True), help="With --proof: the public key of the workspace."
)
@with_json
@pass_output
def verify(output: Output, proof: Path | None, key: Path | None) -> int:
    """Read the whole trail: exit code 0 where it is as it was written, 1 where it is not."""
    return _verify_trail(output) if proof is None else _verify_event(output, proof, key)


def _verify_event(output: Output, path: Path, key: Path | None) -> int:
    try:
        claimed = msgspec.json.decode(path.read_bytes(), type=EventProof)
    except msgspec.DecodeError as error:
        raise InvalidError(f"{path} is no proof of an event: {error}", hint="runward audit proof EVENT") from error
    if key is None:
        raise InvalidError("--key is missing", hint="who keeps the trail prints it: runward key > PUBLIC.pem")
    try:
        signer = check(claimed, key.read_bytes())
    except CorruptedError as error:
        output.result({"valid": False, "reason": error.message}, f"✗ {error.message}")
        return NO
    who = claimed.who.name if claimed.who else "somebody who was forgotten"
    at = when(from_us(claimed.at))
    output.result(
        {"valid": True, "key_id": signer, "event": claimed},
        [
            f"✓ on the trail, signed by {signer}",
            f"  {at} {who}: {claimed.operation} {claimed.object_kind} {claimed.object_id} ({claimed.outcome})",
        ],
    )
    return YES


def _verify_trail(output: Output) -> int:
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


@audit.command("could-see")
@click.argument("who")
@click.option("--from", "since", required=True, metavar="DATE", help="From then on: 2026-11-21, or with a time.")
@click.option(
    "--to", "until", default="", metavar="DATE", help="Up to and with this day, or before this time; default: now."
)
@with_json
@pass_output
def could_see(output: Output, who: str, since: str, until: str) -> None:
    """What a member (by name) or a token (by id) could see: what they held, by period, and the projects that this opened."""
    governance = current_workspace().governance
    first = moment(since, "--from", timedelta(0))
    last = moment(until, "--to", timedelta(days=1)) if until else utc_now()
    try:
        found = governance.could_see(first, last, token=who)
    except NotFoundError:
        found = governance.could_see(first, last, member=who)
    lines = [f"{found.member}{f', token {found.token}' if found.token else ''}: {when(first)} to {when(last)}"]
    if found.known_since:
        lines.append(f"  nothing is known of roles before {when(found.known_since)}: their history begins there")
    for period in found.periods:
        held = ", ".join(f"{one.what} on {one.scope or 'workspace'}" for one in period.held)
        why = (
            "deactivated" if period.deactivated else f"the token was {period.token}" if period.token else "held nothing"
        )
        lines.append(f"  {when(period.since)} to {when(period.until)}: {held or why}")
        if period.projects:
            shown = ", ".join(period.projects[:20])
            lines.append(
                f"    could read {len(period.projects):,} projects: {shown}{', …' if period.projects[20:] else ''}"
            )
    lines += [f"  moved since {one}: roles came from there until then" for one in found.moved]
    lines.append(f"  on the trail: {sum(one.count for one in found.done):,} events")
    lines += [
        f"    {one.operation} {one.object_kind} {one.object_id}: {one.count} × {one.outcome}" for one in found.done[:50]
    ]
    if found.done[50:]:
        lines.append("    … all of them: --json")
    output.result(found, lines)
