"""``runward gc``: give back what deleted runs and unused bytes take."""

from __future__ import annotations

import click
import msgspec

from runward.cli.output import Output, pass_output, span, with_json
from runward.face import current_workspace
from runward.tracking.organise_model import Collect
from runward.workspace import FolderWorkspace, Workspace

_YOUNG = "what was stored or asked about in the last hour stays for now; the next `runward gc` takes what nothing names"


class Freed(msgspec.Struct, frozen=True):
    """What a collection took, or would take."""

    runs: int
    projects: int
    blobs: int
    bytes: int
    database_bytes: int
    database: str
    """What happened to the database's own space."""
    dry_run: bool


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--grace", callback=span, default="30d", show_default=True, help="What was deleted more recently stays.")
@with_json
@pass_output
def gc(output: Output, dry_run: bool, grace: float) -> None:
    """Remove runs and projects deleted long ago, and bytes that nothing names. An interrupted one can be repeated."""
    space, how = current_workspace(), Collect(grace / 86400, dry_run)
    runs = projects = blobs = freed = 0
    while True:
        step = space.organise.collect_garbage(how)
        runs, projects, blobs = runs + step.runs, projects + step.projects, blobs + step.blobs
        freed += step.bytes
        if not step.more:
            break
    database_bytes, said = (0, "not looked at") if dry_run else _compact(space)
    found = Freed(runs, projects, blobs, freed, database_bytes, said, dry_run)
    output.result(
        found,
        [
            f"{'would remove' if dry_run else 'removed'} {runs:,} runs, {projects:,} projects, {blobs:,} files",
            f"{freed:,} bytes of files {'would be' if dry_run else 'were'} freed",
            *([_YOUNG] if runs and not blobs else []),
            f"database: {said}",
        ],
    )


def _compact(space: Workspace) -> tuple[int, str]:
    if isinstance(space, FolderWorkspace):
        return space.dispatcher.database.compact()
    return 0, "is the server's; its free pages are used again"
