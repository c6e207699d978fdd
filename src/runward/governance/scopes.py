"""The permission tree: workspace > team > project > project …; roles are inherited downwards only."""

from __future__ import annotations

from typing import NamedTuple

from runward.core.call import Scope
from runward.core.ids import ProjectId, TeamId
from runward.core.permissions import Role
from runward.governance.model import Actor
from runward.store.database import Row, Tx, placeholders

_CHAIN = """WITH RECURSIVE up(id, parent_id, team_id, deleted_at, archived_at, depth) AS (
  SELECT id, parent_id, team_id, deleted_at, archived_at, 0 FROM projects WHERE id = ?
  UNION ALL SELECT p.id, p.parent_id, p.team_id, p.deleted_at, p.archived_at, up.depth + 1
    FROM projects p JOIN up ON p.id = up.parent_id
) SELECT id, team_id, deleted_at, archived_at FROM up ORDER BY depth"""
_FIND = """WITH RECURSIVE up(id, parent_id, team_id, deleted_at, archived_at, path, name, depth) AS (
  SELECT id, parent_id, team_id, deleted_at, archived_at, path, name, 0 FROM projects WHERE id = (
    SELECT id FROM projects WHERE deleted_at IS NULL AND """
_UP = """
  UNION ALL SELECT p.id, p.parent_id, p.team_id, p.deleted_at, p.archived_at, p.path, p.name, up.depth + 1
    FROM projects p JOIN up ON p.id = up.parent_id
) SELECT id, team_id, deleted_at, archived_at, parent_id, path, name FROM up ORDER BY depth"""


_PROJECTS, _PATHS, _GRANTS = frozenset({"projects"}), frozenset({"projects", "project_paths"}), frozenset({"grants"})


class Clause(NamedTuple):
    """A piece of SQL with its parameters."""

    sql: str
    params: tuple[object, ...]


class ProjectRow(NamedTuple):
    """A project as stored."""

    id: ProjectId
    team_id: TeamId
    parent_id: ProjectId | None
    path: str
    name: str


def _chain(tx: Tx, project_id: str) -> list[Row]:
    return tx.once(_PROJECTS, ("chain", project_id), lambda: tx.all(_CHAIN, (project_id,)))


def is_archived(tx: Tx, project_id: str) -> bool:
    """Whether a project is laid aside."""
    rows = _chain(tx, project_id)
    return bool(rows) and rows[0][3] is not None


def project_scope(tx: Tx, project_id: str, *, deleted: bool = False) -> Scope | None:
    """Scope of a project by id; None where there is none, or where it is deleted and ``deleted`` is not asked for."""
    rows = _chain(tx, project_id)
    if not rows or (rows[0][2] is not None and not deleted):
        return None
    return Scope(tuple(row[0] for row in rows), rows[0][1])


def find_project(tx: Tx, reference: str) -> ProjectRow | None:
    """A project by id or path; in a path ``:`` may stand for ``/``. Where nothing lies now, who lay there last."""
    return tx.once(_PATHS, ("project", reference), lambda: _find_project(tx, reference))


def _find_project(tx: Tx, reference: str) -> ProjectRow | None:
    path = reference.replace(":", "/")
    rows = tx.all(f"{_FIND}(id = ? OR path = ?) LIMIT 1){_UP}", (reference, path)) or tx.all(
        f"{_FIND}id = (SELECT project_id FROM project_paths WHERE path = ?) LIMIT 1){_UP}", (path,)
    )
    if not rows:
        return None
    # Who looks for a project asks next where it lies: one trip to the database for both.
    tx.once(_PROJECTS, ("chain", rows[0][0]), lambda: [row[:4] for row in rows])
    return ProjectRow(rows[0][0], rows[0][1], *rows[0][4:])


def role_at(tx: Tx, actor: Actor, scope: Scope) -> Role | None:
    """The highest role that the actor holds at a scope, capped by their token."""
    return tx.once(_GRANTS, ("role", actor.member_id, actor.role_cap, scope), lambda: _role_at(tx, actor, scope))


def _role_at(tx: Tx, actor: Actor, scope: Scope) -> Role | None:
    projects = placeholders(scope.projects) or "NULL"
    found = tx.scalar(
        f"""SELECT max(role) FROM grants WHERE member_id = ? AND (scope_kind = 'workspace'
            OR (scope_kind = 'team' AND scope_id = ?) OR (scope_kind = 'project' AND scope_id IN ({projects})))""",
        (actor.member_id, scope.team_id, *scope.projects),
    )
    return Role(min(found, actor.role_cap)) if found else None


