"""What foreign protocols need of tracking beyond its operations: deleted things, reopened runs, renamed projects.

These are functions over a :class:`Call`, used behind a declared door as :mod:`runward.tracking.files` is, so that the
SQL on tracking's tables stays in this room.
"""

from __future__ import annotations

from typing import NamedTuple

from runward.core.call import Event, Scope
from runward.core.ids import new_id
from runward.errors import AlreadyExistsError
from runward.governance.calling import Call
from runward.governance.scopes import Clause, readable_projects
from runward.tracking import keyed
from runward.tracking import repository as sql
from runward.tracking.marks import publish_on_run, run_place
from runward.tracking.model import Run, RunParam
from runward.tracking.places import check_project_path

ANY_RUN = "any_run"
"""The kind of object that is a run, deleted or not."""
ANY_PROJECT = "any_project"
"""The kind of object that is a project, deleted or not."""

_CHAIN = """WITH RECURSIVE up(id, parent_id, depth) AS (
  SELECT id, parent_id, 0 FROM projects WHERE id = ?
  UNION ALL SELECT p.id, p.parent_id, up.depth + 1 FROM projects p JOIN up ON p.id = up.parent_id
) SELECT id FROM up ORDER BY depth"""


class KnownProject(NamedTuple):
    """A project with its state."""

    id: str
    path: str
    created_us: int
    deleted: bool


class KnownRun(NamedTuple):
    """A run with its state."""

    run: Run
    deleted: bool


class RunState(NamedTuple):
    """Where a run lies, and whether it is deleted."""

    id: str
    project_id: str
    project: str
    """The project's path."""
    deleted: bool


def any_project_scope(call: Call, project_id: str) -> Scope | None:
    """Where a project lies in the permission tree, deleted or not."""
    team_id = call.tx.scalar("SELECT team_id FROM projects WHERE id = ?", (project_id,))
    return Scope(tuple(row[0] for row in call.tx.all(_CHAIN, (project_id,))), team_id) if team_id else None


def any_run_scope(call: Call, run_id: str) -> Scope | None:
    """Where a run lies in the permission tree, deleted or not."""
    project_id = call.tx.scalar("SELECT project_id FROM runs WHERE id = ?", (run_id,))
    return any_project_scope(call, project_id) if project_id else None


def known_projects(call: Call, project_id: str = "", path: str = "") -> list[KnownProject]:
    """The caller's projects, deleted ones too: all, or the one with an id or a path; newest first."""
    visible = readable_projects(call.actor)
    condition, params = f"p.id IN {visible.sql}", list[object](visible.params)
    for column, value in (("id", project_id), ("path", path)):
        if value:
            condition, params = f"{condition} AND p.{column} = ?", [*params, value]
    rows = call.tx.all(
        f"SELECT p.id, p.path, p.created_at, p.deleted_at FROM projects p WHERE {condition}"
        " ORDER BY p.created_at DESC, p.id",
        params,
    )
    return [KnownProject(row[0], row[1], row[2], row[3] is not None) for row in rows]


def set_project_deleted(call: Call, project_id: str, deleted: bool) -> None:
    """Put a project out of sight, or back."""
    at = call.now_us if deleted else None
    call.tx.execute("UPDATE projects SET deleted_at = ? WHERE id = ?", (at, project_id))
    _project_event(call, "project.deleted" if deleted else "project.restored", project_id)


def rename_project(call: Call, project_id: str, path: str) -> None:
    """Give a project and all below it another path. Raises: AlreadyExistsError, InvalidError."""
    check_project_path(path)
    taken = call.tx.scalar("SELECT id FROM projects WHERE path = ?", (path,))
    if taken is not None and taken != project_id:
        raise AlreadyExistsError(f"there is a project {path!r} already", hint="choose another name")
    old = str(call.tx.scalar("SELECT path FROM projects WHERE id = ?", (project_id,)))
    call.tx.execute(
        "UPDATE projects SET path = ? || substr(path, ?) WHERE path = ? OR substr(path, 1, ?) = ?",
        (path, len(old) + 1, old, len(old) + 1, f"{old}/"),
    )
    call.tx.execute("UPDATE projects SET name = ? WHERE id = ?", (path.rpartition("/")[2], project_id))
    _project_event(call, "project.renamed", project_id)


def _project_event(call: Call, kind: str, project_id: str) -> None:
    team_id = call.tx.scalar("SELECT team_id FROM projects WHERE id = ?", (project_id,))
    call.publish(Event(kind, "project", project_id, project_id, team_id, {}))


def known_runs(call: Call, where: Clause, order: Clause, limit: int, offset: int = 0) -> list[KnownRun]:
    """Runs that match a clause over ``r``, deleted ones too. The caller checks which projects may be seen."""
    rows = call.tx.all(
        f"SELECT r.id, r.deleted_at FROM runs r WHERE {where.sql} ORDER BY {order.sql} LIMIT ? OFFSET ?",
        (*where.params, *order.params, limit, offset),
    )
    found = {run.id: run for run in sql.runs_by_id(call.tx, [row[0] for row in rows])}
    return [KnownRun(found[row[0]], row[1] is not None) for row in rows]


def known_run(call: Call, run_id: str) -> KnownRun | None:
    """A run by id, deleted or not."""
    found = known_runs(call, Clause("r.id = ?", (run_id,)), Clause("r.id", ()), 1)
    return found[0] if found else None


def run_state(call: Call, run_id: str) -> RunState | None:
    """Where a run lies, without its content."""
    row = call.tx.one(
        "SELECT r.project_id, p.path, r.deleted_at FROM runs r JOIN projects p ON p.id = r.project_id WHERE r.id = ?",
        (run_id,),
    )
    return RunState(run_id, row[0], row[1], row[2] is not None) if row else None


def restore_run(call: Call, run_id: str) -> None:
    """Bring a deleted run back into sight."""
    sql.update_run(call.tx, run_id, {"deleted_at": None})
    publish_on_run(call, "run.restored", "run", run_id, run_id, {})


def reopen_run(call: Call, run_id: str, status: str, ended_us: int | None) -> None:
    """Set status and end as a foreign client says: theirs may leave an end again, which our own clients may not."""
    sql.update_run(call.tx, run_id, {"status": status, "ended_at": ended_us})
    publish_on_run(call, "run.changed", "run", run_id, run_id, {})


def params_of(call: Call, run_id: str) -> list[RunParam]:
    """A run's params."""
    return keyed.params_of(call.tx, [run_id]).get(run_id, [])


def remove_artifacts(call: Call, run_id: str, path: str) -> int:
    """Detach a file, or all below a folder, from a run; returns how many."""
    call.let_go("run", run_id)
    count = call.tx.touched(
        "DELETE FROM artifacts WHERE run_id = ? AND (path = ? OR substr(path, 1, ?) = ? OR ? = '')",
        (run_id, path, len(path) + 1, f"{path}/", path),
    )
    if count:
        publish_on_run(call, "run.changed", "run", run_id, run_id, {})
    return count


def project_of(call: Call, run_id: str) -> str:
    """The id of a run's project."""
    return run_place(call, run_id)[0]


def new_journal() -> str:
    """A journal id for points that a foreign client sends through this server."""
    return f"foreign-{new_id()}"
