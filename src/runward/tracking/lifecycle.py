"""All SQL on where projects lie and what is left out of sight: moves, archives, deletion, favourites, pins."""

from __future__ import annotations

from collections.abc import Sequence

from runward.core.permissions import Role
from runward.governance.calling import Call
from runward.governance.scopes import Clause, ProjectRow, project_scope, projects_below, role_at
from runward.store.database import Tx


def in_use(tx: Tx, visible: Clause, asked: str) -> Clause:
    """Those projects whose runs a list shows: not the archived ones, unless the one that was asked for is archived."""
    if asked and tx.scalar("SELECT archived_at FROM projects WHERE id = ?", (asked,)) is not None:
        return visible
    return Clause(f"(SELECT id FROM projects WHERE archived_at IS NULL AND id IN {visible.sql})", visible.params)


def may_restore(call: Call, project_id: str) -> bool:
    """Whether the caller maintains a project, which may itself be deleted."""
    team_id = call.tx.scalar("SELECT team_id FROM projects WHERE id = ?", (project_id,))
    scope = project_scope(call.tx, project_id, deleted=True)
    role = role_at(call.tx, call.actor, scope) if team_id and scope else None
    return role is not None and role >= Role.MAINTAINER


def paths_below(tx: Tx, project_id: str) -> list[tuple[str, str]]:
    """(id, path) of a project and of those below it that are not deleted."""
    below = projects_below(project_id)
    sql = f"SELECT id, path FROM projects WHERE deleted_at IS NULL AND id IN {below.sql} ORDER BY path"
    return [(row[0], row[1]) for row in tx.all(sql, below.params)]


def move(tx: Tx, project: ProjectRow, parent: ProjectRow | None, path: str, team_id: str, now: int) -> int:
    """Give a project and all below it another place; returns how many moved. Old paths stay known."""
    moved = paths_below(tx, project.id)
    tx.many(
        """INSERT INTO project_paths (path, project_id, at) VALUES (?, ?, ?) ON CONFLICT (path)
           DO UPDATE SET project_id = excluded.project_id, at = excluded.at""",
        [(old, project_id, now) for project_id, old in moved],
    )
    tx.many(
        "UPDATE projects SET path = ? WHERE id = ?", [(path + old[len(project.path) :], item) for item, old in moved]
    )
    below = projects_below(project.id)
    tx.execute(f"UPDATE projects SET team_id = ? WHERE id IN {below.sql}", (team_id, *below.params))
    tx.execute(
        "UPDATE projects SET parent_id = ?, name = ? WHERE id = ?",
        (parent.id if parent else None, path.rpartition("/")[2], project.id),
    )
    return len(moved)


def archive(tx: Tx, project_id: str, now: int | None) -> None:
    """Lay a project and all below it aside, or take them back (``now`` is None)."""
    below = projects_below(project_id)
    tx.execute(f"UPDATE projects SET archived_at = ? WHERE id IN {below.sql}", (now, *below.params))


def delete(tx: Tx, project_id: str, now: int) -> None:
    """Put a project, all below it and their runs out of sight; the same moment marks what goes together."""
    below = projects_below(project_id)
    alive = f"deleted_at IS NULL AND id IN {below.sql}"
    tx.execute(
        f"UPDATE runs SET deleted_at = ?, revision = revision + 1 WHERE deleted_at IS NULL AND project_id IN {below.sql}",
        (now, *below.params),
    )
    tx.execute(
        f"UPDATE projects SET deleted_at = ?, path = 'deleted:' || id || ':' || path WHERE {alive}",
        (now, *below.params),
    )


def restore(tx: Tx, project_id: str, path: str, deleted_at: int) -> None:
    """Bring back what :func:`delete` put out of sight at one moment, with ``path`` as the project's path."""
    below = projects_below(project_id)
    rows = tx.all(
        f"SELECT id, path FROM projects WHERE deleted_at = ? AND id IN {below.sql}", (deleted_at, *below.params)
    )
    before = {row[0]: str(row[1]).split(":", 2)[2] for row in rows}
    old = before[project_id]
    tx.many(
        "UPDATE projects SET deleted_at = NULL, path = ? WHERE id = ?",
        [(path + was[len(old) :], item) for item, was in before.items()],
    )
    tx.execute(
        f"""UPDATE runs SET deleted_at = NULL, revision = revision + 1
            WHERE deleted_at = ? AND project_id IN {below.sql}""",
        (deleted_at, *below.params),
    )


def set_favourite(tx: Tx, member_id: str, project_id: str, *, on: bool) -> None:
    """Mark a project for a member, or take the mark away."""
    tx.execute("DELETE FROM favourites WHERE member_id = ? AND project_id = ?", (member_id, project_id))
    if on:
        tx.execute("INSERT INTO favourites (member_id, project_id) VALUES (?, ?)", (member_id, project_id))


def set_pin(tx: Tx, project_id: str, run_id: str, author: str, now: int, *, on: bool) -> None:
    """Pin a run to its project, or take the pin away."""
    tx.execute("DELETE FROM pins WHERE project_id = ? AND run_id = ?", (project_id, run_id))
    if on:
        tx.execute(
            "INSERT INTO pins (project_id, run_id, author, at) VALUES (?, ?, ?, ?)", (project_id, run_id, author, now)
        )


def pinned(tx: Tx, project_id: str) -> list[str]:
    """Ids of the runs pinned to a project, the newest pin first."""
    sql = """SELECT x.run_id FROM pins x JOIN runs r ON r.id = x.run_id
             WHERE x.project_id = ? AND r.deleted_at IS NULL ORDER BY x.at DESC, x.run_id"""
    return [row[0] for row in tx.all(sql, (project_id,))]


def run_projects(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """Project ids by run id, of those runs that are not deleted."""
    rows = tx.listed("SELECT id, project_id FROM runs WHERE deleted_at IS NULL AND id IN ({})", ids)
    return {row[0]: row[1] for row in rows}


def move_runs(tx: Tx, ids: Sequence[str], project_id: str) -> None:
    """Move runs into a project. The project learns their keys; bytes are noted by the caller."""
    tx.many("DELETE FROM pins WHERE run_id = ?", [(run_id,) for run_id in ids])
    tx.many(
        "UPDATE runs SET project_id = ?, experiment_id = NULL, revision = revision + 1 WHERE id = ?",
        [(project_id, run_id) for run_id in ids],
    )
    for table, kind in (("metrics", "metric"), ("params", "param"), ("tags", "tag")):
        tx.many(
            f"""INSERT INTO run_keys (project_id, kind, key) SELECT DISTINCT ?, ?, key FROM {table} WHERE run_id = ?
                ON CONFLICT DO NOTHING""",
            [(project_id, kind, run_id) for run_id in ids],
        )


def copy_blobs(tx: Tx, source: str, target: str, digests: Sequence[str]) -> None:
    """Let a project have bytes that another one has."""
    tx.many(
        """INSERT INTO blobs (project_id, digest, size, created_at)
           SELECT CAST(? AS TEXT), digest, size, created_at FROM blobs WHERE project_id = ? AND digest = ?
           ON CONFLICT DO NOTHING""",
        [(target, source, digest) for digest in digests],
    )
