"""``runward projects``: the tree."""

from __future__ import annotations

import click

from runward.cli.output import Output, pass_output, with_json
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.tracking.model import NewProject, State
from runward.tracking.organise_model import NewBaseline


@click.group()
def projects() -> None:
    """List, create and order projects."""


@projects.command("list")
@click.option("--archived", "state", flag_value="archived", help="Archived projects instead.")
@click.option("--deleted", "state", flag_value="deleted", help="Deleted projects instead.")
@click.option("--favourites", is_flag=True, help="Only those that you marked.")
@with_json
@pass_output
def list_projects(output: Output, state: State | None, favourites: bool) -> None:
    """The projects that you may see, by path."""
    found = current_workspace().tracking.list_projects(state or "active")
    found = [p for p in found if p.favourite or not favourites]
    rows = [[f"{'★ ' if p.favourite else ''}{p.path}", p.team, p.runs, p.id] for p in found]
    output.table(found, ["path", "team", "runs", "id"], rows)


@projects.command("move")
@click.argument("path")
@click.argument("new_path")
@with_json
@pass_output
def move(output: Output, path: str, new_path: str) -> None:
    """Give a project and all below it another path; old paths keep leading to it."""
    found = current_workspace().organise.move_project(path, new_path)
    output.result(found, f"{path} is {found.path} now; the old path still leads there")


@projects.command("archive")
@click.argument("path")
@click.option("--undo", is_flag=True, help="Take it back.")
@with_json
@pass_output
def archive(output: Output, path: str, undo: bool) -> None:
    """Lay a project and all below it aside: no new runs, not in lists."""
    found = current_workspace().organise.archive_project(path, archived=not undo)
    output.result(found, f"{found.path} is {'archived' if found.archived else 'in use'}")


@projects.command("delete")
@click.argument("path")
@with_json
@pass_output
def delete(output: Output, path: str) -> None:
    """Put a project, all below it and their runs out of sight. `projects restore` brings them back."""
    space = current_workspace()
    found = space.tracking.get_project(path)
    space.organise.delete_project(found.id)
    output.result({"deleted": found.id}, f"{found.path} is out of sight: runward projects restore {found.id}")


@projects.command("restore")
@click.argument("project_id", metavar="ID")
@with_json
@pass_output
def restore(output: Output, project_id: str) -> None:
    """Bring back a deleted project by its id, or by the path that it had; `projects list --deleted` shows both."""
    space = current_workspace()
    named = [project.id for project in space.tracking.list_projects("deleted") if project.path == project_id]
    if len(named) > 1:
        raise InvalidError(f"{len(named)} deleted projects were {project_id!r}", hint=f"give an id: {', '.join(named)}")
    found = space.organise.restore_project(named[0] if named else project_id)
    output.result(found, f"{found.path} is back")


@projects.command("favourite")
@click.argument("path")
@click.option("--undo", is_flag=True, help="Take the mark away.")
@with_json
@pass_output
def favourite(output: Output, path: str, undo: bool) -> None:
    """Mark a project for yourself."""
    found = current_workspace().organise.set_favourite(path, favourite=not undo)
    output.result(found, f"{'★' if found.favourite else '☆'} {found.path}")


@projects.command("baseline")
@click.argument("path")
@click.argument("refs", metavar="RUN…", nargs=-1)
@click.option("--where", "-w", default="", help="A search instead of runs: whatever it finds when somebody looks.")
@click.option("--clear", is_flag=True, help="No baseline any more.")
@with_json
@pass_output
def baseline(output: Output, path: str, refs: tuple[str, ...], where: str, clear: bool) -> None:
    """Show or set what the runs of a project and those below it are measured against."""
    space = current_workspace()
    if refs or where or clear:
        ids: list[str] = [space.tracking.resolve_run(ref, path).id for ref in refs]
        found = space.organise.set_baseline(path, NewBaseline(ids, where))
    else:
        found = space.organise.layout(path).baseline
    text = "no baseline" if found is None else f"baseline of {found.project}: {found.where or ', '.join(found.run_ids)}"
    output.result(found, text)


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
