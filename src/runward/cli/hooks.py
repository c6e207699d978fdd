"""``runward hook``: tell other programs what happens."""

from __future__ import annotations

import time

import click

from runward.cli.output import NO, UNDECIDED, Output, pass_output, span, with_json
from runward.coordination.hooks_model import Delivery, Hook, NewHook
from runward.errors import InvalidError
from runward.face import current_workspace

_POLL_S = 0.2


@click.group()
def hook() -> None:
    """Web hooks of a project (``--project``) or of a whole team (``--team``)."""


def _place(project: str, team: str) -> None:
    if bool(project) == bool(team):
        raise InvalidError("a web hook belongs to a project or to a team", hint="give one of --project and --team")


def _line(found: Hook) -> str:
    place = found.project or f"team {found.team}"
    return f"{found.id}  {found.url}  {place}: {', '.join(found.events)}{'' if found.active else '  (off)'}"


def _told(found: Delivery) -> str:
    state = found.state.replace("_", " ")
    when = f", again at {found.next_at:%Y-%m-%d %H:%M:%S} UTC" if found.next_at and found.attempts else ""
    answer = f"answered {found.status}" if found.status else found.said
    return f"{found.id} {state} after {found.attempts} attempt(s){when}{f': {answer}' if answer else ''}"


def delivery_table(output: Output, found: list[Delivery]) -> None:
    """Deliveries for people."""
    rows = [
        [d.id, f"{d.created_at:%Y-%m-%d %H:%M:%S}", d.kind, d.state, d.attempts, d.status or None, d.said]
        for d in found
    ]
    output.table(found, ["id", "at (UTC)", "event", "state", "attempts", "status", ""], rows)


@hook.command("add")
@click.argument("url", metavar="URL")
@click.option("--project", "-p", default="", help="Events in this project and those below it.")
@click.option("--team", default="", help="Events in all projects of this team, of its models and pages.")
@click.option("--event", "events", multiple=True, help="Such as review.applied or review.*; default: all.")
@with_json
@pass_output
def add(output: Output, url: str, project: str, team: str, events: tuple[str, ...]) -> None:
    """Send events to URL. The secret that signs them is shown once."""
    _place(project, team)
    hooks, new = current_workspace().hooks, NewHook(url, list(events) or ["*"])
    made = hooks.create_project_hook(project, new) if project else hooks.create_team_hook(team, new)
    output.result(made, [_line(made.hook), f"secret {made.secret}"])
    output.hint(f"the secret is not shown again; `runward hook test {made.hook.id}` sends a first message")


@hook.command("list")
@click.option("--project", "-p", default="")
@click.option("--team", default="")
@with_json
@pass_output
def list_hooks(output: Output, project: str, team: str) -> None:
    """The web hooks of a project or a team."""
    _place(project, team)
    hooks = current_workspace().hooks
    found = hooks.list_project_hooks(project) if project else hooks.list_team_hooks(team)
    rows = [
        [h.id, h.url, ", ".join(h.events), "on" if h.active else "off", h.waiting, h.given_up, h.author] for h in found
    ]
    output.table(found, ["id", "address", "events", "", "waiting", "given up", "by"], rows)


@hook.command("test")
@click.argument("hook_id", metavar="HOOK")
@click.option(
    "--wait", "wait_s", callback=span, default="20s", show_default=True, help="How long to wait for an answer."
)
@with_json
@pass_output
def test(output: Output, hook_id: str, wait_s: float) -> int:
    """Send a test and say what came back. Exit code 1 if it was refused, 3 if nothing is known yet."""
    hooks = current_workspace().hooks
    sent = hooks.send_test(hook_id)
    deadline = time.monotonic() + wait_s
    # An attempt that is counted may still be under way: it is over when it was noted.
    while sent.state == "waiting" and sent.tried_at is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        sent = hooks.get_delivery(sent.id)
    output.result(sent, _told(sent))
    if sent.tried_at is None:
        output.hint("nobody sent it yet: a running `runward server` does")
        return UNDECIDED
    return 0 if sent.state == "delivered" else NO


@hook.command("deliveries")
@click.argument("hook_id", metavar="HOOK")
@click.option("--limit", default=50, show_default=True)
@click.option("--again", default="", metavar="DELIVERY", help="Send this one again.")
@with_json
@pass_output
def deliveries(output: Output, hook_id: str, limit: int, again: str) -> None:
    """What was sent to a web hook and what became of it, newest first; with --again one of them is sent anew."""
    hooks = current_workspace().hooks
    if again:
        queued = hooks.deliver_again(again)
        output.result(queued, _told(queued))
        return
    delivery_table(output, hooks.list_deliveries(hook_id, limit))


@hook.command("remove")
@click.argument("hook_id", metavar="HOOK")
@with_json
@pass_output
def remove(output: Output, hook_id: str) -> None:
    """Remove a web hook; what waits for it is not sent."""
    current_workspace().hooks.delete_hook(hook_id)
    output.result({"removed": hook_id}, f"web hook {hook_id} is removed")
