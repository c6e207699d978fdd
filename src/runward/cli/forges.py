"""``runward forge``: reviews at the commits that they are about."""

from __future__ import annotations

import click

from runward.cli.hooks import delivery_table
from runward.cli.output import Output, pass_output, with_json
from runward.face import current_workspace
from runward.review.forges.kinds import FORGES
from runward.review.forges.model import Forge, ForgeKind, NewForge


@click.group()
def forge() -> None:
    """Where the code of PROJECT lives, and of those below it."""


def _lines(found: Forge) -> list[str]:
    return [
        f"{found.project}: {FORGES[found.kind].title} {found.repository} at {found.api_url}",
        f"web hooks: https://THIS-SERVER{found.hook_path}",
    ]


@forge.command("set")
@click.argument("project", metavar="PROJECT")
@click.option("--kind", type=click.Choice(list(FORGES)), required=True)
@click.option("--repository", required=True, help="owner/name; Azure: organization/project/repository")
@click.option("--api-url", default="", help="Of a server of your own, such as https://gitlab.example.org/api/v4")
@click.option(
    "--token",
    envvar="RUNWARD_FORGE_TOKEN",
    prompt=True,
    hide_input=True,
    help="What may set statuses and write comments there; RUNWARD_FORGE_TOKEN, else it is asked for.",
)
@with_json
@pass_output
def set_forge(output: Output, project: str, kind: ForgeKind, repository: str, api_url: str, token: str) -> None:
    """Show reviews at the commits of a repository. The secret for its web hooks is shown once."""
    made = current_workspace().forges.set_forge(project, NewForge(kind, repository, token, api_url))
    output.result(made, [*_lines(made.forge), f"secret {made.secret}"])


@forge.command("show")
@click.argument("project", metavar="PROJECT")
@with_json
@pass_output
def show(output: Output, project: str) -> None:
    """A project's forge, without its token and its secret."""
    found = current_workspace().forges.get_forge(project)
    output.result(found, _lines(found))


@forge.command("deliveries")
@click.argument("project", metavar="PROJECT")
@click.option("--limit", default=50, show_default=True)
@with_json
@pass_output
def deliveries(output: Output, project: str, limit: int) -> None:
    """What was told to a project's forge and what became of it, newest first."""
    delivery_table(output, current_workspace().forges.forge_deliveries(project, limit))


@forge.command("remove")
@click.argument("project", metavar="PROJECT")
@with_json
@pass_output
def remove(output: Output, project: str) -> None:
    """Forget a project's forge with its token."""
    current_workspace().forges.remove_forge(project)
    output.result({"removed": project}, f"{project} has no forge any more")
