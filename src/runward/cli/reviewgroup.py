"""``runward review``: its commands, of which ``check`` loads nothing of a workspace."""

from __future__ import annotations

import click

from runward.core.loading import load

_APART = {
    "check": "runward.cli.reviewcheck:check",
    "jobs": "runward.cli.reviewjobs:jobs",
    "report": "runward.cli.reviewreport:report",
}


class _ReviewGroup(click.Group):
    """Finds its commands when they are called: ``check`` runs on every commit of people who have no workspace."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*_workspace_commands().list_commands(ctx), *_APART])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in _APART:
            found: click.Command = load(_APART[name])
            return found
        return _workspace_commands().get_command(ctx, name)


def _workspace_commands() -> click.Group:
    found: click.Group = load("runward.cli.reviewtalk:review")
    return found


@click.group(cls=_ReviewGroup)
def review() -> None:
    """Request, check, approve reviews. REVIEW is an id or a number such as 3 or #3."""
