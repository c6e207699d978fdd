"""The permission tree: workspace > team > project > project …; roles are inherited downwards only."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from runward.core.call import Scope
from runward.core.ids import ProjectId, TeamId
from runward.core.permissions import ALONE, PERMISSIONS, VERBS, Role
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


_PROJECTS, _PATHS, _GRANTS = (
    frozenset({"projects"}),
    frozenset({"projects", "project_paths"}),
    frozenset({"grants", "verb_grants"}),
)


_MEMBERS = frozenset({"grants", "verb_grants", "members", "projects"})


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


def archived_as(tx: Tx, project_id: str) -> str:
    """The project that was laid aside with an archived one in it: to open it opens both."""
    chain = [row[0] for row in itertools.takewhile(lambda row: row[3] is not None, _chain(tx, project_id))]
    return str(chain[-1])


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


def role_at(tx: Tx, actor: Actor, scope: Scope, may: str = "") -> Role | None:
    """The highest role that the actor holds at a scope, capped by their token.

    With ``may`` as far as that permission is concerned: a verb lifts its holder to the least role that has it.
    """
    key = ("role", actor.member_id, actor.role_cap, actor.within, scope, may if may in VERBS else "")
    return tx.once(_GRANTS, key, lambda: _role_at(tx, actor, scope, may))


def _is_within(actor: Actor, scope: Scope) -> bool:
    """Whether the actor's token is for a scope at all."""
    kind, limit = actor.within
    return kind == "workspace" or (scope.team_id == limit if kind == "team" else limit in scope.projects)


def _role_at(tx: Tx, actor: Actor, scope: Scope, may: str) -> Role | None:
    if not _is_within(actor, scope):
        return None
    where = f"""member_id = ? AND (scope_kind = 'workspace' OR (scope_kind = 'team' AND scope_id = ?)
        OR (scope_kind = 'project' AND scope_id IN ({placeholders(scope.projects) or "NULL"})))"""
    return _lifted(tx, actor, Clause(where, (actor.member_id, scope.team_id, *scope.projects)), may)


def token_is_for(actor: Actor, may: str) -> bool:
    """Whether a token that is limited to some permissions has one."""
    return not actor.only or may in actor.only or may == "session.use"


def role_on_workspace(tx: Tx, actor: Actor, may: str = "") -> Role | None:
    """The actor's role on the whole workspace, if any; none for a token that is for a part of it.

    With ``may`` as in :func:`role_at`.
    """
    if actor.within[0] != "workspace":
        return None
    return _lifted(tx, actor, Clause("member_id = ? AND scope_kind = 'workspace'", (actor.member_id,)), may)


def _lifted(tx: Tx, actor: Actor, where: Clause, may: str) -> Role | None:
    found = tx.scalar(f"SELECT max(role) FROM grants WHERE {where.sql}", where.params) or 0
    if may in VERBS and found < PERMISSIONS[may] and (found or may in ALONE):
        verb = tx.scalar(f"SELECT count(*) FROM verb_grants WHERE verb = ? AND {where.sql}", (may, *where.params))
        # A token that is for less than the verb's role is not for the verb.
        if verb and actor.role_cap >= PERMISSIONS[may]:
            return PERMISSIONS[may]
    return Role(min(found, actor.role_cap)) if found else None


def readable_teams(actor: Actor) -> Clause:
    """The ids of the teams that the actor may read, as a subquery."""
    kind, limit = actor.within
    return Clause(
        f"""(SELECT t.id FROM teams t WHERE EXISTS (SELECT 1 FROM grants g WHERE g.member_id = ?
            AND (g.scope_kind = 'workspace' OR (g.scope_kind = 'team' AND g.scope_id = t.id)))
            {"" if kind == "workspace" else "AND t.id = ?"})""",
        # A token for a project is for none of its team's own things.
        (actor.member_id,) if kind == "workspace" else (actor.member_id, limit if kind == "team" else ""),
    )


def readable_projects(actor: Actor, may: str = "") -> Clause:
    """The ids of the projects that the actor may read, as a subquery: the one clause behind every list.

    With ``may`` only those where the actor has that permission too, by role or by verb.
    """
    least = PERMISSIONS[may] if may else Role.VIEWER
    held = _with_role(actor, least)
    if may in VERBS and actor.role_cap >= least:
        read, verb = _with_role(actor, Role.VIEWER), _down(actor.member_id, "verb_grants", "g.verb = ?", may)
        held = Clause(
            f"(SELECT id FROM projects WHERE id IN {held.sql} OR (id IN {read.sql} AND id IN {verb.sql}))",
            (*held.params, *read.params, *verb.params),
        )
    kind, limit = actor.within
    if kind == "workspace":
        return held
    part = (
        projects_below(limit) if kind == "project" else Clause("(SELECT id FROM projects WHERE team_id = ?)", (limit,))
    )
    return Clause(
        f"(SELECT id FROM projects WHERE id IN {held.sql} AND id IN {part.sql})", (*held.params, *part.params)
    )


def _with_role(actor: Actor, least: Role) -> Clause:
    return _down(actor.member_id, "grants", "g.role >= ?", int(least if actor.role_cap >= least else Role.ADMIN + 1))


def _down(member_id: str, table: str, condition: str, value: object) -> Clause:
    """The ids of the projects that a member's grants reach: where they are held, and all below."""
    return Clause(
        f"""(WITH RECURSIVE seen(id) AS (
            SELECT p.id FROM projects p JOIN {table} g ON g.member_id = ? AND {condition}
              AND (g.scope_kind = 'workspace' OR (g.scope_kind = 'team' AND g.scope_id = p.team_id)
              OR (g.scope_kind = 'project' AND g.scope_id = p.id))
            UNION SELECT c.id FROM projects c JOIN seen ON c.parent_id = seen.id
        ) SELECT id FROM seen)""",
        (member_id, value),
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


def members_at(tx: Tx, project_id: str, least: Role = Role.VIEWER, may: str = "") -> list[tuple[str, str]]:
    """(id, name) of the members who hold at least a role in a project, disabled ones left out.

    With ``may`` also those who read it and hold that verb, where the verb's own role is at least that one.
    """
    return tx.once(_MEMBERS, ("at", project_id, least, may), lambda: _members_at(tx, project_id, least, may))


def _members_at(tx: Tx, project_id: str, least: Role, may: str) -> list[tuple[str, str]]:
    scope = project_scope(tx, project_id)
    if scope is None:
        return []
    where = f"""(g.scope_kind = 'workspace' OR (g.scope_kind = 'team' AND g.scope_id = ?)
        OR (g.scope_kind = 'project' AND g.scope_id IN ({placeholders(scope.projects)})))"""
    here = (scope.team_id, *scope.projects)
    rows = tx.all(
        f"""SELECT DISTINCT m.id, m.name FROM members m JOIN grants g ON g.member_id = m.id
            WHERE m.disabled_at IS NULL AND {where} AND (g.role >= ? OR EXISTS (SELECT 1 FROM verb_grants v
              WHERE v.member_id = m.id AND v.verb = ? AND {where.replace("g.", "v.")})) ORDER BY m.name""",
        (*here, int(least), may if may and PERMISSIONS[may] >= least else "", *here),
    )
    return [(row[0], row[1]) for row in rows]


def member_by_name(tx: Tx, name: str) -> str | None:
    """A member's id by name or id."""
    found = tx.scalar("SELECT id FROM members WHERE name = ? OR id = ?", (name, name))
    return str(found) if found else None