def role_on_workspace(tx: Tx, actor: Actor) -> Role | None:
    """The actor's role on the whole workspace, if any."""
    found = tx.scalar(
        "SELECT max(role) FROM grants WHERE member_id = ? AND scope_kind = 'workspace'", (actor.member_id,)
    )
    return Role(min(found, actor.role_cap)) if found else None


def readable_teams(actor: Actor) -> Clause:
    """The ids of the teams that the actor may read, as a subquery."""
    return Clause(
        """(SELECT t.id FROM teams t WHERE EXISTS (SELECT 1 FROM grants g WHERE g.member_id = ?
            AND (g.scope_kind = 'workspace' OR (g.scope_kind = 'team' AND g.scope_id = t.id))))""",
        (actor.member_id,),
    )


def readable_projects(actor: Actor, least: Role = Role.VIEWER) -> Clause:
    """The ids of the projects that the actor may read, as a subquery: the one clause behind every list.

    With ``least`` only those where the actor holds at least that role.
    """
    role = least if actor.role_cap >= least else Role.ADMIN + 1
    return Clause(
        """(WITH RECURSIVE seen(id) AS (
            SELECT p.id FROM projects p JOIN grants g ON g.member_id = ? AND g.role >= ?
              AND (g.scope_kind = 'workspace' OR (g.scope_kind = 'team' AND g.scope_id = p.team_id)
              OR (g.scope_kind = 'project' AND g.scope_id = p.id))
            UNION SELECT c.id FROM projects c JOIN seen ON c.parent_id = seen.id
        ) SELECT id FROM seen)""",
        (actor.member_id, int(role)),
    )


def visible_ids(tx: Tx, actor: Actor) -> tuple[set[str], set[str]]:
    """(project ids, team ids) that the actor may read, for what is filtered outside the database."""
    projects, teams = readable_projects(actor), readable_teams(actor)
    return (
        {row[0] for row in tx.all(f"SELECT id FROM projects WHERE id IN {projects.sql}", projects.params)},
        {row[0] for row in tx.all(f"SELECT id FROM teams WHERE id IN {teams.sql}", teams.params)},
    )


def projects_below(project_id: str) -> Clause:
    """A project's id and those of all projects below it, as a subquery."""
    return Clause(
        """(WITH RECURSIVE below(id) AS (SELECT id FROM projects WHERE id = ?
            UNION SELECT c.id FROM projects c JOIN below ON c.parent_id = below.id) SELECT id FROM below)""",
        (project_id,),
    )


def home_team(tx: Tx, actor: Actor, name: str = "") -> TeamId | None:
    """A team by name or id; with an empty name the first team that the actor belongs to, else the oldest team."""
    if name:
        found = tx.scalar("SELECT id FROM teams WHERE name = ? OR id = ?", (name, name))
    else:
        found = tx.scalar(
            """SELECT t.id FROM teams t LEFT JOIN grants g ON g.member_id = ? AND g.scope_kind = 'team'
               AND g.scope_id = t.id ORDER BY CASE WHEN g.role IS NULL THEN 1 ELSE 0 END, t.created_at, t.id LIMIT 1""",
            (actor.member_id,),
        )
    return TeamId(found) if found else None


def members_of_team(tx: Tx, team_id: str) -> list[tuple[str, str]]:
    """(id, name) of the members who hold a role in a team or on the whole workspace, disabled ones left out."""
    return [
        (row[0], row[1])
        for row in tx.all(
            """SELECT DISTINCT m.id, m.name FROM members m JOIN grants g ON g.member_id = m.id
               WHERE m.disabled_at IS NULL AND (g.scope_kind = 'workspace'
               OR (g.scope_kind = 'team' AND g.scope_id = ?)) ORDER BY m.name""",
            (team_id,),
        )
    ]


def members_at(tx: Tx, project_id: str, least: Role = Role.VIEWER) -> list[tuple[str, str]]:
    """(id, name) of the members who hold at least a role in a project, disabled ones left out."""
    scope = project_scope(tx, project_id)
    if scope is None:
        return []
    rows = tx.all(
        f"""SELECT DISTINCT m.id, m.name FROM members m JOIN grants g ON g.member_id = m.id
            WHERE m.disabled_at IS NULL AND g.role >= ? AND (g.scope_kind = 'workspace'
            OR (g.scope_kind = 'team' AND g.scope_id = ?)
            OR (g.scope_kind = 'project' AND g.scope_id IN ({placeholders(scope.projects)}))) ORDER BY m.name""",
        (int(least), scope.team_id, *scope.projects),
    )
    return [(row[0], row[1]) for row in rows]


def member_by_name(tx: Tx, name: str) -> str | None:
    """A member's id by name or id."""
    found = tx.scalar("SELECT id FROM members WHERE name = ? OR id = ?", (name, name))
    return str(found) if found else None
